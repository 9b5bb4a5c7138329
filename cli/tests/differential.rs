//! The same random commands to Adit and to a redis-server: the replies are the same bytes.
//!
//! Left out of the commands, because the replies differ on purpose or by nature:
//! - HELLO, INFO, COMMAND, CONFIG, CLIENT ID: they tell of the server itself.
//! - SCAN with a cursor: the cursors and the order are each server's own; `SCAN ""` is taken as 0 by Redis only.
//! - ECHO above 64 KiB: in Adit only the value of a write may be that long.
//! - `KEYS **` while a key is empty: Redis 7.0 finds the empty key with `*` but not with `**`.
//! - Expiries that pass meanwhile: DBSIZE of Redis counts expired keys until it comes upon them.

mod support;

use support::random::Random;
use support::raw::request;
use support::redis::RedisServer;
use support::{Raw, Server};

/// How two replies are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compare {
    /// Byte for byte.
    Bytes,
    /// The time left, or the point in time of an expiry that was set by the time left: the servers get the command
    /// at different moments. All times left that are set differ by more than this tolerance.
    Time { tolerance: i64 },
    /// KEYS promises no order.
    AnyOrder,
}

type Words = Vec<Vec<u8>>;

/// Draws commands.
struct Generator {
    random: Random,
    /// Also options given twice, without their time, or with a wrong one: several errors in one command.
    odd: bool,
    expiry_count: u64,
}

impl Generator {
    fn key(&mut self) -> Vec<u8> {
        match self.random.below(40) {
            0 => self.random.bytes(3),
            1 => vec![b'k'; 300],
            2 => Vec::new(),
            _ => format!("key:{}", self.random.below(60)).into_bytes(),
        }
    }

    fn value(&mut self) -> Vec<u8> {
        match self.random.below(12) {
            0 => Vec::new(),
            1 => {
                let len = self.random.below(300);
                self.random.bytes(len)
            }
            2 => vec![b'x'; self.random.below(20_000)],
            3 => vec![b'y'; 60_000 + self.random.below(10_000)],
            4..=6 => self.number(),
            _ => format!("value {}", self.random.below(1000)).into_bytes(),
        }
    }

    /// A number, or what looks like one.
    fn number(&mut self) -> Vec<u8> {
        let edges = [
            "0",
            "1",
            "-1",
            "9223372036854775807",
            "-9223372036854775808",
            "9223372036854775808",
            "-0",
            "01",
            "+1",
            " 1",
            "1 ",
            "1.0",
            "abc",
            "",
            "-",
            "1e3",
            "0x10",
            "9223372036854775806",
            "\u{0}1",
        ];
        match self.random.below(3) {
            0 => self.random.pick(&edges).as_bytes().to_vec(),
            _ => (i64::try_from(self.random.below(2000)).unwrap_or(0) - 1000).to_string().into_bytes(),
        }
    }

    /// Seconds that differ from all others drawn by far more than a test takes. 7919 and 100,003 are primes, so
    /// they come in no order.
    fn seconds(&mut self) -> i64 {
        self.expiry_count += 1;
        let place = self.expiry_count * 7919 % 100_003;
        100_000 + i64::try_from(place).unwrap_or(0) * 10_000
    }

    /// An expiry option with its time.
    fn expiry(&mut self) -> [Vec<u8>; 2] {
        let wrong = self.odd && self.random.below(12) == 0;
        let seconds = self.seconds();
        let (name, time) = match self.random.below(4) {
            0 => ("EX", seconds),
            1 => ("px", seconds * 1000),
            2 => ("EXAT", UNIX_BASE + seconds),
            _ => ("PxAt", (UNIX_BASE + seconds) * 1000),
        };
        let time = time.to_string().into_bytes();
        [name.into(), if wrong { self.wrong_time() } else { time }]
    }

    /// No time, or one that is refused; never one that lies shortly ahead.
    fn wrong_time(&mut self) -> Vec<u8> {
        self.random.pick(&["0", "-1", "abc", "", "9223372036854775807", "-9223372036854775808", "1.5"]).into()
    }

    fn keys(&mut self, name: &str) -> Words {
        let count = match self.random.below(50) {
            0 => 400,
            1 => 0,
            _ => 1 + self.random.below(5),
        };
        let mut words = vec![name.into()];
        words.extend((0..count).map(|_| self.key()));
        words
    }

    fn set(&mut self) -> Words {
        let mut words = vec![b"SET".to_vec(), self.key(), self.value()];
        let (count, choices) = if self.odd { (4, 7) } else { (2, 6) };
        for _ in 0..self.random.below(count) {
            match self.random.below(choices) {
                0 | 1 => words.extend(self.expiry()),
                2 => words.push(b"KEEPTTL".to_vec()),
                3 => words.push(b"nx".to_vec()),
                4 => words.push(b"XX".to_vec()),
                5 => words.push(b"GET".to_vec()),
                _ => words.push(self.random.pick(&["EX", "PERSIST", "", "NXX", "PX", "CH"]).into()),
            }
        }
        words
    }

    fn expire(&mut self) -> Words {
        let seconds = self.seconds();
        let (name, time) = match self.random.below(4) {
            0 => ("EXPIRE", seconds),
            1 => ("PEXPIRE", seconds * 1000),
            2 => ("EXPIREAT", UNIX_BASE + seconds),
            _ => ("PEXPIREAT", (UNIX_BASE + seconds) * 1000),
        };
        let time_is_wrong = self.random.below(8) == 0;
        let time = if time_is_wrong { self.wrong_time() } else { time.to_string().into() };
        let mut words = vec![name.into(), self.key(), time];
        let options = if !self.odd && time_is_wrong { 1 } else { 3 };
        for _ in 0..self.random.below(options) {
            words.push(self.random.pick(&["NX", "XX", "gt", "LT", "GT", "SOON"]).into());
        }
        words
    }

    fn getex(&mut self) -> Words {
        let mut words = vec![b"GETEX".to_vec(), self.key()];
        match self.random.below(5) {
            0 => {}
            1 => words.push(b"persist".to_vec()),
            2 => words.extend([b"PERSIST".to_vec(), b"EX".to_vec()]),
            _ => words.extend(self.expiry()),
        }
        words
    }

    fn command(&mut self) -> (Words, Compare) {
        let time = |tolerance| Compare::Time { tolerance };
        let one = |generator: &mut Self, name: &str| vec![name.into(), generator.key()];
        let with = |generator: &mut Self, name: &str, number: bool| {
            let (key, last) = (generator.key(), if number { generator.number() } else { generator.value() });
            vec![name.into(), key, last]
        };
        let words = match self.random.below(44) {
            0..=5 => self.set(),
            6..=9 => one(self, "get"),
            10 => with(self, "SETNX", false),
            11 => with(self, "GETSET", false),
            12 => one(self, "GETDEL"),
            13..=14 => self.getex(),
            15..=16 => with(self, "APPEND", false),
            17 => one(self, "STRLEN"),
            18..=19 => one(self, "INCR"),
            20 => one(self, "DECR"),
            21..=22 => with(self, "INCRBY", true),
            23 => with(self, "DECRBY", true),
            24..=27 => self.expire(),
            28 => one(self, "PERSIST"),
            29 => return (one(self, "TTL"), time(SKEW_S)),
            30 => return (one(self, "PTTL"), time(SKEW_S * 1000)),
            31 => return (one(self, "EXPIRETIME"), time(SKEW_S)),
            32 => return (one(self, "PEXPIRETIME"), time(SKEW_S * 1000)),
            33 => one(self, "TYPE"),
            34 => self.keys("MGET"),
            35 => self.keys("DEL"),
            36 => self.keys("EXISTS"),
            37 => self.keys("UNLINK"),
            38 => self.keys("TOUCH"),
            39 => self.setex(),
            40 => return self.rare(),
            41 => self.malformed(),
            42 => {
                vec![b"SELECT".to_vec(), self.random.pick(&["0", "0", "1", "15", "16", "-1", "x", ""]).into()]
            }
            _ => vec![b"DBSIZE".to_vec()],
        };
        (words, Compare::Bytes)
    }

    fn setex(&mut self) -> Words {
        let (seconds, key, value) = (self.seconds(), self.key(), self.value());
        let wrong = self.random.below(6) == 0;
        let (name, time) =
            if self.random.below(2) == 0 { ("SETEX", seconds) } else { ("PSETEX", seconds * 1000) };
        let time = if wrong { self.wrong_time() } else { time.to_string().into() };
        vec![name.into(), key, time, value]
    }

    fn rare(&mut self) -> (Words, Compare) {
        let pattern = self.random.pick(&[
            "*",
            "key:?",
            "key:[1-3]*",
            "key:[^1]",
            "*5*",
            "[",
            "key:\\1",
            "k[e-",
            "*k**",
            "",
            "key:[3-1]",
            "?",
            "[^k]*",
            "key:1[",
            "key:[]1]",
            "key:[\\1]",
            "[^]*",
        ]);
        match self.random.below(10) {
            0..=3 => (vec![b"KEYS".to_vec(), pattern.into()], Compare::AnyOrder),
            4 => (vec![b"FLUSHDB".to_vec()], Compare::Bytes),
            5 => (vec![b"PING".to_vec(), self.number()], Compare::Bytes),
            6 => (vec![b"ECHO".to_vec(), self.number()], Compare::Bytes),
            7 => (
                vec![b"FLUSHALL".to_vec(), self.random.pick(&["SYNC", "async", "now"]).into()],
                Compare::Bytes,
            ),
            8 => (vec![b"SCAN".to_vec(), self.random.pick(&["x", "1.5", "--1"]).into()], Compare::Bytes),
            _ => (vec![b"CLIENT".to_vec(), b"GETNAME".to_vec()], Compare::Bytes),
        }
    }

    /// A command with too few or too many arguments, or none at all.
    fn malformed(&mut self) -> Words {
        let name = self.random.pick(&[
            "GET", "set", "Incr", "DECRBY", "TTL", "MGET", "DEL", "GETEX", "SETEX", "TYPE", "KEYS", "DBSIZE",
            "SELECT", "PERSIST", "nosuch", "", "GETT", "SET\r\n", "PING", "ECHO",
        ]);
        let mut words: Words = vec![name.into()];
        let count = self.random.below(6);
        for _ in 0..count {
            words.push(self.random.pick(&["a", "b c", "\u{e4}", "it's", "1"]).into());
        }
        // SET and its like with few words could be valid and set a key; that is fine on both sides.
        words
    }
}

fn shown(words: &[Vec<u8>]) -> String {
    let word = |word: &Vec<u8>| word[..word.len().min(60)].escape_ascii().to_string();
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn number(reply: &[u8]) -> Option<i64> {
    std::str::from_utf8(reply).ok()?.strip_prefix(':')?.trim_end().parse().ok()
}

fn is_same(compare: Compare, ours: &[u8], theirs: &[u8]) -> bool {
    match compare {
        Compare::Bytes => ours == theirs,
        Compare::Time { tolerance } => match (number(ours), number(theirs)) {
            (Some(ours), Some(theirs)) if ours > 0 && theirs > 0 => {
                ours.abs_diff(theirs) <= tolerance.unsigned_abs()
            }
            _ => ours == theirs,
        },
        Compare::AnyOrder => sorted(ours) == sorted(theirs),
    }
}

/// The pieces of an array of bulk strings in an order of their own; keys here hold no line that looks like a header.
fn sorted(reply: &[u8]) -> Vec<Vec<u8>> {
    let text = reply.escape_ascii().to_string();
    let mut pieces: Vec<Vec<u8>> =
        text.split("\\r\\n$").map(|piece| piece.trim_end_matches("\\r\\n").into()).collect();
    pieces.sort();
    pieces
}

fn play(ours: &mut Raw, theirs: &mut Raw, seed: u64, odd: bool) {
    let mut generator = Generator { random: Random::from_environment(seed), odd, expiry_count: 0 };
    let (mut sent, mut errors, mut differences) = (0, 0, Vec::new());
    while sent < COMMANDS {
        let count = 1 + generator.random.below(64);
        let batch: Vec<(Words, Compare)> = (0..count).map(|_| generator.command()).collect();
        let bytes: Vec<u8> = batch.iter().flat_map(|(words, _)| request(words)).collect();
        theirs.write(&bytes);
        let expected: Vec<_> = batch.iter().map(|_| theirs.reply()).collect();
        ours.write(&bytes);
        for (number, ((words, compare), theirs)) in batch.iter().zip(&expected).enumerate() {
            let ours = ours.reply();
            errors += usize::from(theirs.starts_with(b"-"));
            if !is_same(*compare, &ours, theirs) {
                let replies = [shown(&[ours]), shown(std::slice::from_ref(theirs))];
                let command = shown(words);
                differences.push(format!(
                    "{}: {command}\nadit:  {}\nredis: {}",
                    sent + number,
                    replies[0],
                    replies[1]
                ));
            }
        }
        sent += count;
    }
    println!("{sent} commands, {errors} of them errors");
    // The first is what to look at: those behind it may follow from it.
    let first = differences.iter().take(DIFFERENCES_SHOWN).cloned().collect::<Vec<_>>().join("\n");
    assert!(differences.is_empty(), "{} replies differ:\n{first}", differences.len());
    assert!(errors > sent / 100 && errors < sent / 2, "the mix should hold errors, and more than errors");
}

fn differential(shards: u16, version: &str, seed: u64, odd: bool) {
    let (mut server, redis) = (Server::start(shards), RedisServer::start());
    let (mut ours, mut theirs) = (server.connect(), redis.connect());
    for connection in [&mut ours, &mut theirs] {
        // Its reply holds a client number and a version.
        connection.ask(&["HELLO", version]);
    }
    play(&mut ours, &mut theirs, seed, odd);
    server.assert_alive("after random commands");
}

#[test]
fn replies_are_those_of_redis_with_one_shard() {
    differential(1, "2", 11, false);
}

#[test]
fn replies_are_those_of_redis_with_two_shards() {
    differential(2, "2", 12, false);
}

#[test]
fn replies_are_those_of_redis_in_resp3() {
    differential(1, "3", 13, false);
    differential(2, "3", 14, false);
}

/// Where a command is wrong in several ways, the error that Redis gives; and options may be repeated.
#[test]
fn odd_options_are_judged_as_by_redis() {
    differential(2, "2", 15, true);
}

/// Inline requests, which people type.
#[test]
fn inline_requests_are_those_of_redis() {
    let (server, redis) = (Server::start(2), RedisServer::start());
    let (mut ours, mut theirs) = (server.connect(), redis.connect());
    for line in [
        "PING\r\n",
        "ping\n",
        "  SET  k   'a b'  \r\n",
        "GET k\r\n",
        "GET \"k\"\n",
        "\r\n\r\nGET k\r\n",
        "SET q \"\\x41\\n\"\r\n",
        "GET q\n",
        "SET e ''\n",
        "GET e\n",
        "NOSUCH x y\r\n",
        "GET\r\n",
        "SET 'it\\'s' 1\r\n",
        "GET \"it's\"\r\n",
        "echo a\"b\"\r\n",
        "*0\r\nPING\r\n",
        "*-1\r\nPING\r\n",
        "*1\r\n$4\r\nPING\r\n",
    ] {
        ours.write(line.as_bytes());
        theirs.write(line.as_bytes());
        assert_eq!(support::text(&ours.reply()), support::text(&theirs.reply()), "{line:?}");
    }
    for line in ["SET k \"open\r\n", "GET 'a'b\r\n"] {
        let (mut ours, mut theirs) = (server.connect(), redis.connect());
        ours.write(line.as_bytes());
        theirs.write(line.as_bytes());
        assert_eq!(support::text(&ours.rest()), support::text(&theirs.rest()), "{line:?}");
    }
}

const DIFFERENCES_SHOWN: usize = 20;
const COMMANDS: usize = 20_000;
/// Points in time that are given as such lie behind this (the year 2128): never near a time that is left.
const UNIX_BASE: i64 = 5_000_000_000;
/// The servers' moments of one command may differ by this; expiries differ by 10,000 s.
const SKEW_S: i64 = 1_000;
