//! `CLIENT REPLY`: replies that are encoded like all others, then dropped instead of sent.

use adit_drivers::chunk::ChunkPool;

use crate::connection::Connection;

/// Which replies a connection gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Silence {
    /// All.
    #[default]
    None,
    /// All but that of the next request.
    Next,
    /// Not that of the request that is being executed.
    One,
    /// As `One`; the request is done but its reply may still wait for another shard.
    Done,
    /// None.
    All,
}

impl Connection {
    /// From now on replies are dropped. What was encoded before is still sent.
    pub fn mute(&mut self) {
        if self.aside.is_none() {
            self.aside = Some(Box::new(std::mem::take(&mut self.outbox)));
        }
    }

    /// From now on replies are sent.
    pub fn unmute(&mut self, pool: &mut ChunkPool) {
        self.silence = Silence::None;
        if let Some(aside) = self.aside.take() {
            self.outbox.clear(pool, drop);
            self.outbox = *aside;
        }
    }

    /// Begins the connection's next request; says whether it has to wait for the reply that is not sent. Nothing else
    /// may be decoded while one reply is dropped: see [`Connection::is_alone`].
    #[inline]
    pub fn waits_for_silence(&mut self, pool: &mut ChunkPool) -> bool {
        match self.silence {
            Silence::None | Silence::One | Silence::All => false,
            Silence::Next => {
                self.mute();
                self.silence = Silence::One;
                false
            }
            Silence::Done if self.owed.is_empty() => {
                self.unmute(pool);
                false
            }
            Silence::Done => true,
        }
    }

    /// Whether the next request is the only one whose reply is dropped.
    #[inline]
    pub fn is_alone(&self) -> bool {
        self.silence == Silence::One
    }

    /// Drops what was encoded for nobody and gives the outbox that is sent, until [`Connection::put_aside`].
    #[inline]
    pub fn take_aside(&mut self, pool: &mut ChunkPool) -> bool {
        let Some(aside) = self.aside.take() else { return false };
        self.outbox.clear(pool, drop);
        self.outbox = *aside;
        true
    }

    /// Puts the outbox that is sent aside again, if it was.
    #[inline]
    pub fn put_aside(&mut self, was_aside: bool) {
        if was_aside {
            self.mute();
        }
    }

    /// Bytes that wait to be sent.
    pub fn waiting_bytes(&self) -> u64 {
        self.aside.as_ref().map_or_else(|| self.outbox.left_bytes(), |aside| aside.left_bytes())
    }
}
