//! How far a request of several segments has come: the shard takes segments in order and says how much it has, and how
//! many more it takes.

/// How far a long request has come; of a short one all zeros.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Upload {
    /// Bytes of the request.
    total: u32,
    /// The shard has all before this.
    taken: u32,
    /// All before this was sent, or is to be sent again only from here on.
    sent: u32,
    /// All before this was sent at some time.
    furthest: u32,
    /// Segments before this may be sent.
    allowed: u32,
    /// Time was out since the shard last took something: it may have forgotten what it took.
    is_probing: bool,
    /// The shard said twice that it has all before `taken`, so a segment was lost, and it was sent again.
    is_repeated: bool,
    /// Times out of which the shard said that it has less than it had, and whether it did since the last one.
    doubts: u8,
    is_doubted: bool,
}

impl Upload {
    /// Begins, if it has not, a request of `total` bytes, with as many of them as the shard takes.
    pub(super) fn begin(&mut self, total: u32, allowed: u32) {
        if self.total == 0 {
            *self = Self { total, allowed: allowed.max(1), is_probing: true, ..Self::default() };
        }
    }

    /// The next segment to be sent, as its offset, if one may be sent now.
    pub(super) fn next(&self) -> Option<u32> {
        (self.sent < self.allowed.min(self.total)).then_some(self.sent)
    }

    /// A segment that ends here was sent.
    pub(super) fn advance(&mut self, end: u32) {
        self.sent = end;
        self.furthest = self.furthest.max(end);
    }

    /// Whether all of the request was sent.
    pub(super) fn has_sent(&self) -> bool {
        self.furthest >= self.total
    }

    /// Nothing came for long: goes back to what the shard has, and sends again as much as `allowed` bytes.
    pub(super) fn time_out(&mut self, allowed: u32) {
        if self.total == 0 {
            return;
        }
        self.sent = self.taken;
        self.allowed = self.taken.saturating_add(allowed.max(1));
        self.is_probing = true;
        self.is_doubted = false;
    }

    /// All before this was sent, and was not taken back.
    pub(super) fn sent(&self) -> u32 {
        self.sent
    }

    /// All before this has arrived.
    pub(super) fn taken(&self) -> u32 {
        self.taken
    }

    /// Whether all that was sent has arrived.
    pub(super) fn is_settled(&self) -> bool {
        self.taken == self.sent
    }

    /// The shard says that it has less than it had, but what is missing cannot be sent again. Says whether to believe it:
    /// where frames keep their order, at once; else it may be a late frame, so only if it says so again and again
    /// when it is asked.
    pub(super) fn doubt(&mut self, is_ordered: bool) -> bool {
        if self.is_probing && !self.is_doubted {
            self.is_doubted = true;
            self.doubts += 1;
        }
        is_ordered || self.doubts >= DOUBTS_MAX
    }

    /// The shard has all before `offset` and takes `allowed` bytes more. Says whether the request came further.
    pub(super) fn credit(&mut self, offset: u32, allowed: u32) -> bool {
        let is_late = offset < self.taken && !self.is_probing;
        // Of a request that is there as a whole it would not say so.
        if offset > self.furthest || offset >= self.total || is_late {
            return false;
        }
        if offset >= self.taken {
            self.doubts = 0;
        }
        if offset > self.taken {
            (self.is_probing, self.is_repeated) = (false, false);
            self.sent = self.sent.max(offset);
            self.allowed = self.allowed.max(offset.saturating_add(allowed));
        } else if offset < self.taken {
            self.sent = offset;
            self.allowed = offset.saturating_add(allowed.max(1));
        } else {
            if !self.is_repeated && self.sent > offset {
                self.sent = offset;
            }
            self.is_repeated = true;
            self.allowed = self.allowed.max(offset.saturating_add(allowed));
        }
        let is_further = offset > self.taken;
        self.taken = offset;
        is_further
    }
}

/// Times that a shard is asked whether it has forgotten a request.
const DOUBTS_MAX: u8 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(allowed: u32) -> Upload {
        let mut upload = Upload::default();
        upload.begin(100, allowed);
        upload
    }

    /// Sends segments of 10 bytes of 100 for as long as it may.
    fn send(upload: &mut Upload) -> Vec<u32> {
        std::iter::from_fn(|| {
            let offset = upload.next()?;
            upload.advance(offset + 10);
            Some(offset)
        })
        .collect()
    }

    #[test]
    fn credits_bound_what_is_sent() {
        let mut upload = begin(30);
        assert_eq!(send(&mut upload), [0, 10, 20]);
        assert!(upload.credit(20, 30));
        assert_eq!(send(&mut upload), [30, 40]);
        assert!(!upload.credit(60, 30), "it cannot have what was not sent");
        upload.time_out(10);
        assert!(upload.credit(50, 100), "what was sent before time was out");
        assert_eq!(send(&mut upload), [50, 60, 70, 80, 90]);
        assert_eq!((upload.next(), upload.has_sent()), (None, true), "more is allowed than there is");
    }

    #[test]
    fn what_was_lost_is_sent_again_from_what_the_shard_has() {
        let mut upload = begin(30);
        send(&mut upload);
        assert!(upload.credit(10, 20));
        assert_eq!(send(&mut upload), []);
        assert!(!upload.credit(10, 20), "said again: the next was lost");
        assert_eq!(send(&mut upload), [10, 20]);
        assert!(!upload.credit(10, 20), "only once");
        assert_eq!(send(&mut upload), []);
        upload.time_out(10);
        assert_eq!(send(&mut upload), [10]);
    }

    #[test]
    fn a_shard_that_forgot_for_good_is_believed_when_it_says_so_again() {
        assert!(begin(100).doubt(true), "frames that keep their order are not late");
        let mut upload = begin(100);
        send(&mut upload);
        assert!(upload.credit(50, 50));
        assert!((0..10).all(|_| !upload.doubt(false)), "it may be late");
        for _ in 1..DOUBTS_MAX {
            upload.time_out(10);
            assert!((0..10).all(|_| !upload.doubt(false)), "copies count once");
        }
        upload.credit(50, 50);
        for _ in 1..DOUBTS_MAX {
            upload.time_out(10);
            assert!(!upload.doubt(false), "it had it all the time");
        }
        upload.time_out(10);
        assert!(upload.doubt(false));
    }

    #[test]
    fn a_shard_that_forgot_is_told_from_a_late_credit() {
        let mut upload = begin(100);
        send(&mut upload);
        assert!(upload.credit(50, 50));
        assert!(!upload.credit(20, 50), "a late one");
        assert_eq!(send(&mut upload), []);
        upload.time_out(20);
        assert_eq!(send(&mut upload), [50, 60]);
        assert!(!upload.credit(0, 20));
        assert_eq!(send(&mut upload), [0, 10]);
    }
}
