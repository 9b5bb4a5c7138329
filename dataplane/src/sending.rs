//! Replies on their way out: what is due is sent, a bounded part a turn; who lets too much wait is closed.

use adit_drivers::streams::Sending;

use crate::connection::Connection;
use crate::settings::{
    ClientClass, HELD_BYTES_MAX, OUTPUT_BYTES_SOFT, STRANGER_OUTPUT_BYTES_MAX, TURN_SENT_BYTES_MAX,
};
use crate::shard::Shard;
use crate::stats::Counter;

impl Shard {
    /// Sends what is due, up to the bound of a turn.
    pub(crate) fn send(&mut self) {
        if self.dirty.is_empty() {
            return;
        }
        let dirty = std::mem::take(&mut self.dirty);
        let mut left_bytes = TURN_SENT_BYTES_MAX as u64;
        for index in dirty {
            if left_bytes == 0 {
                self.dirty.push(index);
                continue;
            }
            left_bytes = left_bytes.saturating_sub(self.send_to(index));
        }
    }

    /// Sends to one connection; says how many bytes left.
    fn send_to(&mut self, index: u32) -> u64 {
        let Some(connection) = self.connections.get_mut(index) else { return 0 };
        connection.dirty = false;
        let has_aside = connection.take_aside(&mut self.pool);
        let (id, before) = (connection.id, connection.outbox.left_bytes());
        let limit = &self.settings.limits.output[ClientClass::Normal as usize];
        let is_deaf = connection.blocked && is_deaf_stranger(connection);
        if connection.exceeds(limit, self.now.mono_ns) || is_deaf {
            self.close_output(id);
            return 0;
        }
        // Whether it stays over the soft limit for too long is looked at now and then.
        self.watch |= connection.over_soft_since_ns > 0;
        // The rest of the pipeline is on its way: one send for all of it. Delivering it marks the connection again.
        let goes_on = !connection.owed.is_empty() || connection.transactions.count > 0 || connection.goes_on;
        if connection.blocked || (goes_on && before < HELD_BYTES_MAX) {
            connection.put_aside(has_aside);
            return 0;
        }
        let sending = if connection.outbox.is_empty() {
            Sending::Done
        } else {
            self.streams.send(id, &mut connection.outbox, &mut self.pool)
        };
        let sent_bytes = before - connection.outbox.left_bytes();
        if sent_bytes > 0 {
            connection.moved_ns = self.now.mono_ns;
        }
        if connection.waits_for_output && connection.outbox.left_bytes() < OUTPUT_BYTES_SOFT {
            connection.waits_for_output = false;
            connection.scheduled = true;
            self.again.push(index);
        }
        let (done, is_deaf) = (connection.is_done(), is_deaf_stranger(connection));
        connection.put_aside(has_aside);
        match sending {
            Sending::Blocked if is_deaf => self.close_output(id),
            Sending::Blocked => {
                connection.blocked = true;
                self.watch = true;
            }
            Sending::Sliced => {
                connection.dirty = true;
                self.dirty.push(index);
            }
            Sending::Lost => self.close(id),
            Sending::Done if done => self.close(id),
            Sending::Done => {}
        }
        self.turn_bytes += sent_bytes;
        self.engine.counters.add(Counter::SentBytes, sent_bytes);
        sent_bytes
    }
}

/// Whether who has not said the password has too much to read.
fn is_deaf_stranger(connection: &Connection) -> bool {
    !connection.session.authenticated && connection.outbox.left_bytes() > STRANGER_OUTPUT_BYTES_MAX
}
