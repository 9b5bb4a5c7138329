//! The map that clients route by: where each shard is, and which slots it owns.
//!
//! ```text
//! epoch u64, shards u16, ranges u16, 0 u32,
//! shards * (family u8: 4 or 6, 0 u8, port u16, address [16], an IPv4 one in the first four bytes)
//! ranges * (first slot u16, last slot u16, shard u16, 0 u16), ascending, all slots
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::bytes::Reader;
use crate::slot::{SLOT_COUNT, Slot};

/// A map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Map {
    /// It counts the maps.
    pub epoch: u64,
    /// Where each shard is; an unspecified address is the one that its client has found it under.
    pub addresses: Vec<SocketAddr>,
    /// The slots of each shard, ascending.
    pub ranges: Vec<Range>,
}

/// Slots that follow each other and belong to one shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first slot.
    pub first: u16,
    /// The last slot, which is included.
    pub last: u16,
    /// Their shard.
    pub shard: u16,
}

impl Map {
    /// The shard that owns a key.
    #[inline]
    pub fn owner(&self, key: &[u8]) -> u16 {
        // One shard owns everything: no checksum is spent.
        if self.addresses.len() == 1 {
            return 0;
        }
        let slot = Slot::of(key).0;
        let place = self.ranges.partition_point(|range| range.last < slot);
        self.ranges.get(place).map_or(0, |range| range.shard)
    }

    /// Appends the body.
    pub fn encode(&self, body: &mut Vec<u8>) {
        let count = |len: usize| u16::try_from(len).unwrap_or(u16::MAX).to_le_bytes();
        body.extend_from_slice(&self.epoch.to_le_bytes());
        body.extend_from_slice(&count(self.addresses.len()));
        body.extend_from_slice(&count(self.ranges.len()));
        body.extend_from_slice(&[0; 4]);
        self.addresses.iter().for_each(|address| body.extend_from_slice(&encode_address(*address)));
        for range in &self.ranges {
            let numbers = [range.first, range.last, range.shard, 0];
            numbers.iter().for_each(|number| body.extend_from_slice(&number.to_le_bytes()));
        }
    }

    pub(super) fn decode(body: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(body);
        let (epoch, shards, ranges) = (reader.u64()?, reader.u16()?, reader.u16()?);
        reader.zeros(4)?;
        let addresses = (0..shards).map(|_| decode_address(&mut reader)).collect::<Option<Vec<_>>>()?;
        let ranges = (0..ranges).map(|_| decode_range(&mut reader)).collect::<Option<Vec<Range>>>()?;
        reader.end()?;
        let mut next = 0;
        for range in &ranges {
            let follows = range.first == next && range.last >= range.first && range.shard < shards;
            next = follows.then(|| range.last.checked_add(1)).flatten()?;
        }
        (next == SLOT_COUNT).then_some(Self { epoch, addresses, ranges })
    }
}

fn encode_address(address: SocketAddr) -> [u8; ADDRESS_BYTES] {
    let mut bytes = [0; ADDRESS_BYTES];
    bytes[2..4].copy_from_slice(&address.port().to_le_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes[0] = 4;
            bytes[4..8].copy_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            bytes[0] = 6;
            bytes[4..20].copy_from_slice(&ip.octets());
        }
    }
    bytes
}

fn decode_address(reader: &mut Reader<'_>) -> Option<SocketAddr> {
    let family = reader.u8()?;
    reader.zeros(1)?;
    let port = reader.u16()?;
    let octets: [u8; 16] = *reader.take(16)?.first_chunk()?;
    let ip = match family {
        4 => {
            let (ip, zeros) = octets.split_first_chunk::<4>()?;
            Reader::new(zeros).zeros(12)?;
            IpAddr::V4(Ipv4Addr::from(*ip))
        }
        6 => IpAddr::V6(Ipv6Addr::from(octets)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

fn decode_range(reader: &mut Reader<'_>) -> Option<Range> {
    let (first, last, shard) = (reader.u16()?, reader.u16()?, reader.u16()?);
    reader.zeros(2)?;
    Some(Range { first, last, shard })
}

const ADDRESS_BYTES: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> Map {
        let range = |first, last, shard| Range { first, last, shard };
        Map {
            epoch: 2,
            addresses: vec!["127.0.0.1:7400".parse().unwrap(), "[::1]:7401".parse().unwrap()],
            ranges: vec![range(0, 8_191, 1), range(8_192, 16_383, 0)],
        }
    }

    #[test]
    fn a_map_is_these_bytes() {
        let mut body = Vec::new();
        map().encode(&mut body);
        let golden = [
            &[2, 0, 0, 0, 0, 0, 0, 0, 2, 0, 2, 0, 0, 0, 0, 0][..],
            &[4, 0, 0xE8, 0x1C, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[6, 0, 0xE9, 0x1C, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
            &[0, 0, 0xFF, 0x1F, 1, 0, 0, 0],
            &[0, 0x20, 0xFF, 0x3F, 0, 0, 0, 0],
        ];
        assert_eq!(body, golden.concat());
        assert_eq!(Map::decode(&body), Some(map()));
        (0..body.len()).for_each(|len| assert_eq!(Map::decode(&body[..len]), None));
    }

    #[test]
    fn a_key_is_owned_by_the_shard_of_its_slot() {
        assert_eq!(map().owner(b"foo"), 0, "slot 12182");
        assert_eq!(map().owner(b"hello"), 1, "slot 866");
    }

    #[test]
    fn a_map_that_misses_a_slot_or_names_no_shard_is_none() {
        let broken = |change: fn(&mut Map)| {
            let (mut map, mut body) = (map(), Vec::new());
            change(&mut map);
            map.encode(&mut body);
            Map::decode(&body)
        };
        assert_eq!(broken(|map| map.ranges[0].first = 1), None);
        assert_eq!(broken(|map| map.ranges[1].first += 1), None);
        assert_eq!(broken(|map| map.ranges[1].last -= 1), None);
        assert_eq!(broken(|map| map.ranges[1].shard = 2), None);
        assert_eq!(broken(|map| map.ranges.truncate(1)), None);
        assert_eq!(broken(|map| map.ranges[0].last = u16::MAX), None);
    }
}
