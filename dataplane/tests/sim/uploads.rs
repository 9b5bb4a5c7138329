//! Large values on shards that evict: whoever receives them and whoever owns their keys, none is refused.

use adit_drivers::sim::Random;
use adit_wire::resp::client::ReplyValue;

use crate::environment;
use crate::world::World;

fn run(seed: u64) {
    let (mut world, mut random) = (World::evicting(seed), Random::new(!seed));
    let ok = ReplyValue::Simple(b"OK".to_vec());
    for round in 0..100_u8 {
        let [key, other] = [0, 1].map(|_| format!("key{}", random.index(20)).into_bytes());
        let mut value = vec![round; 70_000 + random.index([100_000, 2_000_000][usize::from(round % 2)])];
        assert_eq!(world.ask(&[b"SET", &key, &value]), ok, "replay with ADIT_UPLOADS_SEED={seed}");
        match random.below(4) {
            0 if key != other => {
                assert_eq!(world.ask(&[b"RENAME", &key, &other]), ok);
                assert_eq!(world.ask(&[b"GET", &other]), ReplyValue::Bulk(Some(value)));
                continue;
            }
            1 => {
                value.extend(vec![!round; 70_000]);
                let len = ReplyValue::Integer(i64::try_from(value.len()).unwrap());
                assert_eq!(world.ask(&[b"APPEND", &key, &value[value.len() - 70_000..]]), len);
            }
            2 => {
                let pairs: [&[u8]; 5] = [b"MSET", &key, &value, b"more", &value];
                assert_eq!(world.ask(&pairs), ok);
            }
            _ => {}
        }
        assert_eq!(world.ask(&[b"GET", &key]), ReplyValue::Bulk(Some(value)));
    }
    world.empty();
}

#[test]
fn large_values_find_room_on_every_shard() {
    match environment("ADIT_UPLOADS_SEED") {
        Some(seed) => run(seed),
        None => (0..SEEDS).for_each(run),
    }
}

/// Seeds of a run of the tests.
const SEEDS: u64 = 8;
