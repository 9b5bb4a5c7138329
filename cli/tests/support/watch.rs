//! Watches a server while somebody mistreats it: others are served, memory and descriptors stay bounded.

use super::raw::info_number_of;
use super::{Raw, Server, wait_until};

/// What a server may take on top of its `--memory`: its code and stacks, the tables of connections (some 600 B for
/// each), what the allocator keeps. The most that was found is 9 MiB, with 60 readers that do not read their MGETs.
pub const RSS_ALLOWANCE_BYTES: u64 = 16 << 20;

/// A client that behaves, beside those that do not.
pub struct Watch {
    old: Raw,
    memory_bytes: u64,
    descriptors: usize,
    used_bytes: u64,
    calls: u64,
}

impl Watch {
    /// Begins to watch: what is there now is what must be there in the end.
    pub fn begin(server: &Server) -> Self {
        let mut old = server.connect();
        let memory_bytes = info_number_of(&mut old, "maxmemory");
        let used_bytes = info_number_of(&mut old, "used_memory");
        Self { old, memory_bytes, descriptors: server.descriptors(), used_bytes, calls: 0 }
    }

    /// Somebody else is served: on a connection that is old and on a new one, on keys of every shard.
    pub fn is_served(&mut self, server: &mut Server, when: &str) {
        self.calls += 1;
        server.assert_alive(when);
        let mut new = server.connect();
        for n in 0..8 {
            let (key, value) = (format!("watch:{n}"), format!("{} {when}", self.calls));
            let expected = format!("${}\r\n{value}\r\n", value.len());
            assert_eq!(new.ask(&["SET", &key, &value]), "+OK\r\n", "a new client {when}");
            assert_eq!(self.old.ask(&["GET", &key]), expected, "an old client {when}");
            assert_eq!(self.old.ask(&["DEL", &key]), ":1\r\n", "an old client {when}");
        }
        // Requests that fit in no buffer of the server and are put together: in place, and in blocks.
        for len in [20_000, 200_000] {
            let value = vec![b'w'; len];
            assert_eq!(new.ask(&[b"SET", &b"watch"[..], &value]), "+OK\r\n", "a long request {when}");
            assert_eq!(new.call(&["GET", "watch"]).len(), len + format!("${len}\r\n\r\n").len(), "{when}");
            assert_eq!(self.old.ask(&["DEL", "watch"]), ":1\r\n", "an old client {when}");
        }
    }

    /// A new client can read. For moments at which the store is rightly full.
    pub fn can_read(&mut self, server: &mut Server, when: &str) {
        server.assert_alive(when);
        assert_eq!(server.connect().ask(&["GET", "watch:none"]), "$-1\r\n", "a new client {when}");
        assert_eq!(self.old.ask(&["GET", "watch:none"]), "$-1\r\n", "an old client {when}");
    }

    /// The most memory that the server ever took is within what it was given.
    pub fn memory_is_bounded(&self, server: &Server, when: &str) {
        let (now, most) = (server.status_bytes("VmRSS"), server.status_bytes("VmHWM"));
        let mib = |bytes: u64| bytes >> 20;
        println!(
            "RSS {when}: {} MiB now, {} MiB most, of {} MiB",
            mib(now),
            mib(most),
            mib(self.memory_bytes)
        );
        assert!(
            most <= self.memory_bytes + RSS_ALLOWANCE_BYTES,
            "{when} the server took {} MiB of {} MiB and {} MiB",
            mib(most),
            mib(self.memory_bytes),
            mib(RSS_ALLOWANCE_BYTES),
        );
    }

    /// Everything is as in the beginning, once the others are gone.
    pub fn all_came_back(mut self, server: &mut Server, when: &str) {
        self.is_served(server, when);
        wait_until("the server's descriptors are closed", || server.descriptors() <= self.descriptors);
        let used = self.used_bytes + USED_SLACK_BYTES;
        wait_until("used_memory goes back", || info_number_of(&mut self.old, "used_memory") <= used);
        wait_until("buffers go back", || {
            info_number_of(&mut self.old, "used_memory_buffers") <= BUFFERS_SLACK_BYTES
        });
        assert_eq!(info_number_of(&mut self.old, "connected_clients"), 1);
        self.memory_is_bounded(server, when);
    }
}

/// What an index that has grown keeps.
const USED_SLACK_BYTES: u64 = 4 << 20;
/// The buffers of the watching client's own request.
const BUFFERS_SLACK_BYTES: u64 = 64 << 10;
