//! `adit function check` and `run` as people and scripts use them: what they print, what they refuse, how they end.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{ADIT, Folder, text};

#[test]
fn a_function_is_listed_with_its_source_and_costs() {
    let folder = Folder::new();
    let object = example(&folder, "list");
    let (code, out, err) = adit(&["check", &object], "");
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    for part in [
        "list.c:24      __u64 key = request->first;\n",
        "call adit_get                            proven\n",
        "`list` is accepted for hook call: ",
        ", no guards\n",
        "  1 function; stack 24 bytes, variables 0, read-only data 0, machine code ",
        " for a call that never jumps back\n",
        " for each jump back from ",
        "  verified in ",
    ] {
        assert!(out.contains(part), "'{part}' in {out}");
    }
    let (code, quiet, _) = adit(&["check", "--quiet", &object], "");
    assert_eq!((code, quiet.lines().count()), (0, 1), "{quiet}");
}

#[test]
fn a_listing_is_read_by_machines() {
    let folder = Folder::new();
    let object = example(&folder, "friends");
    let (code, out, _) = adit(&["check", "--json", &object], "");
    let report: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(code, 0);
    assert_eq!((&report["version"], &report["accepted"]), (&1.into(), &true.into()));
    assert_eq!((&report["function"], &report["hook"]), (&"friends".into(), &"call".into()));
    let listing = report["listing"].as_array().expect("there is a listing");
    assert_eq!(report["cost"]["instructions"], listing.len());
    assert_eq!(report["cost"]["variable_bytes"], 4 * (4096 + 16) + 4096 / 8);
    assert!(report["cost"]["code_bytes"].as_u64() > Some(0));
    assert!(report["cost"]["loops"].as_array().is_some_and(|loops| loops.len() > 2));
    let call = listing.iter().find(|row| row["text"] == "call adit_get_many").expect("it calls that");
    assert_eq!(call["verdict"], "proven");
    assert!(call["file"].as_str().is_some_and(|file| file.ends_with("functions/friends.c")), "{call}");
}

#[test]
fn a_guard_and_a_refusal_point_to_the_source() {
    let folder = Folder::new();
    let guarded = compiled(
        &folder,
        "word",
        "ADIT_FILTER long word(const struct adit_filter *record) {\n    return *(const __u32 *)record->value;\n}\n",
    );
    let (code, out, _) = adit(&["check", "--quiet", &guarded], "");
    assert_eq!(code, 0, "{out}");
    assert!(out.starts_with("`word` is accepted for hook filter: 3 instructions, 1 guard\n"), "{out}");
    assert!(out.contains("word.c:3: guarded: `ldxw "), "{out}");
    assert!(
        out.contains("    3 |     return *(const __u32 *)record->value;\n      |            ^\n"),
        "{out}"
    );

    let refused = compiled(
        &folder,
        "leak",
        "ADIT_CALL long leak(const struct adit_call *call) {\n    return (long)call->input;\n}\n",
    );
    let (code, out, _) = adit(&["check", &refused], "");
    assert_eq!(code, 1, "{out}");
    assert!(out.contains("`leak` is refused for hook call\n"), "{out}");
    assert!(out.contains("the result would be a pointer\n"), "{out}");
    assert!(out.contains("    3 |     return (long)call->input;\n      |     ^\n"), "{out}");
    let (code, out, _) = adit(&["check", "--json", &refused], "");
    let report: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!(
        (code, &report["accepted"], &report["refusal"]["line"]),
        (1, &false.into(), &3.into()),
        "{out}"
    );
    let (code, out, err) = adit(&["run", &refused], "");
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("`leak` is refused for hook call\n"), "{err}");
}

#[test]
fn what_is_no_function_is_said_in_words() {
    let folder = Folder::new();
    let two = compiled(
        &folder,
        "two",
        "ADIT_CALL long one(const struct adit_call *call) {\n    return 1;\n}\nlong two(const struct adit_call *call) {\n    return 2;\n}\n",
    );
    std::fs::write(folder.path("text.o"), "no object").expect("the folder of the test is ours");
    let no_object = folder.path("text.o").display().to_string();
    let list = example(&folder, "list");
    for (arguments, word) in [
        (&["check", "/no/such/file.o"][..], "cannot read /no/such/file.o"),
        (&["check", &no_object], "this is no ELF object"),
        (&["check", ADIT], "compile with `clang -O2 -g -target bpf -c`"),
        (&["check", &two], "say which one to use: two, one"),
        (&["check", &two, "--entry", "three"], "the object has no function `three`, but two, one"),
        (&["check", &two, "--entry", "two"], "`two` does not say for which hook it is"),
        (&["check", &two, "--entry", "two", "--hook", "block"], "possible values: call, filter, aggregate"),
        (&["run", &list, "--input", "u32:x"], "'x' is not a number"),
        (&["run", &list, "--input", "@/no/such/input"], "cannot read the input from /no/such/input"),
        (&["run", &list, "--data", "/no/such/data"], "cannot read records from /no/such/data"),
        (&["run", &list, "--hook", "filter"], "name a file of them with --data FILE"),
        (
            &["run", &list, "--state", "18446744073709551615"],
            "a function has 2147483647 bytes of state at most",
        ),
    ] {
        let (code, out, err) = adit(arguments, "");
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}: {err}");
        assert!(err.contains(word), "{arguments:?}: {err}");
    }
    let (code, out, _) = adit(&["check", "--quiet", &two, "--entry", "two", "--hook", "call"], "");
    assert_eq!((code, out.as_str()), (0, "`two` is accepted for hook call: 2 instructions, no guards\n"));
    let (code, _, err) = adit(&["run", &list, "--data", "-"], "a\t1\nb 2\n");
    assert!(code == 2 && err.contains("line 2 has no tab"), "{err}");
}

#[test]
fn functions_are_tried_on_records() {
    let folder = Folder::new();
    let [list, transfer, json_field, top_k] =
        ["list", "transfer", "json_field", "top_k"].map(|name| example(&folder, name));
    for engine in ["native", "interpreter"] {
        let expect = |arguments: &[&str], input: &str, printed: &str| {
            let (code, out, err) = adit(&[arguments, &["--data", "-", "--engine", engine]].concat(), input);
            assert_eq!((code, out.as_str(), err.as_str()), (0, printed, ""), "{arguments:?}");
        };
        let nodes = "u64:1\tu64:2,10\nu64:2\tu64:3,20\n";
        expect(&["run", &list, "--input", "u64:1,9"], nodes, "result  30\nfuel    90\n");
        expect(&["run", &list, "--input", "u64:1,1"], nodes, "result  10\nfuel    55\n");
        let accounts = "u64:1\ti64:100\nu64:2\ti64:5\n";
        let moved = "put     hex:0100000000000000\thex:3c00000000000000\nput     hex:0200000000000000\thex:2d00000000000000\n";
        let (code, out, _) = adit(&["run", &transfer, "--input", "u64:1,2,40", "--data", "-"], accounts);
        assert!(code == 0 && out.starts_with("result  1\n") && out.contains(moved), "{out}");
        let texts = "ada\t{\"name\": \"Ada\", \"age\": 36}\nbob\t{\"name\": \"Bob\"}\nnot\tJSON\n";
        let (code, out, _) =
            adit(&["run", &json_field, "--input", "age", "--data", "-", "--engine", engine], texts);
        assert!(code == 0 && out.starts_with("ada\t36\n# 1 of 3 records taken\n# fuel "), "{out}");
        let scores = "u64:1\tu64:5\nu64:2\tu64:9\nu64:3\tu64:7\n";
        let (code, out, _) = adit(
            &["run", &top_k, "--state", "32", "--data", "-", "--engine", engine, "--repeat", "2"],
            scores,
        );
        assert!(code == 0 && out.starts_with("state   u64:9,2,7,3\nfuel "), "{out}");
        assert!(out.contains("time    ") && out.ends_with(" ns for a call\n"), "{out}");
    }
    // A filter may look other records up.
    let other = compiled(
        &folder,
        "other",
        "ADIT_FILTER __u64 other(const struct adit_filter *record) {\n    return adit_version(record->value, record->value_end - record->value) != 0;\n}\n",
    );
    let (code, out, _) = adit(&["run", &other, "--data", "-"], "#a\nx\ty\n\\x23y\tx\nz\tnone\n");
    assert!(code == 0 && out.starts_with("\\x23y\tx\n# 1 of 3 records taken\n"), "{out}");
    let (code, out, _) =
        adit(&["run", &json_field, "--input", "a", "--data", "-", "--json"], "k\t{\"a\":1}\n");
    let report: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!((code, &report["taken"]), (0, &serde_json::json!([["k", "1"]])), "{out}");
    let (code, out, _) = adit(&["run", &transfer, "--input", "u64:1,2,0", "--json"], "");
    let report: serde_json::Value = serde_json::from_str(&out).expect("it is JSON");
    assert_eq!((code, &report["result"], &report["writes"]), (0, &0.into(), &serde_json::json!([])), "{out}");
}

#[test]
fn a_call_that_is_stopped_says_why() {
    let folder = Folder::new();
    let list = example(&folder, "list");
    let word = compiled(
        &folder,
        "word",
        "ADIT_FILTER long word(const struct adit_filter *record) {\n    return *(const __u32 *)record->value;\n}\n",
    );
    let flood = compiled(
        &folder,
        "flood",
        "ADIT_CALL long flood(const struct adit_call *call) {\n    for (;;)\n        adit_emit(call->input, call->input_end - call->input);\n}\n",
    );
    for engine in ["native", "interpreter"] {
        for (arguments, input, word) in [
            (
                &["run", &list, "--input", "u64:1,1000", "--fuel", "1000"][..],
                "u64:1\tu64:1,1\n",
                "`list` was stopped: it used up its fuel",
            ),
            (&["run", &word], "good\tabcd\nbad\tabc\n", "`word` was stopped, at the record bad: "),
            (&["run", &word], "bad\tabc\n", "word.c:3: it reached for memory that it was not given"),
            (
                &["run", &flood, "--input", "0123456789"],
                "",
                "flood.c:4: adit_emit refused: there is more output than",
            ),
        ] {
            let (code, _, err) = adit(&[arguments, &["--data", "-", "--engine", engine]].concat(), input);
            assert!(code == 1 && err.contains(word), "{arguments:?}: {err}");
        }
    }
}

/// Runs `adit function`; gives its exit code and what it printed on both streams.
fn adit(arguments: &[&str], input: &str) -> (i32, String, String) {
    let mut command = support::adit();
    command.arg("function").args(arguments);
    let output = support::run(command, input.as_bytes(), "the package of this program");
    (output.status.code().expect("it ended by itself"), text(&output.stdout), text(&output.stderr))
}

/// The object of one of the examples.
fn example(folder: &Folder, name: &str) -> String {
    compile(folder, &functions().join(format!("{name}.c")), name)
}

/// The object of a function that includes the header.
fn compiled(folder: &Folder, name: &str, function: &str) -> String {
    let source = folder.path(&format!("{name}.c"));
    std::fs::write(&source, format!("#include \"adit_fn.h\"\n{function}"))
        .expect("the folder of the test is ours");
    compile(folder, &source, name)
}

fn compile(folder: &Folder, source: &Path, name: &str) -> String {
    let object = folder.path(&format!("{name}.o"));
    let output = Command::new("clang-14")
        .args(["-target", "bpf", "-mcpu=v3", "-O2", "-g", "-Wall", "-I"])
        .arg(functions())
        .arg("-c")
        .arg(source)
        .arg("-o")
        .arg(&object)
        .output()
        .expect("this test compiles C for BPF: apt-get install clang-14");
    assert!(output.status.success(), "{}", text(&output.stderr));
    object.display().to_string()
}

fn functions() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions")
}
