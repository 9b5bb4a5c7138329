//! The same random commands to Adit and to a redis-server: the replies are the same bytes.
//!
//! Left out of the commands, because the replies differ on purpose or by nature:
//! - HELLO, INFO, COMMAND, CONFIG, CLIENT ID: they tell of the server itself.
//! - SCAN with a cursor: the cursors and the order are each server's own; `SCAN ""` is taken as 0 by Redis only.
//! - ECHO above 64 KiB: in Adit only the value of a write may be that long.
//! - `KEYS **` while a key is empty: Redis 7.0 finds the empty key with `*` but not with `**`.
//! - Expiries that pass meanwhile: DBSIZE of Redis counts expired keys until it comes upon them.

mod requests;
mod support;

use requests::{Compare, Generator, Request};
use support::raw::{elements, request};
use support::redis::RedisServer;
use support::{Raw, Server};

fn shown(words: &[Vec<u8>]) -> String {
    let word = |word: &Vec<u8>| word[..word.len().min(60)].escape_ascii().to_string();
    words.iter().map(word).collect::<Vec<_>>().join(" ")
}

fn number(reply: &[u8]) -> Option<i64> {
    std::str::from_utf8(reply).ok()?.strip_prefix(':')?.trim_end().parse().ok()
}

fn is_same(compare: Compare, ours: &[u8], theirs: &[u8]) -> bool {
    let is_nil = |reply: &[u8]| matches!(reply, b"$-1\r\n" | b"_\r\n");
    match compare {
        // Queued, or refused.
        _ if theirs.starts_with(b"+QUEUED") || theirs.starts_with(b"-") => ours == theirs,
        Compare::Presence => ours.first() == theirs.first() && is_nil(ours) == is_nil(theirs),
        Compare::Bytes | Compare::Each => ours == theirs,
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

/// Three connections to each server, which take turns: what one WATCHes, another may change.
struct Pair {
    ours: Raw,
    theirs: Raw,
    /// Between MULTI and EXEC, as far as the generator knows.
    queueing: bool,
    /// What is queued.
    queued: Vec<Request>,
}

/// What was seen.
#[derive(Debug, Default)]
struct Seen {
    sent: usize,
    errors: usize,
    /// EXEC: done, given up for a watched key, given up for an error while queueing.
    executed: usize,
    stale: usize,
    aborted: usize,
    differences: Vec<String>,
}

impl Seen {
    fn note(&mut self, pair: &mut Pair, (words, compare): &Request, ours: &[u8], theirs: &[u8]) {
        self.sent += 1;
        self.errors += usize::from(theirs.starts_with(b"-"));
        let (own, other) = (elements(ours), elements(theirs));
        if *compare == Compare::Each && own.len() == other.len() && own.len() == pair.queued.len() {
            for (request, (ours, theirs)) in pair.queued.iter().zip(own.iter().zip(other)) {
                self.compare(request, ours, theirs);
            }
        } else {
            self.compare(&(words.clone(), *compare), ours, theirs);
        }
        match theirs {
            b"+QUEUED\r\n" => pair.queued.push((words.clone(), *compare)),
            _ if *compare == Compare::Each || theirs == b"+OK\r\n" => pair.queued.clear(),
            _ => {}
        }
        if *compare == Compare::Each {
            self.executed += usize::from(theirs.starts_with(b"*") && theirs != b"*-1\r\n");
            self.stale += usize::from(theirs == b"*-1\r\n" || theirs == b"_\r\n");
            self.aborted += usize::from(theirs.starts_with(b"-EXECABORT"));
        }
    }

    fn compare(&mut self, (words, compare): &Request, ours: &[u8], theirs: &[u8]) {
        if !is_same(*compare, ours, theirs) {
            let [ours, theirs] = [ours, theirs].map(|reply| shown(&[reply.to_vec()]));
            self.differences.push(format!("{}: {}\nadit:  {ours}\nredis: {theirs}", self.sent, shown(words)));
        }
    }

    fn judge(self) {
        println!(
            "{} commands, {} of them errors; EXEC: {} done, {} stale, {} aborted",
            self.sent, self.errors, self.executed, self.stale, self.aborted
        );
        // The first is what to look at: those behind it may follow from it.
        let first = self.differences.iter().take(DIFFERENCES_SHOWN).cloned().collect::<Vec<_>>().join("\n");
        assert!(self.differences.is_empty(), "{} replies differ:\n{first}", self.differences.len());
        let enough = self.errors > self.sent / 100 && self.errors < self.sent / 2;
        assert!(enough, "the mix should hold errors, and more than errors");
        let enough = self.executed > 100 && self.stale > 10 && self.aborted > 10;
        assert!(enough, "the mix should hold transactions of all ends");
    }
}

fn play(pairs: &mut [Pair], seed: u64, odd: bool) {
    let (mut generator, mut seen) = (Generator::new(seed, odd), Seen::default());
    while seen.sent < COMMANDS && seen.differences.len() < DIFFERENCES_SHOWN {
        let (turn, count) = (generator.random.below(pairs.len()), generator.random.pick(&[&1, &4, &16, &64]));
        let (pair, count) = (&mut pairs[turn], 1 + generator.random.below(*count));
        let batch = generator.requests(count, &mut pair.queueing);
        let bytes: Vec<u8> = batch.iter().flat_map(|(words, _)| request(words)).collect();
        pair.theirs.write(&bytes);
        let expected: Vec<_> = batch.iter().map(|_| pair.theirs.reply()).collect();
        pair.ours.write(&bytes);
        for (request, theirs) in batch.iter().zip(&expected) {
            let ours = pair.ours.reply();
            seen.note(pair, request, &ours, theirs);
        }
    }
    seen.judge();
}

fn differential(shards: u16, version: &str, seed: u64, odd: bool) {
    let (mut server, redis) = (Server::start(shards), RedisServer::start());
    let mut pairs: Vec<Pair> = (0..CONNECTIONS)
        .map(|_| {
            let (mut ours, mut theirs) = (server.connect(), redis.connect());
            for connection in [&mut ours, &mut theirs] {
                // Its reply holds a client number and a version.
                connection.ask(&["HELLO", version]);
            }
            Pair { ours, theirs, queueing: false, queued: Vec::new() }
        })
        .collect();
    play(&mut pairs, seed, odd);
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
const COMMANDS: usize = 40_000;
const CONNECTIONS: usize = 3;
