//! The numbers of a session's requests: which are open, and which call each belongs to.

use adit_wire::native::WINDOW_REQUESTS;

/// The numbers that were drawn. Those below the oldest one are answered or given up.
pub(super) struct Numbers {
    /// The call of each open number, at the number modulo the window.
    calls: Vec<u16>,
    oldest: u64,
    next: u64,
    /// The last one that was drawn to renew a session.
    renewal: u64,
}

impl Numbers {
    pub(super) fn new() -> Self {
        Self { calls: vec![NOBODY; PLACES], oldest: 1, next: 1, renewal: 0 }
    }

    /// The next number, for a call that is open until it is released; nothing while the window is full.
    #[inline]
    pub(super) fn draw(&mut self, call: u16) -> Option<u64> {
        self.has_room().then(|| self.take(call))
    }

    /// The next number for what keeps the sessions alive, which may use the end of the window. Nobody has to release it.
    pub(super) fn draw_exchange(&mut self) -> Option<u64> {
        (self.next - self.oldest < WINDOW_REQUESTS).then(|| self.take(NOBODY))
    }

    /// A number to renew a session with that was opened with `opened`. That has no reply that is kept, so it has the same
    /// number again, at all shards, while that is within the window: however long the oldest request is open, sessions live
    /// on.
    pub(super) fn draw_renewal(&mut self, opened: u64) -> Option<u64> {
        if self.renewal < self.oldest || self.renewal <= opened {
            self.renewal = self.draw_exchange()?;
        }
        Some(self.renewal)
    }

    /// The same as [`Self::draw_exchange`] for a call.
    pub(super) fn draw_urgent(&mut self, call: u16) -> Option<u64> {
        (self.next - self.oldest < WINDOW_REQUESTS).then(|| self.take(call))
    }

    /// Whether a call can have a number.
    #[inline]
    pub(super) fn has_room(&self) -> bool {
        self.next - self.oldest < WINDOW_REQUESTS - RESERVED
    }

    /// The call of a number, if it is open.
    #[inline]
    pub(super) fn call(&self, number: u64) -> Option<u16> {
        let is_drawn = (self.oldest..self.next).contains(&number);
        is_drawn.then(|| self.calls[place(number)]).filter(|call| *call != NOBODY)
    }

    /// A number is answered or given up; 0 is none.
    #[inline]
    pub(super) fn release(&mut self, number: u64) {
        if (self.oldest..self.next).contains(&number) {
            self.calls[place(number)] = NOBODY;
            self.sweep();
        }
    }

    /// The oldest number that is not answered, or the next one.
    #[inline]
    pub(super) fn oldest(&self) -> u64 {
        self.oldest
    }

    /// Numbers whose calls are open.
    #[cfg(test)]
    pub(super) fn open_count(&self) -> u64 {
        self.calls.iter().filter(|call| **call != NOBODY).count() as u64
    }

    fn take(&mut self, call: u16) -> u64 {
        let number = self.next;
        self.calls[place(number)] = call;
        self.next += 1;
        self.sweep();
        number
    }

    #[inline]
    fn sweep(&mut self) {
        while self.oldest < self.next && self.calls[place(self.oldest)] == NOBODY {
            self.oldest += 1;
        }
    }
}

#[inline]
fn place(number: u64) -> usize {
    (number % WINDOW_REQUESTS) as usize
}

#[expect(clippy::cast_possible_truncation, reason = "1,024")]
const PLACES: usize = WINDOW_REQUESTS as usize;
/// Numbers at the end of the window that only exchanges and calls for the map draw: a full window of calls whose
/// session has to be opened again would never empty.
const RESERVED: u64 = 64;
const NOBODY: u16 = u16::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_number_waits_for_its_reply() {
        let mut numbers = Numbers::new();
        let drawn: Vec<_> = (0..3).map(|call| numbers.draw(call).unwrap()).collect();
        assert_eq!((drawn, numbers.oldest()), (vec![1, 2, 3], 1));
        numbers.release(2);
        assert_eq!((numbers.call(2), numbers.call(3), numbers.oldest()), (None, Some(2), 1));
        numbers.release(1);
        assert_eq!(numbers.oldest(), 3);
        numbers.release(3);
        numbers.release(3);
        numbers.release(0);
        assert_eq!((numbers.oldest(), numbers.call(0), numbers.call(4)), (4, None, None));
    }

    #[test]
    fn the_end_of_the_window_is_for_exchanges() {
        let mut numbers = Numbers::new();
        while numbers.draw(0).is_some() {}
        assert!(!numbers.has_room());
        let reserved = std::iter::from_fn(|| numbers.draw_exchange()).count();
        assert_eq!(reserved as u64, RESERVED);
        assert_eq!(numbers.draw_urgent(1), None);
        numbers.release(1);
        assert_eq!(numbers.draw_urgent(1), Some(1 + WINDOW_REQUESTS));
    }

    #[test]
    fn renewals_share_a_number_while_the_window_does_not_move() {
        let mut numbers = Numbers::new();
        assert_eq!([0, 0].map(|opened| numbers.draw_renewal(opened)), [Some(1), Some(2)], "nothing is open");
        assert_eq!(numbers.draw(0), Some(3));
        assert_eq!([0, 2, 3].map(|opened| numbers.draw_renewal(opened)), [Some(4); 3]);
        assert_eq!(numbers.draw_renewal(4), Some(5), "that is older than the session");
        while numbers.draw_exchange().is_some() {}
        assert_eq!(numbers.draw_renewal(4), Some(5));
        numbers.release(3);
        assert_eq!(numbers.draw_renewal(4), Some(3 + WINDOW_REQUESTS));
    }

    #[test]
    fn an_exchange_leaves_nothing_open() {
        let mut numbers = Numbers::new();
        assert_eq!(numbers.draw_exchange(), Some(1));
        assert_eq!((numbers.oldest(), numbers.call(1)), (2, None));
    }
}
