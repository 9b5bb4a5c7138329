//! How far a request of several segments has come: the shard takes segments in order and says how much it has, and how
//! many more it takes.

/// How far a long request has come; of a short one all zeros.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Upload {
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
}

impl Upload {
    /// Begins, if it has not, with as many bytes as the shard takes.
    pub(super) fn begin(&mut self, allowed: u32) {
        if self.allowed == 0 {
            *self = Self { allowed: allowed.max(1), is_probing: true, ..Self::default() };
        }
    }

    /// The next segment to be sent, as its offset, if one may be sent now.
    pub(super) fn next(&self) -> Option<u32> {
        (self.sent < self.allowed).then_some(self.sent)
    }

    /// A segment that ends here was sent.
    pub(super) fn advance(&mut self, end: u32) {
        self.sent = end;
        self.furthest = self.furthest.max(end);
    }

    /// Whether all of a request of `total` bytes was sent.
    pub(super) fn has_sent(&self, total: u32) -> bool {
        self.furthest >= total
    }

    /// Nothing came for long: goes back to what the shard has, and sends again as much as `allowed` bytes.
    pub(super) fn time_out(&mut self, allowed: u32) {
        if self.allowed == 0 {
            return;
        }
        self.sent = self.taken;
        self.allowed = self.taken.saturating_add(allowed.max(1));
        self.is_probing = true;
    }

    /// The shard has all before `offset` and takes `allowed` bytes more. Says whether the request came further.
    pub(super) fn credit(&mut self, offset: u32, allowed: u32) -> bool {
        let is_late = offset < self.taken && !self.is_probing;
        if offset > self.furthest || is_late {
            return false;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn begin(allowed: u32) -> Upload {
        let mut upload = Upload::default();
        upload.begin(allowed);
        upload
    }

    /// Sends segments of 10 bytes of 100 for as long as it may.
    fn send(upload: &mut Upload) -> Vec<u32> {
        std::iter::from_fn(|| {
            let offset = upload.next().filter(|offset| *offset < 100)?;
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
