//! A reply of several segments, put together in the order in which they come; and what of it to ask for again. It is
//! kept until it is complete, or its front is taken away while it comes.

use adit_wire::native::{CREDITS_MAX, FRAME_BYTES_MAX, HEADER_BYTES};

/// A reply that is not complete.
#[derive(Clone, Debug)]
pub(super) struct Assembly {
    total_bytes: u32,
    /// All from `base` up to the furthest byte that has come; what is missing before it is zero.
    body: Vec<u8>,
    /// Bytes of the reply before `body`: they were taken away.
    base: u32,
    /// All before this was taken away.
    taken: u32,
    /// How much of what was not taken away is asked for.
    ahead: u32,
    /// What is missing of the body: ascending, apart, none empty.
    holes: Vec<Hole>,
    missing_bytes: u32,
    /// All before this was asked for.
    asked: u32,
    /// Holes before this were asked for again.
    mended: u32,
    /// What is to be asked for, until that is sent.
    ask: Option<Ask>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hole {
    start: u32,
    end: u32,
}

/// Segments to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ask {
    pub(super) offset: u32,
    pub(super) credits: u16,
}

/// Why a segment was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotTaken {
    /// It is there already, is none of this reply, or lies too far ahead.
    Stray,
    /// There is no memory for the reply.
    NoMemory,
}

impl Assembly {
    /// For a reply of so many bytes, of which the first `asked` were asked for.
    pub(super) fn new(total_bytes: u32, asked: u32) -> Self {
        let asked = asked.min(total_bytes);
        Self {
            total_bytes,
            body: Vec::new(),
            base: 0,
            taken: 0,
            ahead: u32::MAX,
            holes: Vec::new(),
            missing_bytes: 0,
            asked,
            mended: 0,
            ask: None,
        }
    }

    /// The same for a reply that is taken away while it comes: no more than [`AHEAD_BYTES`] of it are asked for before.
    pub(super) fn in_pieces(total_bytes: u32, asked: u32) -> Self {
        Self { ahead: AHEAD_BYTES, ..Self::new(total_bytes, asked) }
    }

    /// A reply that came whole.
    pub(super) fn whole(body: &[u8]) -> Self {
        let total_bytes = u32::try_from(body.len()).unwrap_or(u32::MAX);
        Self { body: body.to_vec(), ..Self::in_pieces(total_bytes, total_bytes) }
    }

    /// Takes a segment.
    ///
    /// # Errors
    /// Why it was not taken.
    pub(super) fn take(&mut self, total_bytes: u32, offset: u32, segment: &[u8]) -> Result<(), NotTaken> {
        let end = u32::try_from(segment.len()).ok().and_then(|len| offset.checked_add(len));
        let Some(end) = end.filter(|end| *end <= self.asked) else { return Err(NotTaken::Stray) };
        if total_bytes != self.total_bytes || segment.is_empty() {
            return Err(NotTaken::Stray);
        }
        if offset < self.reach() { self.fill(offset, end, segment) } else { self.extend(offset, segment) }
    }

    /// Whether all of it is there.
    pub(super) fn is_complete(&self) -> bool {
        self.reach() == self.total_bytes && self.holes.is_empty()
    }

    /// Whether something that was asked for has not come.
    pub(super) fn is_awaited(&self) -> bool {
        self.asked > self.reach() || !self.holes.is_empty()
    }

    /// Takes bytes away from the front; says how many: as many as there are without a hole before them.
    pub(super) fn take_away(&mut self, out: &mut [u8]) -> usize {
        let start = (self.taken - self.base) as usize;
        let count = (self.ready_bytes() as usize).min(out.len());
        out[..count].copy_from_slice(&self.body[start..start + count]);
        self.taken += u32::try_from(count).unwrap_or(0);
        let used = start + count;
        // At least as much is dropped as is moved, so that each byte is moved once at most.
        if 2 * used >= self.body.len() {
            self.body.drain(..used);
            self.base = self.taken;
        }
        count
    }

    /// Bytes that can be taken away now.
    pub(super) fn ready_bytes(&self) -> u32 {
        self.holes.first().map_or_else(|| self.reach(), |hole| hole.start) - self.taken
    }

    /// Bytes that are still to be taken away, or to come.
    pub(super) fn left_bytes(&self) -> u32 {
        self.total_bytes - self.taken
    }

    /// Whether something was taken away.
    pub(super) fn has_given(&self) -> bool {
        self.taken > 0
    }

    /// Bytes that are kept.
    pub(super) fn kept_bytes(&self) -> usize {
        self.body.len()
    }

    /// The whole reply.
    pub(super) fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// What to ask for next, with segments of `stride` bytes of which up to `window` may be on their way; the same until
    /// it [was sent](Self::sent), then perhaps more.
    pub(super) fn next_ask(&mut self, stride: u32, window: u16) -> Option<Ask> {
        self.ask = self.ask.or_else(|| self.next_mend(stride)).or_else(|| self.next_step(stride, window));
        self.ask
    }

    /// It was sent.
    pub(super) fn sent(&mut self) {
        self.ask = None;
    }

    /// Nothing came for long: what was asked for and is not there is lost.
    pub(super) fn time_out(&mut self) {
        (self.mended, self.ask) = (0, None);
        self.asked = self.reach();
    }

    /// A hole that something has come far behind of, or that is all that is left.
    fn next_mend(&mut self, stride: u32) -> Option<Ask> {
        let hole = *self.holes.iter().find(|hole| hole.end > self.mended)?;
        if self.reach() < self.asked && self.reach() - hole.end < REORDERED_SEGMENTS * stride {
            return None;
        }
        let offset = hole.start.max(self.mended);
        let credits = segments(hole.end - offset, stride).min(CREDITS_MAX);
        self.mended = hole.end.min(offset + u32::from(credits) * stride);
        Some(Ask { offset, credits })
    }

    /// The next part, once half of the window has come.
    fn next_step(&mut self, stride: u32, window: u16) -> Option<Ask> {
        let awaited = self.asked - self.reach() + self.missing_bytes;
        let mut credits = window.saturating_sub(segments(awaited, stride));
        let limit = self.taken.saturating_add(self.ahead);
        if limit < self.total_bytes {
            credits =
                credits.min(u16::try_from(limit.saturating_sub(self.asked) / stride).unwrap_or(u16::MAX));
        }
        if self.asked == self.total_bytes || credits < window.div_ceil(2) || credits == 0 {
            return None;
        }
        let offset = self.asked;
        self.asked = self.total_bytes.min(offset.saturating_add(u32::from(credits) * stride));
        Some(Ask { offset, credits })
    }

    #[inline]
    fn reach(&self) -> u32 {
        self.base.saturating_add(u32::try_from(self.body.len()).unwrap_or(u32::MAX))
    }

    /// Bytes behind all that has come, perhaps with a hole before them.
    fn extend(&mut self, offset: u32, segment: &[u8]) -> Result<(), NotTaken> {
        let (start, reach) = ((offset - self.base) as usize, self.reach());
        self.reserve(start + segment.len())?;
        if offset > reach {
            if self.holes.len() == HOLES_MAX {
                return Err(NotTaken::Stray);
            }
            self.holes.push(Hole { start: reach, end: offset });
            self.missing_bytes += offset - reach;
            self.body.resize(start, 0);
        }
        self.body.extend_from_slice(segment);
        Ok(())
    }

    /// Memory is taken in steps: a peer that only says that a reply is long gets little of it.
    fn reserve(&mut self, len_bytes: usize) -> Result<(), NotTaken> {
        if len_bytes <= self.body.capacity() {
            return Ok(());
        }
        let most = self.total_bytes.min(self.ahead.saturating_mul(2)) as usize;
        let step = (len_bytes * GROWTH).max(FIRST_BYTES).min(most).max(len_bytes);
        self.body.try_reserve_exact(step - self.body.len()).map_err(|_| NotTaken::NoMemory)
    }

    /// Bytes of holes.
    fn fill(&mut self, offset: u32, end: u32, segment: &[u8]) -> Result<(), NotTaken> {
        let reach = self.reach();
        if end > reach {
            let (first, rest) = segment.split_at((reach - offset) as usize);
            self.extend(reach, rest)?;
            // What lies before is there already, or a part of a hole.
            let _ = self.fill(offset, reach, first);
            return Ok(());
        }
        let missing_bytes = self.missing_bytes;
        for index in (0..self.holes.len()).rev() {
            self.fill_hole(index, offset, end);
        }
        if self.missing_bytes == missing_bytes {
            return Err(NotTaken::Stray);
        }
        // What was taken away before it fills nothing.
        let old = self.base.saturating_sub(offset);
        let place = (offset + old - self.base) as usize..(end - self.base) as usize;
        self.body[place].copy_from_slice(&segment[old as usize..]);
        Ok(())
    }

    fn fill_hole(&mut self, index: usize, start: u32, end: u32) {
        let hole = self.holes[index];
        let (start, end) = (start.max(hole.start), end.min(hole.end));
        if start >= end {
            return;
        }
        self.missing_bytes -= end - start;
        let before = Hole { start: hole.start, end: start };
        let behind = Hole { start: end, end: hole.end };
        let left = [before, behind].into_iter().filter(|hole| hole.start < hole.end);
        self.holes.splice(index..=index, left);
    }
}

fn segments(bytes: u32, stride: u32) -> u16 {
    u16::try_from(bytes.div_ceil(stride.max(1))).unwrap_or(u16::MAX)
}

/// Bytes of a reply that is taken away while it comes that are asked for before: as many as a shard sends at once in the
/// longest frames. Up to twice as many are kept.
pub(super) const AHEAD_BYTES: u32 = 1 << 20;
const _: () = assert!(AHEAD_BYTES as usize >= CREDITS_MAX as usize * (FRAME_BYTES_MAX - HEADER_BYTES));
/// Segments that may overtake another on the way.
const REORDERED_SEGMENTS: u32 = 8;
/// Most holes; a segment that would make another one is dropped.
const HOLES_MAX: usize = 128;
/// Bytes that are reserved at first, or the whole reply.
const FIRST_BYTES: usize = 1 << 20;
/// How much more than what has come is reserved.
const GROWTH: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use adit_drivers::sim::Random;

    const STRIDE: u32 = 100;

    fn body(len: u32) -> Vec<u8> {
        (0..len).map(|index| u8::try_from(index * 7 % 251).unwrap()).collect()
    }

    fn take(assembly: &mut Assembly, body: &[u8], start: usize, end: usize) -> Result<(), NotTaken> {
        let offset = u32::try_from(start).unwrap();
        assembly.take(u32::try_from(body.len()).unwrap(), offset, &body[start..end])
    }

    fn ask_once(assembly: &mut Assembly) -> Option<Ask> {
        let ask = assembly.next_ask(STRIDE, 8);
        assert_eq!(assembly.next_ask(STRIDE, 8), ask, "it was not sent yet");
        assembly.sent();
        ask
    }

    #[test]
    fn segments_of_any_order_and_length_make_the_reply() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let body = body(1 + u32::try_from(random.below(3_000)).unwrap());
            let mut assembly = Assembly::new(u32::try_from(body.len()).unwrap(), u32::MAX);
            for _ in 0..100_000 {
                let start = random.index(body.len());
                let end = start + 1 + random.index((body.len() - start).min(150));
                let before = assembly.missing_bytes;
                let _ = take(&mut assembly, &body, start, end);
                assert!(assembly.holes.len() <= HOLES_MAX && assembly.body.len() <= body.len());
                let missing: u32 = assembly.holes.iter().map(|hole| hole.end - hole.start).sum();
                assert_eq!(missing, assembly.missing_bytes, "seed {seed}, before {before}");
                if assembly.is_complete() {
                    break;
                }
            }
            assert!(assembly.is_complete() && assembly.into_body() == body, "seed {seed}");
        }
    }

    #[test]
    fn what_was_not_asked_for_or_is_there_is_not_taken() {
        let body = body(1_000);
        let mut assembly = Assembly::new(1_000, 300);
        assert_eq!(take(&mut assembly, &body, 250, 350), Err(NotTaken::Stray));
        assert_eq!(take(&mut assembly, &body, 0, 100), Ok(()));
        assert_eq!(take(&mut assembly, &body, 0, 100), Err(NotTaken::Stray));
        assert_eq!(assembly.take(999, 100, &[0; 100]), Err(NotTaken::Stray));
        assert_eq!(assembly.take(1_000, u32::MAX, &[0; 100]), Err(NotTaken::Stray));
    }

    #[test]
    fn the_window_moves_on_when_half_of_it_has_come() {
        let body = body(2_000);
        let mut assembly = Assembly::new(2_000, 800);
        let mut asks = Vec::new();
        for start in (0..2_000).step_by(100) {
            assert_eq!(take(&mut assembly, &body, start, start + 100), Ok(()));
            asks.extend(std::iter::from_fn(|| ask_once(&mut assembly)));
        }
        assert!(assembly.is_complete());
        let ask = |offset, credits| Ask { offset, credits };
        assert_eq!(asks, [ask(800, 4), ask(1_200, 4), ask(1_600, 4)]);
    }

    #[test]
    fn a_lost_segment_is_asked_for_once_until_time_is_out() {
        let body = body(2_000);
        let mut assembly = Assembly::new(2_000, 2_000);
        let ask = ask_once;
        for start in (0..1_100).step_by(100).filter(|start| *start != 200) {
            assert_eq!(ask(&mut assembly), None);
            assert_eq!(take(&mut assembly, &body, start, start + 100), Ok(()));
        }
        assert_eq!(ask(&mut assembly), Some(Ask { offset: 200, credits: 1 }));
        assert_eq!(ask(&mut assembly), None);
        assembly.time_out();
        assert_eq!(ask(&mut assembly), Some(Ask { offset: 200, credits: 1 }));
        assert_eq!(ask(&mut assembly), Some(Ask { offset: 1_100, credits: 7 }));
        assert_eq!(ask(&mut assembly), None);
    }

    #[test]
    fn a_reply_that_is_taken_away_comes_whole_and_little_of_it_is_kept() {
        for seed in 0..20 {
            let (mut random, stride) = (Random::new(seed), 16_000);
            let body = body(10 * AHEAD_BYTES + u32::try_from(seed).unwrap());
            let mut assembly = Assembly::in_pieces(u32::try_from(body.len()).unwrap(), 2 * stride);
            let mut wire: Vec<u32> = vec![0, stride];
            let (mut taken, mut out) = (Vec::new(), vec![0; 2 << 20]);
            while taken.len() < body.len() {
                while let Some(ask) = assembly.next_ask(stride, 64) {
                    wire.extend((0..u32::from(ask.credits)).map(|segment| ask.offset + segment * stride));
                    assembly.sent();
                }
                assert!(!wire.is_empty() || assembly.ready_bytes() > 0, "seed {seed}: it goes on");
                if !wire.is_empty() && random.one_in(2) {
                    // Any order among the first of them; some are lost.
                    let offset = wire.remove(random.index(wire.len().min(10))) as usize;
                    if offset < body.len() && !random.one_in(20) {
                        let _ = take(&mut assembly, &body, offset, body.len().min(offset + stride as usize));
                    }
                } else {
                    let most = 1 << random.below(22);
                    let most = random.index(most);
                    let count = assembly.take_away(&mut out[..most]);
                    taken.extend_from_slice(&out[..count]);
                }
                if wire.is_empty() && assembly.is_awaited() {
                    assembly.time_out();
                }
                assert!(assembly.kept_bytes() <= 2 * AHEAD_BYTES as usize, "seed {seed}");
                assert!(assembly.body.capacity() <= 3 * AHEAD_BYTES as usize, "seed {seed}");
            }
            assert!(taken == body && assembly.is_complete() && assembly.left_bytes() == 0, "seed {seed}");
        }
    }

    #[test]
    fn memory_is_not_taken_at_a_peers_word() {
        let mut assembly = Assembly::new(512 << 20, 1 << 20);
        assert_eq!(assembly.take(512 << 20, 0, &[1; 100]), Ok(()));
        assert!(assembly.body.capacity() <= FIRST_BYTES);
    }
}
