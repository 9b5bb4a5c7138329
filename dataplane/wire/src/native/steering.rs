//! How the server's device spreads datagrams over its shards: clients that pick their own ports reach the shard they want.
//!
//! ```text
//! kind u8: 0 nothing is hashed, 1 Toeplitz; covers u8; key length u16, table length u16, 0 u16, key, table * shard u16
//! ```
//!
//! Of kind 0 everything else is 0. The low bits of a hash are a place in the table.

use super::bytes::Reader;

/// A hash, and the shard that each of its values leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Steering {
    /// The key of the Toeplitz hash, [`KEY_BYTES_MIN`] to [`KEY_BYTES_MAX`] bytes.
    pub key: Vec<u8>,
    /// The shard for each of the hashes by their low bits: a power of two, at most [`TABLE_ENTRIES_MAX`].
    pub shard_of_hash: Vec<u16>,
    /// What of a datagram is hashed.
    pub covers: Covers,
}

/// What is hashed of datagrams: addresses and ports; where not, addresses alone; where neither, nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Covers {
    /// Addresses and ports of UDP over IPv4.
    pub ipv4_ports: bool,
    /// Addresses of IPv4.
    pub ipv4: bool,
    /// Addresses and ports of UDP over IPv6.
    pub ipv6_ports: bool,
    /// Addresses of IPv6.
    pub ipv6: bool,
}

impl Steering {
    /// Whether it has the sizes that a reply may have.
    pub fn is_sound(&self) -> bool {
        let entries = self.shard_of_hash.len();
        (KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&self.key.len())
            && entries.is_power_of_two()
            && entries <= TABLE_ENTRIES_MAX
    }

    pub(super) fn decode(body: &[u8]) -> Option<Option<Self>> {
        let mut reader = Reader::new(body);
        let (kind, covers) = (reader.u8()?, reader.u8()?);
        let (key_len, entries) = (reader.u16()?, reader.u16()?);
        reader.zeros(2)?;
        if kind == NOTHING {
            reader.end()?;
            return (covers == 0 && key_len == 0 && entries == 0).then_some(None);
        }
        let is_known = kind == TOEPLITZ && usize::from(entries) <= TABLE_ENTRIES_MAX;
        let key = reader.take(usize::from(key_len)).filter(|_| is_known)?.to_vec();
        let shard_of_hash = (0..entries).map(|_| reader.u16()).collect::<Option<Vec<_>>>()?;
        reader.end()?;
        let steering = Self { key, shard_of_hash, covers: Covers::decode(covers)? };
        steering.is_sound().then_some(Some(steering))
    }
}

impl Covers {
    fn decode(bits: u8) -> Option<Self> {
        let has = |bit: u8| bits & bit != 0;
        let covers = Self { ipv4_ports: has(1), ipv4: has(2), ipv6_ports: has(4), ipv6: has(8) };
        (bits == covers.encode()).then_some(covers)
    }

    fn encode(self) -> u8 {
        let bits = [self.ipv4_ports, self.ipv4, self.ipv6_ports, self.ipv6];
        bits.iter().rev().fold(0, |sum, bit| sum << 1 | u8::from(*bit))
    }
}

/// Appends the body: that of a hash, or of none. One that is not sound is none.
pub fn encode(steering: Option<&Steering>, body: &mut Vec<u8>) {
    let Some(steering) = steering.filter(|steering| steering.is_sound()) else {
        return body.extend_from_slice(&[0; HEAD_BYTES]);
    };
    let count = |len: usize| u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes();
    body.extend_from_slice(&[TOEPLITZ, steering.covers.encode()]);
    body.extend_from_slice(&count(steering.key.len()));
    body.extend_from_slice(&count(steering.shard_of_hash.len()));
    body.extend_from_slice(&[0; 2]);
    body.extend_from_slice(&steering.key);
    steering.shard_of_hash.iter().for_each(|shard| body.extend_from_slice(&shard.to_le_bytes()));
}

/// The shortest key: 4 bytes more than two addresses of IPv6 and two ports.
pub const KEY_BYTES_MIN: usize = 40;
/// The longest key of a device.
pub const KEY_BYTES_MAX: usize = 52;
/// Most entries of a table.
pub const TABLE_ENTRIES_MAX: usize = 512;
const NOTHING: u8 = 0;
const TOEPLITZ: u8 = 1;
const HEAD_BYTES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn steering() -> Steering {
        let covers = Covers { ipv4_ports: true, ipv4: true, ipv6: true, ipv6_ports: false };
        Steering { key: (0..40).collect(), shard_of_hash: vec![0, 1, 2, 0x0103], covers }
    }

    fn encoded(steering: Option<&Steering>) -> Vec<u8> {
        let mut body = Vec::new();
        encode(steering, &mut body);
        body
    }

    #[test]
    fn a_steering_is_these_bytes() {
        let body = encoded(Some(&steering()));
        let key: Vec<u8> = (0..40).collect();
        let golden = [&[1, 0b1011, 40, 0, 4, 0, 0, 0][..], &key, &[0, 0, 1, 0, 2, 0, 3, 1]].concat();
        assert_eq!(body, golden);
        assert_eq!(Steering::decode(&body), Some(Some(steering())));
        (0..body.len()).for_each(|len| assert_eq!(Steering::decode(&body[..len]), None, "{len} bytes"));
        assert_eq!(Steering::decode(&[&body[..], &[0]].concat()), None);
        let none = encoded(None);
        assert_eq!(none, [0; 8]);
        assert_eq!(Steering::decode(&none), Some(None));
        (0..8).for_each(|len| assert_eq!(Steering::decode(&none[..len]), None));
        (1..8).for_each(|at| {
            let mut harmed = none.clone();
            harmed[at] = 1;
            assert_eq!(Steering::decode(&harmed), None, "byte {at}");
        });
    }

    #[test]
    fn sizes_that_no_device_has_are_refused_and_never_sent() {
        let sizes = |key: usize, entries: usize| Steering {
            key: vec![1; key],
            shard_of_hash: vec![0; entries],
            ..steering()
        };
        for (key, entries) in [(40, 1), (52, 512)] {
            let sound = sizes(key, entries);
            assert_eq!(Steering::decode(&encoded(Some(&sound))), Some(Some(sound)));
        }
        for (key, entries) in [(39, 4), (53, 4), (0, 4), (40, 0), (40, 3), (40, 1024)] {
            assert_eq!(encoded(Some(&sizes(key, entries))), [0; 8]);
            let head = |len: usize| u16::try_from(len).unwrap().to_le_bytes();
            let body =
                [&[1, 1][..], &head(key), &head(entries), &[0; 2], &vec![0; key + 2 * entries]].concat();
            assert_eq!(Steering::decode(&body), None, "{key} bytes, {entries} entries");
        }
        let mut body = encoded(Some(&steering()));
        body[0] = 2;
        assert_eq!(Steering::decode(&body), None, "no such kind");
        (body[0], body[1]) = (1, 16);
        assert_eq!(Steering::decode(&body), None, "no such bit");
    }
}
