//! A client: writes random requests in pipelines, reads slowly, resets, and judges every reply.

use std::collections::VecDeque;

use adit_drivers::sim::{Random, SimClient, SimNetwork};
use adit_wire::resp::client::{ReplyValue, decode_reply, encode_request};

use crate::model::{Command, Model};

/// What a reply must be.
enum Expected {
    Exactly(ReplyValue),
    /// The new value of a counter that all clients share: more than this client saw before.
    Counter(usize),
}

/// One client and its connection.
pub(crate) struct Client {
    name: String,
    network: SimNetwork,
    random: Random,
    connection: SimClient,
    model: Model,
    /// Requests without a reply, and the model before each, to find out after a reset how far they came.
    expected: VecDeque<Expected>,
    unacknowledged: Vec<Model>,
    received: Vec<u8>,
    /// Replies to what was asked after a reset.
    collected: Vec<ReplyValue>,
    /// It reads nothing for so many steps.
    sleeps: u64,
    may_reset: bool,
    /// The last value that it saw of each shared counter.
    seen: [i64; COUNTERS],
    /// Increments that were answered, and that were not before a reset.
    pub(crate) counted: [i64; COUNTERS],
    pub(crate) uncertain: [i64; COUNTERS],
    pub(crate) requests: u64,
}

impl Client {
    pub(crate) fn new(index: usize, network: &SimNetwork, mut random: Random, shards: usize) -> Self {
        let may_reset = random.one_in(3);
        Self {
            name: format!("c{index}"),
            network: network.clone(),
            connection: connect(network, &mut random, shards),
            random,
            model: Model::default(),
            expected: VecDeque::new(),
            unacknowledged: Vec::new(),
            received: Vec::new(),
            collected: Vec::new(),
            sleeps: 0,
            may_reset,
            seen: [0; COUNTERS],
            counted: [0; COUNTERS],
            uncertain: [0; COUNTERS],
            requests: 0,
        }
    }

    /// Writes a pipeline of requests, now and then torn into pieces.
    pub(crate) fn write(&mut self, now_ms: u64) {
        if self.expected.len() > PIPELINE_MAX || self.connection.unread_bytes() > UNREAD_BYTES_MAX {
            return;
        }
        let mut bytes = Vec::new();
        // Requests on several keys, one behind the other.
        let only_several = self.random.one_in(4);
        for _ in 0..=self.random.below(20) {
            if only_several {
                self.write_one(&mut bytes, now_ms, true);
            } else if self.random.one_in(10) {
                let counter = self.random.index(COUNTERS);
                self.uncertain[counter] += 1;
                self.unacknowledged.push(self.model.clone());
                self.expected.push_back(Expected::Counter(counter));
                encode_request(&mut bytes, &[b"INCR", format!("shared:{counter}").as_bytes()]);
            } else if self.random.one_in(20) {
                self.write_silently(&mut bytes);
            } else {
                self.write_one(&mut bytes, now_ms, false);
            }
            self.requests += 1;
        }
        self.connection.write(&bytes);
    }

    fn write_one(&mut self, bytes: &mut Vec<u8>, now_ms: u64, on_several_keys: bool) {
        let command = self.command(on_several_keys);
        self.unacknowledged.push(self.model.clone());
        self.expected.push_back(Expected::Exactly(self.model.execute(&command, now_ms)));
        let arguments: Vec<&[u8]> = command.0.iter().map(Vec::as_slice).collect();
        encode_request(bytes, &arguments);
    }

    /// Reads whose replies are dropped, one of them or some; of the latter the end is answered.
    fn write_silently(&mut self, bytes: &mut Vec<u8>) {
        let skips = self.random.one_in(2);
        encode_request(bytes, &[b"CLIENT", b"REPLY", if skips { &b"SKIP"[..] } else { b"OFF" }]);
        for _ in 0..if skips { 1 } else { self.random.below(4) } {
            let (first, second) = (self.key(), self.key());
            match self.random.below(4) {
                0 => encode_request(bytes, &[b"MGET", &first, &second, &first]),
                1 => encode_request(bytes, &[b"CLIENT", b"LIST"]),
                _ => encode_request(bytes, &[b"GET", &first]),
            }
        }
        if !skips {
            self.unacknowledged.push(self.model.clone());
            self.expected.push_back(Expected::Exactly(crate::model::OK()));
            encode_request(bytes, &[b"CLIENT", b"REPLY", b"ON"]);
        }
    }

    fn key(&mut self) -> Vec<u8> {
        let key = self.random.below(KEYS);
        // Some share a hash tag, so that a request of many keys meets one shard or several.
        let tag = if key < 3 { format!("{{{}}}", self.name) } else { String::new() };
        format!("{}:{tag}{key}", self.name).into_bytes()
    }

    fn value(&mut self) -> Vec<u8> {
        let len = match self.random.below(40) {
            0..20 => return self.random.below(1_000).to_string().into_bytes(),
            20..36 => self.random.index(200),
            36..38 => self.random.index(20_000),
            38 => 65_536 - 60 + self.random.index(120),
            _ => self.random.index(300_000),
        };
        let start = self.random.bits();
        (0..len as u64).map(|index| start.wrapping_add(index * 7).to_le_bytes()[0]).collect()
    }

    fn command(&mut self, on_several_keys: bool) -> Command {
        let kind = if on_several_keys { 24 + self.random.below(6) } else { self.random.below(27) };
        let words: &[&str] = match kind {
            0..6 => &["GET", "K"],
            6..10 => &["SET", "K", "V"],
            10 => &["SET", "K", "V", ["NX", "XX", "GET", "KEEPTTL"][self.random.index(4)]],
            11 => &["SET", "K", "V", "EX", ["10", "100"][self.random.index(2)]],
            12 => &["INCRBY", "K", "5"],
            13 => &["APPEND", "K", "V"],
            14 => &["MGET", "K", "K", "K", "K"],
            15 => &["DEL", "K", "K", "K"],
            16 => &["EXISTS", "K", "K", "K"],
            17 => &["GETDEL", "K"],
            18 => &["SETNX", "K", "V"],
            19 => &["GETSET", "K", "V"],
            20 => &["EXPIRE", "K", ["7", "70"][self.random.index(2)]],
            21 => [&["PTTL", "K"][..], &["PERSIST", "K"], &["TYPE", "K"]][self.random.index(3)],
            22 => &["STRLEN", "K"],
            24 | 25 => &["MSET", "K", "V", "K", "V", "K", "V"],
            26 => &["MSETNX", "K", "V", "K", "V"],
            27 => &["MGET", "K", "K", "K", "K", "K"],
            28 => &["DEL", "K", "K"],
            29 => &["EXISTS", "K", "K", "K"],
            _ => [
                &["PING"][..],
                &["ECHO", "hello"],
                &["NOSUCH"],
                &["CONFIG", "SET", "timeout", "0"],
                &["CLIENT", "LIST", "TYPE", "master"],
                &["CLIENT", "KILL", "ID", "99999999"],
            ][self.random.index(6)],
        };
        let word = |word: &&str| match *word {
            "K" => self.key(),
            "V" => self.value(),
            other => other.as_bytes().to_vec(),
        };
        Command(words.iter().map(word).collect())
    }

    /// Reads some of what came and judges it.
    pub(crate) fn read(&mut self) {
        if self.sleeps > 0 {
            self.sleeps -= 1;
            return;
        }
        if self.random.one_in(50) {
            self.sleeps = self.random.below(100);
        }
        let most = 1 + self.random.index(100_000);
        self.received.extend(self.connection.read(most));
        let mut start = 0;
        while let Some((reply, len)) = decode_reply(&self.received[start..]).expect("replies are RESP") {
            start += len;
            self.judge(reply);
        }
        self.received.drain(..start);
    }

    fn judge(&mut self, reply: ReplyValue) {
        self.unacknowledged.remove(0);
        match (self.expected.pop_front().expect("a reply without a request"), reply) {
            (Expected::Exactly(expected), reply) => {
                assert!(
                    reply == expected,
                    "{}: {} instead of {}",
                    self.name,
                    short(&reply),
                    short(&expected)
                );
            }
            (Expected::Counter(counter), ReplyValue::Integer(value)) => {
                assert!(value > self.seen[counter], "{}: a counter went back", self.name);
                self.seen[counter] = value;
                self.counted[counter] += 1;
                self.uncertain[counter] -= 1;
            }
            (Expected::Counter(_), other) => panic!("{}: {other:?} instead of a number", self.name),
        }
    }

    /// Whether every reply has come.
    pub(crate) fn is_quiet(&self) -> bool {
        self.expected.is_empty()
    }

    /// Breaks the connection in the middle of whatever is under way, if this client is one that does.
    pub(crate) fn reset(&mut self) -> bool {
        if self.may_reset && self.random.one_in(4) {
            self.connection.reset();
            return true;
        }
        false
    }

    /// After a reset, when all shards are idle: reads every key and finds how many of the unanswered requests were
    /// executed. They were executed in order, so the keys must be those after some of them.
    pub(crate) fn reconnect(&mut self, shards: usize) {
        self.connection = connect(&self.network, &mut self.random, shards);
        self.received.clear();
        self.expected.clear();
        self.sleeps = 0;
        let mut bytes = Vec::new();
        for key in all_keys(&self.name) {
            encode_request(&mut bytes, &[b"GET", &key]);
            encode_request(&mut bytes, &[b"PTTL", &key]);
        }
        self.connection.write(&bytes);
    }

    /// Judges the keys that were read after [`Client::reconnect`].
    pub(crate) fn settle(&mut self, now_ms: u64) {
        let replies = std::mem::take(&mut self.collected);
        let mut found = Model::default();
        for (key, pair) in all_keys(&self.name).zip(replies.chunks_exact(2)) {
            match pair {
                [ReplyValue::Bulk(None), ReplyValue::Integer(-2)] => {}
                [ReplyValue::Bulk(Some(value)), ReplyValue::Integer(left)] => {
                    let expires_ms = u64::try_from(*left).ok().map(|left| now_ms + left);
                    found.0.insert(key, crate::model::Entry { value: value.clone(), expires_ms });
                }
                other => panic!("{}: {other:?}", self.name),
            }
        }
        let mut possible = std::mem::take(&mut self.unacknowledged);
        possible.push(self.model.clone());
        possible.iter_mut().for_each(|model| model.expire(now_ms));
        assert!(
            possible.contains(&found),
            "{}: the keys are as after none of the unanswered requests",
            self.name
        );
        self.model = found;
    }

    /// Takes what came without judging it, for [`Client::settle`]. Says whether that is all.
    pub(crate) fn collect(&mut self) -> bool {
        self.received.extend(self.connection.read(usize::MAX));
        while let Some((reply, len)) = decode_reply(&self.received).expect("replies are RESP") {
            self.received.drain(..len);
            self.collected.push(reply);
        }
        self.collected.len() == 2 * all_keys(&self.name).count()
    }

    /// Reads every key, so that what has expired is seen by the server at this time.
    pub(crate) fn touch_all(&mut self, now_ms: u64) {
        let mut bytes = Vec::new();
        for key in all_keys(&self.name) {
            let command = Command(vec![b"GET".to_vec(), key]);
            self.unacknowledged.push(self.model.clone());
            self.expected.push_back(Expected::Exactly(self.model.execute(&command, now_ms)));
            encode_request(&mut bytes, &[b"GET", &command.0[1]]);
        }
        self.connection.write(&bytes);
        self.sleeps = 0;
    }

    /// Keys that it has at this time.
    pub(crate) fn key_count(&mut self, now_ms: u64) -> usize {
        self.model.expire(now_ms);
        self.model.0.len()
    }

    /// What it waits for, for people.
    pub(crate) fn describe(&self) -> String {
        let (replies, unread) = (self.expected.len(), self.connection.unread_bytes());
        format!(
            "{}: {replies} replies due, {unread} bytes not taken, {} read",
            self.name,
            self.received.len()
        )
    }

    pub(crate) fn finish(&self) {
        self.connection.finish();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.connection.is_closed()
    }
}

fn connect(network: &SimNetwork, random: &mut Random, shards: usize) -> SimClient {
    let window_bytes = [100, 5_000, 200_000][random.index(3)];
    network.connect(u32::try_from(random.index(shards)).unwrap(), window_bytes)
}

fn all_keys(name: &str) -> impl Iterator<Item = Vec<u8>> {
    (0..KEYS).map(move |key| {
        let tag = if key < 3 { format!("{{{name}}}") } else { String::new() };
        format!("{name}:{tag}{key}").into_bytes()
    })
}

fn short(reply: &ReplyValue) -> String {
    format!("{reply:?}").chars().take(300).collect()
}

/// Counters that all clients increment.
pub(crate) const COUNTERS: usize = 3;
/// Keys of a client.
const KEYS: u64 = 12;
/// Requests without a reply above which a client writes no more.
const PIPELINE_MAX: usize = 60;
/// Bytes that the server has not received above which a client writes no more.
const UNREAD_BYTES_MAX: usize = 1 << 20;
