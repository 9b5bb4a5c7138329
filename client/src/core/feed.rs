//! A value that its caller writes in pieces: what was given and the shard has not confirmed is kept, up to a limit.

use std::collections::VecDeque;

/// A value that is given in pieces.
#[derive(Debug)]
pub(super) struct Feed {
    /// Bytes of the body before the value.
    head_bytes: u32,
    /// Bytes of the value.
    len_bytes: u32,
    /// Bytes of the value that were given.
    given_bytes: u32,
    /// The last of them: what the shard may still ask for again.
    kept: VecDeque<u8>,
    /// The caller wants it to be written. Until then the end is held back, so that nothing is written.
    is_finished: bool,
}

impl Feed {
    /// For a value of `len_bytes` behind so many others.
    pub(super) fn new(head_bytes: u32, len_bytes: u32) -> Self {
        Self { head_bytes, len_bytes, given_bytes: 0, kept: VecDeque::new(), is_finished: false }
    }

    /// Takes bytes off the front of `piece`; says how many: as many as there is room for.
    pub(super) fn give(&mut self, piece: &[u8]) -> usize {
        let taken = piece.len().min(FEED_BYTES_MAX - self.kept.len());
        self.kept.extend(&piece[..taken]);
        self.given_bytes += u32::try_from(taken).unwrap_or(0);
        taken
    }

    /// The value may be written.
    pub(super) fn finish(&mut self) {
        self.is_finished = true;
    }

    /// Bytes of the value that are still to be given.
    pub(super) fn left_bytes(&self) -> u32 {
        self.len_bytes - self.given_bytes
    }

    /// Bytes of the whole body.
    pub(super) fn body_bytes(&self) -> u32 {
        self.head_bytes + self.len_bytes
    }

    /// Bytes that are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.kept.len()
    }

    /// Whether the body can be sent up to `end`.
    pub(super) fn is_ready(&self, end: u32) -> bool {
        let is_given = end <= self.head_bytes.saturating_add(self.given_bytes);
        is_given && (end < self.body_bytes() || self.is_finished)
    }

    /// The shard has all before `offset` of the body.
    pub(super) fn confirm(&mut self, offset: u32) {
        let confirmed = offset.saturating_sub(self.head_bytes).saturating_sub(self.first());
        self.kept.drain(..(confirmed as usize).min(self.kept.len()));
    }

    /// The body can be sent again from here on. 0 until a part of the value was confirmed.
    pub(super) fn floor(&self) -> u32 {
        if self.first() == 0 { 0 } else { self.head_bytes + self.first() }
    }

    /// Copies the part of the value that begins at `start`.
    pub(super) fn copy_to(&self, start: usize, out: &mut [u8]) {
        let (front, back) = self.kept.as_slices();
        let start = start - self.first() as usize;
        let of_front = front.get(start..).unwrap_or_default();
        let (first, second) = out.split_at_mut(of_front.len().min(out.len()));
        first.copy_from_slice(&of_front[..first.len()]);
        let start = start.saturating_sub(front.len());
        second.copy_from_slice(&back[start..start + second.len()]);
    }

    /// Where in the value the kept bytes begin.
    fn first(&self) -> u32 {
        self.given_bytes - u32::try_from(self.kept.len()).unwrap_or(0)
    }
}

/// Most bytes of a value that are kept: twice what a shard lets a client send at once in the longest frames.
pub(super) const FEED_BYTES_MAX: usize = 2 << 20;

#[cfg(test)]
mod tests {
    use super::*;
    use adit_drivers::sim::Random;

    #[test]
    fn what_is_not_confirmed_can_be_sent_again_and_no_more_is_kept() {
        for seed in 0..20 {
            let mut random = Random::new(seed);
            let value: Vec<u8> =
                (0..5 * FEED_BYTES_MAX).map(|at| at.wrapping_mul(0x9E37_79B9).to_le_bytes()[2]).collect();
            let mut feed = Feed::new(10, u32::try_from(value.len()).unwrap());
            let (mut given, mut confirmed) = (0, 0);
            while confirmed < value.len() {
                let end = value.len().min(given + random.index(FEED_BYTES_MAX));
                given += feed.give(&value[given..end]);
                assert!(given - confirmed <= FEED_BYTES_MAX && feed.kept_bytes() == given - confirmed);
                let start = confirmed + random.index(given - confirmed + 1);
                let mut out = vec![0; random.index(given - start + 1)];
                feed.copy_to(start, &mut out);
                assert!(out == value[start..start + out.len()], "seed {seed}");
                confirmed += random.index(given - confirmed + 1);
                feed.confirm(u32::try_from(10 + confirmed).unwrap());
                assert_eq!(feed.floor() as usize, if confirmed == 0 { 0 } else { 10 + confirmed });
            }
            assert_eq!(feed.left_bytes(), 0);
        }
    }

    #[test]
    fn the_end_is_held_back_until_it_is_finished() {
        let mut feed = Feed::new(10, 5);
        assert!(feed.is_ready(10) && !feed.is_ready(11));
        assert_eq!(feed.give(b"value"), 5);
        assert!(feed.is_ready(14) && !feed.is_ready(15));
        feed.finish();
        assert!(feed.is_ready(15));
        let empty = Feed::new(10, 0);
        assert!(empty.is_ready(9) && !empty.is_ready(10), "an empty value is held back, too");
    }
}
