//! Transactions, and what a connection says about itself.

use super::{Compare, Generator, Request};

impl Generator {
    /// Commands of transactions: seldom one that makes no sense where it is.
    pub(super) fn transaction_command(&mut self) -> Vec<Request> {
        let bytes = |line: &str| vec![(line.split(' ').map(Into::into).collect(), Compare::Bytes)];
        match (self.queueing, self.random.below(20)) {
            (true, 0) => bytes(self.random.pick(&["MULTI", "WATCH key:1", "MULTI x"])),
            (true, 1..=7) | (false, 0) => {
                self.queueing = false;
                vec![(vec![self.random.pick(&["EXEC", "exec"]).into()], Compare::Each)]
            }
            (true, 8) | (false, 1) => {
                self.queueing = false;
                bytes("DISCARD")
            }
            (_, 9) => bytes("UNWATCH"),
            (_, 10) => bytes(self.random.pick(&["DISCARD x", "WATCH", "UNWATCH x"])),
            (true, _) => vec![self.command()],
            (false, 2..=12) => {
                self.queueing = true;
                bytes("MULTI")
            }
            (false, _) => self.watch(),
        }
    }

    /// WATCH of keys that are there: a key that was not, came and went again, is unchanged to Adit but not to Redis.
    fn watch(&mut self) -> Vec<Request> {
        let keys: Vec<Vec<u8>> = (0..=self.random.below(2)).map(|_| self.watched()).collect();
        let mut requests: Vec<Request> = keys
            .iter()
            .map(|key| (vec![b"SETNX".to_vec(), key.clone(), self.number()], Compare::Bytes))
            .collect();
        let words = std::iter::once(b"WATCH".to_vec()).chain(keys).collect();
        requests.push((words, Compare::Bytes));
        requests
    }

    pub(super) fn watched(&mut self) -> Vec<u8> {
        format!("watched:{}", self.random.below(3)).into_bytes()
    }

    /// What a connection may ask and set about itself, as far as the replies of both servers are the same.
    pub(super) fn session_command(&mut self) -> Request {
        let line = self.random.pick(&[
            "CLIENT",
            "CLIENT SETNAME me",
            "CLIENT GETNAME",
            "CLIENT GETNAME x",
            "CLIENT NOSUCH",
            "CLIENT ID x",
            "CLIENT NO-EVICT off",
            "CLIENT NO-EVICT maybe",
            "CLIENT GETREDIR",
            "CLIENT TRACKINGINFO",
            "CLIENT TRACKING off",
            "CLIENT CACHING yes",
            "CLIENT KILL 1.2.3.4:5",
            "CLIENT KILL ID 0",
            "CLIENT KILL ID 123456789",
            "CLIENT KILL TYPE nosuch",
            "CLIENT LIST ID x",
            "CLIENT LIST TYPE nosuch",
            "CLIENT UNBLOCK 123456789",
            "CLIENT UNBLOCK 123456789 SOON",
            "CLIENT REPLY maybe",
            "CONFIG",
            "CONFIG GET",
            "CONFIG NOSUCH",
            "CONFIG SET",
            "CONFIG SET nosuch 1",
            "CONFIG SET timeout 0 timeout 0",
            "CONFIG SET maxclients x",
            "CONFIG GET appendonly",
            "CONFIG GET save nosuch",
            "COMMAND NOSUCH",
            "COMMAND COUNT x",
            "COMMAND GETKEYS",
            "COMMAND GETKEYS SET a b EX 1",
            "COMMAND GETKEYS MSET a b c d",
            "COMMAND GETKEYS GET",
            "COMMAND GETKEYS PING",
            "COMMAND GETKEYS NOSUCH a",
            "COMMAND GETKEYSANDFLAGS RENAME a b",
            "COMMAND LIST FILTERBY x",
            "MEMORY USAGE nosuchkey",
            "MEMORY USAGE nosuchkey SAMPLES 5",
            "MEMORY USAGE nosuchkey SAMPLES x",
            "MEMORY USAGE nosuchkey SAMPLES -1",
            "MEMORY USAGE nosuchkey SAMPLES",
            "MEMORY USAGE",
            "MEMORY NOSUCH",
            "FUNCTION FLUSH",
            "FUNCTION FLUSH soon",
            "FUNCTION LIST",
            "FUNCTION NOSUCH",
            "TIME x",
            "RESET x",
            "DEBUG",
            "HELLO 4",
            "HELLO x",
            "AUTH",
            "AUTH some password",
            "AUTH a b c",
            "INFO nosuch",
        ]);
        (line.split(' ').map(Into::into).collect(), Compare::Bytes)
    }
}
