//! SYN cookies (RFC 4987, section 3.6): all that a half-open connection is stands in our initial sequence number, so a
//! shard holds nothing for it.
//!
//! ```text
//!  31                            8 7        5 4          1   0
//! +-------------------------------+----------+------------+------+
//! | mark                          | MSS class| peer's     | SACK |
//! |                               |          | shift, 15: |      |
//! |                               |          | none       |      |
//! +-------------------------------+----------+------------+------+
//! ```
//!
//! The mark is SipHash under the secret of the shard over the flow, the peer's initial sequence number, the period of the
//! clock and the low eight bits. So the numbers of a flow cannot be foretold, which is what RFC 6528 is for; they do not grow with
//! time within a flow, which it also asks for and no cookie can give. A forged end of a handshake has to guess 24 bits, of two
//! periods: one in 2^23 succeeds.
//!
//! The peer's number is in it since a connection must begin at its first byte: the segment that ends the handshake may be lost,
//! and a later one must not be taken for it (see `grace.rs`).

use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use super::flow::Flow;
use super::segment::{SHIFT_MAX, SynOptions};

/// Makes and reads cookies.
pub(super) struct Cookies {
    secret: [u8; 16],
}

impl Cookies {
    pub(super) fn new(secret: u128) -> Self {
        Self { secret: secret.to_le_bytes() }
    }

    /// The initial sequence number that answers a SYN.
    #[inline]
    pub(super) fn cookie(&self, flow: &Flow, peer_isn: u32, options: SynOptions, now_ns: u64) -> u32 {
        let low = encode(options);
        self.mark(flow, peer_isn, low, now_ns / PERIOD_NS) << 8 | u32::from(low)
    }

    /// The options of the SYN whose answer had `isn`, the MSS rounded down to its class; nothing if there was none, or it is
    /// too long ago. `peer_isn` is the number in front of the first byte.
    #[inline]
    pub(super) fn options(&self, flow: &Flow, peer_isn: u32, isn: u32, now_ns: u64) -> Option<SynOptions> {
        let [.., low] = isn.to_be_bytes();
        let period = now_ns / PERIOD_NS;
        let mut periods = [Some(period), period.checked_sub(1)].into_iter().flatten();
        periods.any(|period| self.mark(flow, peer_isn, low, period) == isn >> 8).then(|| decode(low))
    }

    #[inline]
    fn mark(&self, flow: &Flow, peer_isn: u32, low: u8, period: u64) -> u32 {
        let mut hash = SipHasher24::new_with_key(&self.secret);
        hash.write(flow.bytes());
        hash.write(&period.to_le_bytes());
        hash.write(&peer_isn.to_le_bytes());
        hash.write(&[low]);
        u32::try_from(hash.finish() & MARK).unwrap_or(0)
    }
}

fn encode(options: SynOptions) -> u8 {
    // RFC 9293, section 3.7.1: without the option the peer takes 536 bytes.
    let mss_bytes = options.mss_bytes.filter(|bytes| *bytes > 0).unwrap_or(MSS_DEFAULT_BYTES);
    let above = MSS_CLASSES_BYTES.iter().skip(1).take_while(|class| **class <= mss_bytes).count();
    let shift = options.window_scale.map_or(SHIFT_NONE, |shift| shift.min(SHIFT_MAX));
    u8::try_from(above).unwrap_or(0) << 5 | shift << 1 | u8::from(options.sack)
}

fn decode(low: u8) -> SynOptions {
    let shift = low >> 1 & 15;
    SynOptions {
        mss_bytes: Some(MSS_CLASSES_BYTES[usize::from(low >> 5)]),
        window_scale: (shift <= SHIFT_MAX).then_some(shift),
        sack: low & 1 == 1,
    }
}

/// How long a cookie is good: for what is left of its period, and all of the next one.
pub(super) const PERIOD_NS: u64 = 64_000_000_000;

/// What a peer may be sent in one segment, rounded down to one of these: 1,440 and 1,460 are those of IPv6 and IPv4 in
/// Ethernet frames, 8,940 that of jumbo frames, 1,380 and 1,220 what tunnels and the least MTU of IPv6 leave. Who takes
/// less than 64 bytes is sent 64; Linux has 48 there.
const MSS_CLASSES_BYTES: [u16; 8] = [64, 256, 536, 1220, 1380, 1440, 1460, 8940];
const MSS_DEFAULT_BYTES: u16 = 536;
const SHIFT_NONE: u8 = 15;
const MARK: u64 = 0xff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(port: u16) -> Flow {
        Flow::new(([10, 0, 0, 2], port).into(), ([10, 0, 0, 1], 6379).into())
    }

    #[test]
    fn a_cookie_brings_the_options_back_for_two_periods() {
        let cookies = Cookies::new(7);
        for (said, meant) in
            [(None, 536), (Some(0), 536), (Some(1), 64), (Some(1459), 1440), (Some(1460), 1460)]
        {
            for window_scale in [None, Some(0), Some(7), Some(14)] {
                for sack in [false, true] {
                    let options = SynOptions { mss_bytes: said, window_scale, sack };
                    let isn = cookies.cookie(&flow(1), 99, options, PERIOD_NS);
                    let told = |now_ns| cookies.options(&flow(1), 99, isn, now_ns);
                    let meant = SynOptions { mss_bytes: Some(meant), ..options };
                    assert_eq!([told(PERIOD_NS), told(3 * PERIOD_NS - 1)], [Some(meant); 2]);
                    assert_eq!(told(3 * PERIOD_NS), None);
                }
            }
        }
    }

    #[test]
    fn a_cookie_is_for_one_flow_and_one_first_byte_under_one_secret() {
        let cookies = Cookies::new(7);
        let isn = cookies.cookie(&flow(1), 99, SynOptions::default(), 0);
        assert!(cookies.options(&flow(1), 99, isn, 0).is_some());
        assert_eq!(cookies.options(&flow(1), 100, isn, 0), None);
        assert_eq!(cookies.options(&flow(2), 99, isn, 0), None);
        assert_eq!(Cookies::new(8).options(&flow(1), 99, isn, 0), None);
        for bit in 0..32 {
            assert_eq!(cookies.options(&flow(1), 99, isn ^ 1 << bit, 0), None, "bit {bit}");
        }
    }

    #[test]
    fn a_guess_succeeds_about_as_often_as_24_bits_say() {
        let cookies = Cookies::new(3);
        // Two million guesses in the second period, each right with a chance of 2^-23: none is to be expected.
        let now_ns = PERIOD_NS;
        let proven = (0..2_000_000_u32)
            .filter(|guess| {
                let isn = guess.wrapping_mul(0x9e37_79b9);
                cookies.options(&flow(1), 5, isn, now_ns).is_some()
            })
            .count();
        assert!(proven <= 3, "{proven} guesses");
    }
}
