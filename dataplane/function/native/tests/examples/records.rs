//! The examples of hooks `filter` and `aggregate` beside plain code that does the same.

use std::collections::BTreeMap;

use adit_function::hook::{AGGREGATE, FILTER};

use crate::clang;
use crate::engines::each;
use crate::model::{Random, u64s};

#[test]
fn projection_takes_four_bytes() {
    each(&FILTER, "projection", |projection| {
        for value in [&b""[..], b"abc", b"abcd", b"abcdefgh"] {
            let ran = projection.filter(b"key", value, b"");
            assert_eq!(ran.result, Ok(u64::from(value.len() >= 4)));
            assert_eq!(ran.output, if value.len() >= 4 { &value[..4] } else { b"" });
        }
    });
}

#[test]
fn aggregate_counts_and_compares() {
    let mut random = Random(6);
    let mut values: Vec<i64> = (0..200).map(|_| random.next().cast_signed() >> random.below(64)).collect();
    values.extend([0, -1, 1]);
    each(&AGGREGATE, "aggregate", |aggregate| {
        let mut state = [0; 32];
        for (index, value) in values.iter().enumerate() {
            assert_eq!(aggregate.aggregate(b"", &value.to_le_bytes(), &mut state).result, Ok(1));
            assert_eq!(aggregate.aggregate(b"", &value.to_le_bytes()[..7], &mut state).result, Ok(0));
            let seen = &values[..=index];
            let sum = seen.iter().fold(0i64, |sum, value| sum.wrapping_add(*value));
            let (least, greatest) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
            let wanted =
                [seen.len() as u64, sum.cast_unsigned(), least.cast_unsigned(), greatest.cast_unsigned()];
            assert_eq!(state.to_vec(), u64s(&wanted), "after {value}");
        }
        assert_eq!(aggregate.aggregate(b"", &[0; 8], &mut [0; 31]).result, Ok(0), "the state is too short");
    });
}

#[test]
fn top_k_keeps_the_greatest() {
    let mut random = Random(7);
    let scores: BTreeMap<u64, u64> = (0..300).map(|_| (random.next(), random.below(1 << 40) + 1)).collect();
    let mut best: Vec<[u64; 2]> = scores.iter().map(|(key, score)| [*score, *key]).collect();
    best.sort_by(|a, b| b.cmp(a));
    each(&AGGREGATE, "top_k", |top_k| {
        for room in [0, 1, 10, 1000] {
            let mut state = vec![0; 16 * room + 7];
            for (key, score) in &scores {
                assert_eq!(
                    top_k.aggregate(&key.to_le_bytes(), &score.to_le_bytes(), &mut state).result,
                    Ok(1)
                );
            }
            assert_eq!(top_k.aggregate(b"short", &[0xFF; 8], &mut state).result, Ok(0));
            let mut wanted = u64s(best[..room.min(best.len())].as_flattened());
            wanted.resize(state.len(), 0);
            assert_eq!(state, wanted, "{room} places");
        }
    });
}

#[test]
fn a_field_of_json_is_found_as_it_is_written() {
    let cases: &[(&str, &str, Option<&str>)] = &[
        (r#"{"a":1}"#, "a", Some("1")),
        (r#"{"a":1}"#, "b", None),
        (r#"{"a":1}"#, "", None),
        (r#"{"":1}"#, "", Some("1")),
        (r#" { "a" : 1 , "b" : "x" } "#, "a", Some("1")),
        (r#" { "a" : 1 , "b" : "x" } "#, "b", Some(r#""x""#)),
        (r#"{"a":-1.5e+3,"b":true,"c":null}"#, "a", Some("-1.5e+3")),
        (r#"{"a":-1.5e+3,"b":true,"c":null}"#, "b", Some("true")),
        (r#"{"a":-1.5e+3,"b":true,"c":null}"#, "c", Some("null")),
        (r#"{"a":"q\"},:\\","b":"\u00fc"}"#, "a", Some(r#""q\"},:\\""#)),
        (r#"{"a":"q\"},:\\","b":"\u00fc"}"#, "b", Some(r#""\u00fc""#)),
        (r#"{"x":"a","a":"b"}"#, "a", Some(r#""b""#)),
        (r#"{"x":{"a":1},"a":2}"#, "a", Some("2")),
        (r#"{"x":[{"a":1}],"a":{"b":[1,{"c":"}"}]}}"#, "a", Some(r#"{"b":[1,{"c":"}"}]}"#)),
        (r#"{"a":[1, 2]}"#, "a", Some("[1, 2]")),
        (r#"{"ab":1,"a":2,"abc":3}"#, "a", Some("2")),
        (r#"{"ab":1,"a":2,"abc":3}"#, "abc", Some("3")),
        (r#"{"a":1,"a":2}"#, "a", Some("1")),
        (r#"{"\u0061":1}"#, "a", None),
        (r#"{"\u0061":1}"#, r"\u0061", Some("1")),
        (r#"{"a":1"#, "a", None),
        (r#"{"a":"1"#, "a", None),
        (r#"{"a":}"#, "a", None),
        (r#"{"a"}"#, "a", None),
        (r#"["a",1]"#, "a", None),
        (r#""a""#, "a", None),
        ("{}", "a", None),
        ("", "a", None),
    ];
    each(&FILTER, "json_field", |json_field| {
        for (text, name, wanted) in cases {
            let ran = json_field.filter(b"key", text.as_bytes(), name.as_bytes());
            assert_eq!(ran.result, Ok(u64::from(wanted.is_some())), "{name} of {text}");
            assert_eq!(String::from_utf8_lossy(&ran.output), wanted.unwrap_or(""), "{name} of {text}");
        }
    });
}

#[test]
fn hostile_texts_are_the_same_to_all_engines() {
    const TEXT: &[u8] = br#"{"x":[{"a":"\"}"}],"a":{"b":[1,{"c":"}"}]},"ab":"a","":-1.5e3}"#;
    each(&FILTER, "json_field", |json_field| {
        let mut random = Random(8);
        for _ in 0..500 {
            let mut text = TEXT.to_vec();
            for _ in 0..random.below(6) {
                let at = usize::try_from(random.below(text.len() as u64)).expect("an index");
                text[at] = TEXT[usize::try_from(random.below(TEXT.len() as u64)).expect("an index")];
            }
            let start = usize::try_from(random.below(4)).expect("an index");
            for name in [&b"a"[..], b"ab", b"", b"a\\"] {
                let ran = json_field.filter(b"key", &text[start..], name);
                assert!(ran.result.is_ok(), "{}", String::from_utf8_lossy(&text));
            }
        }
    });
}

#[test]
fn nets_give_the_scores_of_the_script_that_made_them() {
    for (net, right, rows) in [("iris", 49, 50), ("wine", 57, 59)] {
        let text = std::fs::read_to_string(clang::folder().join(format!("nets/{net}.rows"))).unwrap();
        each(&FILTER, net, |function| {
            let (mut count, mut hits) = (0, 0);
            for line in text.lines().filter(|line| !line.starts_with('#')) {
                let (measured, answer) = line.split_once(" = ").unwrap();
                let (answer, truth) = answer.split_once(" (").unwrap();
                let value = i32s(measured);
                let ran = function.filter(b"", &value, b"");
                assert_eq!(ran.result, Ok(1), "{line}");
                assert_eq!(ran.output, i32s(answer), "{line}");
                assert_eq!(function.filter(b"", &value[1..], b"").result, Ok(0), "the value is too short");
                count += 1;
                hits += u32::from(answer.split(' ').next() == truth.strip_suffix(')'));
            }
            assert_eq!((hits, count), (right, rows), "{net} is as good as nets/{net}.h says");
        });
    }
}

fn i32s(text: &str) -> Vec<u8> {
    text.split(' ')
        .flat_map(|number| number.parse::<i32>().expect("rows are numbers").to_le_bytes())
        .collect()
}
