//! Draws requests at random: those of the strings, of whole keys and of the connection, with arguments that are often at
//! an edge and sometimes wrong.
#![allow(unreachable_pub, reason = "a module of a test crate")]

mod keys;
mod session;
mod strings;

use super::support::random::Random;

/// How two replies are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// Byte for byte.
    Bytes,
    /// The time left, or the point in time of an expiry that was set by the time left: the servers get the command
    /// at different moments. All times left that are set differ by more than this tolerance.
    Time { tolerance: i64 },
    /// KEYS promises no order.
    AnyOrder,
    /// Both are nil or an error, or neither is: what is told depends on chance or time.
    Presence,
    /// EXEC: each reply as its command wants it.
    Each,
}

/// A request.
pub type Words = Vec<Vec<u8>>;

/// Draws commands.
pub struct Generator {
    pub random: Random,
    /// Also options given twice, without their time, or with a wrong one: several errors in one command.
    odd: bool,
    expiry_count: u64,
    /// The connection is between MULTI and EXEC.
    queueing: bool,
}

/// A request and how its replies are compared.
pub type Request = (Words, Compare);

impl Generator {
    /// Draws from a seed, see [`Random::from_environment`].
    pub fn new(seed: u64, odd: bool) -> Self {
        Self { random: Random::from_environment(seed), odd, expiry_count: 0, queueing: false }
    }

    /// Requests for one connection, about `count`; `queueing` is kept for it between calls.
    pub fn requests(&mut self, count: usize, queueing: &mut bool) -> Vec<Request> {
        self.queueing = *queueing;
        let mut requests = Vec::new();
        while requests.len() < count {
            match self.random.below(20) {
                0..=7 => requests.push(self.command()),
                8..=12 => requests.push((self.string_command(), Compare::Bytes)),
                13..=16 => requests.extend(self.key_command()),
                17 => requests.push(self.session_command()),
                _ => requests.extend(self.transaction_command()),
            }
        }
        *queueing = self.queueing;
        requests
    }

    fn key(&mut self) -> Vec<u8> {
        match self.random.below(40) {
            0 => self.random.bytes(3),
            1 => vec![b'k'; 300],
            2 => Vec::new(),
            3 => self.watched(),
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

    /// When a key expires: in seconds, milliseconds, at a second or at a millisecond.
    fn time(&mut self) -> (usize, i64) {
        let seconds = self.seconds();
        match self.random.below(4) {
            0 => (0, seconds),
            1 => (1, seconds * 1000),
            2 => (2, UNIX_BASE + seconds),
            _ => (3, (UNIX_BASE + seconds) * 1000),
        }
    }

    /// An expiry option with its time.
    fn expiry(&mut self) -> [Vec<u8>; 2] {
        let wrong = self.odd && self.random.below(12) == 0;
        let (form, time) = self.time();
        let name = ["EX", "px", "EXAT", "PxAt"][form];
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
        let (form, time) = self.time();
        let name = ["EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT"][form];
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

/// Points in time that are given as such lie behind this (the year 2128): never near a time that is left.
const UNIX_BASE: i64 = 5_000_000_000;
/// The servers' moments of one command may differ by this; expiries differ by 10,000 s.
const SKEW_S: i64 = 1_000;
