//! Acknowledgments without a connection: whether they are reset at once.
//!
//! When the end of a handshake is lost, or overtaken, the first segment that comes is a later one, and it looks like one of a
//! connection that is long over. A reset would break what the peer sends again in a moment, from its first byte on. So the
//! first one of a flow is dropped, and only who still sends such a while later is reset: a peer that has not noticed that we
//! were restarted, for example. What is remembered for that is a table of fixed size in which flows overwrite each other.

/// Flows that had such acknowledgments lately.
pub(super) struct Grace {
    /// The hash of a flow, and when its first one came.
    seen: Box<[(u64, u64)]>,
}

impl Grace {
    pub(super) fn new() -> Self {
        Self { seen: vec![(0, u64::MAX); PLACES].into_boxed_slice() }
    }

    /// Whether an acknowledgment of the flow with this hash is still to be dropped.
    pub(super) fn covers(&mut self, hash: u64, now_ns: u64) -> bool {
        let place = usize::try_from(hash % PLACES as u64).unwrap_or(0);
        let (known, since_ns) = &mut self.seen[place];
        if *known != hash || *since_ns > now_ns {
            (*known, *since_ns) = (hash, now_ns);
        }
        now_ns - *since_ns < GRACE_NS
    }
}

/// What a peer has: Linux sends a first segment again after 200 ms, and once more after 400.
pub(super) const GRACE_NS: u64 = 500_000_000;
const PLACES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_goes_on_is_reset_in_the_end() {
        let mut grace = Grace::new();
        assert!(grace.covers(0, 10) && grace.covers(1, 10) && grace.covers(0, 9 + GRACE_NS));
        assert!(!grace.covers(0, 10 + GRACE_NS) && !grace.covers(0, 90 * GRACE_NS));
        let other = PLACES as u64;
        assert!(grace.covers(other, 91 * GRACE_NS), "another one in the same place");
        assert!(grace.covers(0, 92 * GRACE_NS) && !grace.covers(1, 92 * GRACE_NS));
    }
}
