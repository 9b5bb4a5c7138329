//! The examples of hook `call` beside plain code that does the same.

use std::collections::{BTreeMap, BTreeSet};

use adit_function::hook::CALL;
use adit_function::records::Records;

use crate::engines::each;
use crate::model::{Random, u32s, u64s};

#[test]
fn list_adds_up_the_nodes_that_it_follows() {
    let mut random = Random(1);
    let mut records = Records::new(64);
    let nodes: BTreeMap<u64, (u64, u64)> =
        (0..40).map(|key| (key, (random.below(44), random.next() >> 8))).collect();
    for (key, (next, number)) in &nodes {
        records.put(&key.to_le_bytes(), &u64s(&[*next, *number]));
    }
    records.put(&40u64.to_le_bytes(), &[0; 15]);
    each(&CALL, "list", |list| {
        for first in 0..42 {
            for steps in [0, 1, 2, 7, 100] {
                let (mut key, mut sum) = (first, 0u64);
                for _ in 0..steps {
                    let Some((next, number)) = nodes.get(&key) else { break };
                    sum = sum.wrapping_add(*number);
                    key = *next;
                }
                let ran = list.call(&records, &u64s(&[first, steps]));
                assert_eq!(ran.result, Ok(sum), "{steps} steps from {first}");
            }
        }
        assert_eq!(list.call(&records, &[0; 15]).result, Ok(0), "the input is too short");
    });
}

#[test]
fn friends_are_counted_level_by_level() {
    each(&CALL, "friends", |friends| {
        let mut random = Random(2);
        for (nodes, most) in [(2, 1), (20, 3), (300, 8), (5_000, 12)] {
            let graph: Vec<Vec<u32>> = (0..nodes)
                .map(|_| (0..random.below(most + 1)).map(|_| random.below_u32(nodes)).collect())
                .collect();
            let mut records = Records::new(64);
            for (node, friends) in (0u32..).zip(&graph).filter(|(_, friends)| !friends.is_empty()) {
                records.put(&node.to_le_bytes(), &u32s(friends));
            }
            for hops in [0, 1, 2, 4, 1000] {
                let first = random.below_u32(nodes.min(NODES));
                let ran = friends.call(&records, &u32s(&[first, hops]));
                assert_eq!(
                    ran.result,
                    Ok(reached(&graph, first, hops)),
                    "{hops} hops from {first} of {nodes}"
                );
            }
        }
        let records = Records::new(1);
        assert_eq!(friends.call(&records, &u32s(&[4096, 1])).result, Ok(0), "there is no such person");
        assert_eq!(friends.call(&records, &[0; 7]).result, Ok(0), "the input is too short");
    });
}

fn reached(graph: &[Vec<u32>], first: u32, hops: u32) -> u64 {
    let mut seen = BTreeSet::from([first]);
    let mut level = vec![first];
    for _ in 0..hops {
        if level.is_empty() {
            break;
        }
        let next = level.iter().flat_map(|node| &graph[*node as usize]);
        level = next.copied().filter(|node| u64::from(*node) < NODES && seen.insert(*node)).collect();
    }
    seen.len() as u64 - 1
}

/// The numbers that `friends.c` knows.
const NODES: u64 = 4096;

#[test]
fn an_object_is_given_if_it_has_the_type() {
    let mut random = Random(3);
    let mut records = Records::new(64);
    for object in 0..20u64 {
        records.put(&object.to_le_bytes(), &[u64s(&[object % 3]), random.bytes(object)].concat());
    }
    records.put(&20u64.to_le_bytes(), &[0; 7]);
    each(&CALL, "tao_object_get", |get| {
        for object in 0..22u64 {
            for kind in 0..3 {
                let ran = get.call(&records, &u64s(&[object, kind]));
                let is_there = object < 20 && object % 3 == kind;
                assert_eq!(ran.result, Ok(u64::from(is_there)), "object {object}, type {kind}");
                let data = records.value(&object.to_le_bytes()).unwrap_or_default();
                assert_eq!(ran.output, if is_there { &data[8..] } else { &[] });
            }
        }
        assert_eq!(get.call(&records, &[0; 15]).result, Ok(0), "the input is too short");
    });
}

#[test]
fn associations_are_given_from_a_position_on() {
    let list: Vec<u64> = (0..40).collect();
    let mut records = Records::new(64);
    records.put(&u64s(&[7, 1]), &u64s(&list));
    records.put(&u64s(&[7, 2]), &[u64s(&list[..2]), vec![1; 15]].concat());
    each(&CALL, "tao_assoc_range", |range| {
        let mut expect = |kind: u64, position: u32, limit: u32, associations: &[u64]| {
            let ran = range.call(&records, &[u64s(&[7, kind]), u32s(&[position, limit])].concat());
            assert_eq!(ran.result, Ok(associations.len() as u64 / 2), "{kind} {position} {limit}");
            assert_eq!(ran.output, u64s(associations), "{kind} {position} {limit}");
        };
        expect(1, 0, 100, &list);
        expect(1, 0, 3, &list[..6]);
        expect(1, 18, 1, &list[36..38]);
        expect(1, 18, 100, &list[36..]);
        expect(1, 20, 100, &[]);
        expect(1, u32::MAX, u32::MAX, &[]);
        expect(1, 0, 0, &[]);
        expect(2, 0, 9, &list[..2]);
        expect(3, 0, 9, &[]);
    });
}

#[test]
fn a_number_is_found_in_a_sorted_value() {
    each(&CALL, "binary_search", |search| {
        let mut random = Random(4);
        for count in [0, 1, 2, 3, 10, 1000, 60_000, 120_000] {
            let numbers: BTreeSet<u32> = (0..count).map(|_| random.below_u32(2 * count)).collect();
            let numbers: Vec<u32> = numbers.into_iter().collect();
            let mut records = Records::new(1);
            records.put(
                b"table",
                &[u32s(&numbers), vec![0xFF; usize::try_from(count % 4).expect("less than 4")]].concat(),
            );
            let wanted = (0..20).map(|_| random.below_u32(2 * count + 1)).chain([0, u32::MAX]);
            for wanted in wanted {
                let ran = search.call(&records, &[u32s(&[wanted]), b"table".to_vec()].concat());
                let index = numbers.binary_search(&wanted).map_or(u64::MAX, |index| index as u64);
                assert_eq!(ran.result, Ok(index), "{wanted} of {count}");
            }
        }
        let records = Records::new(1);
        assert_eq!(search.call(&records, b"\0\0\0\0other").result, Ok(u64::MAX), "there is no such key");
        assert_eq!(search.call(&records, &[0; 3]).result, Ok(u64::MAX), "the input is too short");
    });
}

#[test]
fn a_column_is_added_up() {
    let mut random = Random(5);
    let mut records = Records::new(64);
    let numbers: Vec<u32> = (0..1000).map(|_| random.below_u32(1 << 32)).collect();
    records.put(b"column", &[u32s(&numbers), vec![1; 3]].concat());
    records.put(b"none", &[1; 3]);
    let sum = numbers.iter().map(|number| u64::from(*number)).sum();
    let pieces: Vec<u32> = (0..50_000).map(|_| random.below_u32(1 << 32)).collect();
    records.put(b"pieces", &[u32s(&pieces), vec![1; 3]].concat());
    let sum_of_pieces = pieces.iter().map(|number| u64::from(*number)).sum();
    each(&CALL, "column_sum", |column_sum| {
        assert_eq!(column_sum.call(&records, b"column").result, Ok(sum));
        assert_eq!(column_sum.call(&records, b"pieces").result, Ok(sum_of_pieces));
        assert_eq!(column_sum.call(&records, b"none").result, Ok(0));
        assert_eq!(column_sum.call(&records, b"absent").result, Ok(0));
    });
}

#[test]
fn an_amount_is_moved_or_nothing_happens() {
    let mut records = Records::new(64);
    records.put(&1u64.to_le_bytes(), &100i64.to_le_bytes());
    records.put(&2u64.to_le_bytes(), &i64::MAX.to_le_bytes());
    records.put(&3u64.to_le_bytes(), &5i64.to_le_bytes());
    records.put(&4u64.to_le_bytes(), &[0; 7]);
    each(&CALL, "transfer", |transfer| {
        let mut expect = |from: u64, to: u64, amount: i64, writes: &[(u64, i64)]| {
            let ran = transfer.call(&records, &u64s(&[from, to, amount.cast_unsigned()]));
            assert_eq!(ran.result, Ok(u64::from(!writes.is_empty())), "{amount} from {from} to {to}");
            let bytes =
                |(key, value): &(u64, i64)| (key.to_le_bytes().to_vec(), Some(value.to_le_bytes().to_vec()));
            assert_eq!(
                ran.writes,
                writes.iter().map(bytes).collect::<Vec<_>>(),
                "{amount} from {from} to {to}"
            );
        };
        expect(1, 3, 40, &[(1, 60), (3, 45)]);
        expect(1, 3, 100, &[(1, 0), (3, 105)]);
        expect(1, 3, 0, &[(1, 100), (3, 5)]);
        expect(1, 1, 40, &[(1, 100)]);
        expect(1, 3, 101, &[]);
        expect(1, 3, -1, &[]);
        expect(3, 2, 1, &[]);
        expect(1, 4, 1, &[]);
        expect(4, 1, 1, &[]);
        expect(1, 9, 1, &[]);
        expect(9, 1, 1, &[]);
    });
}
