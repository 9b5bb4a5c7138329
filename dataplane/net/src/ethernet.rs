//! Ethernet headers, with one tag of IEEE 802.1Q or none.

use crate::bytes::{array_at, put, put_u16, u16_at};
use crate::counters::Reason;

/// An address of a device.
pub type Mac = [u8; 6];

/// What an Ethernet header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ethernet {
    pub(crate) source: Mac,
    /// To more devices than this one.
    pub(crate) to_group: bool,
    /// What the frame carries.
    pub(crate) kind: u16,
    pub(crate) header_bytes: usize,
}

/// Reads the header of a frame to the device `mac`, in `vlan` or in none.
#[inline]
pub(crate) fn parse(frame: &[u8], mac: &Mac, vlan: Option<u16>) -> Result<Ethernet, Reason> {
    let header = frame.first_chunk::<HEADER_BYTES>().ok_or(Reason::Truncated)?;
    let (to, source): (Mac, Mac) = (array_at(header, 0), array_at(header, 6));
    let to_group = is_group(to);
    if (!to_group && to != *mac) || is_group(source) {
        return Err(Reason::ForeignDevice);
    }
    let kind = u16_at(header, 12);
    if kind != KIND_VLAN {
        return match vlan {
            None => Ok(Ethernet { source, to_group, kind, header_bytes: HEADER_BYTES }),
            Some(_) => Err(Reason::ForeignVlan),
        };
    }
    let header = frame.first_chunk::<TAGGED_BYTES>().ok_or(Reason::Truncated)?;
    // A tag of VLAN 0 has a priority only: the frame is in no VLAN.
    if u16_at(header, 14) & VLAN_MASK != vlan.unwrap_or(0) {
        return Err(Reason::ForeignVlan);
    }
    Ok(Ethernet { source, to_group, kind: u16_at(header, 16), header_bytes: TAGGED_BYTES })
}

/// Bytes of a header.
#[inline]
pub(crate) fn header_bytes(vlan: Option<u16>) -> usize {
    if vlan.is_some() { TAGGED_BYTES } else { HEADER_BYTES }
}

/// Writes a header into room of [`header_bytes`].
#[inline]
pub(crate) fn write(room: &mut [u8], to: Mac, source: Mac, vlan: Option<u16>, kind: u16) {
    put(room, 0, &to);
    put(room, 6, &source);
    if let Some(vlan) = vlan {
        put_u16(room, 12, KIND_VLAN);
        put_u16(room, 14, vlan);
    }
    put_u16(room, header_bytes(vlan) - 2, kind);
}

/// Whether an address is that of several devices.
#[inline]
pub(crate) fn is_group(mac: Mac) -> bool {
    mac[0] & 1 != 0
}

/// Bytes of a header without a tag.
pub(crate) const HEADER_BYTES: usize = 14;
/// Bytes of a header with one.
pub(crate) const TAGGED_BYTES: usize = 18;
/// All devices.
pub(crate) const BROADCAST: Mac = [0xFF; 6];
pub(crate) const KIND_IPV4: u16 = 0x0800;
pub(crate) const KIND_ARP: u16 = 0x0806;
pub(crate) const KIND_IPV6: u16 = 0x86DD;
const KIND_VLAN: u16 = 0x8100;
const VLAN_MASK: u16 = 0x0FFF;

#[cfg(test)]
mod tests {
    use super::*;

    const US: Mac = [2, 0, 0, 0, 0, 1];
    const PEER: Mac = [2, 0, 0, 0, 0, 2];

    fn header(to: Mac, vlan: Option<u16>) -> Vec<u8> {
        let mut bytes = vec![0; header_bytes(vlan)];
        write(&mut bytes, to, PEER, vlan, KIND_ARP);
        bytes
    }

    #[test]
    fn golden_bytes() {
        let plain = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x08\x06";
        assert_eq!(header(US, None), plain);
        let tagged = b"\x02\0\0\0\0\x01\x02\0\0\0\0\x02\x81\x00\x01\x23\x08\x06";
        assert_eq!(header(US, Some(0x123)), tagged);
        let parsed = parse(tagged, &US, Some(0x123)).unwrap();
        assert_eq!(parsed, Ethernet { source: PEER, to_group: false, kind: KIND_ARP, header_bytes: 18 });
        assert!(parse(&header(BROADCAST, None), &US, None).unwrap().to_group);
    }

    #[test]
    fn frames_of_others_and_cut_ones_are_refused() {
        let tagged = header(US, Some(7));
        assert_eq!(parse(&tagged, &US, None), Err(Reason::ForeignVlan));
        assert_eq!(parse(&tagged, &US, Some(8)), Err(Reason::ForeignVlan));
        assert_eq!(parse(&header(US, None), &US, Some(7)), Err(Reason::ForeignVlan));
        assert_eq!(parse(&header(PEER, None), &US, None), Err(Reason::ForeignDevice));
        let mut from_group = header(US, None);
        from_group[6] |= 1;
        assert_eq!(parse(&from_group, &US, None), Err(Reason::ForeignDevice));
        for len in 0..tagged.len() {
            assert_eq!(parse(&tagged[..len], &US, Some(7)), Err(Reason::Truncated), "{len} bytes");
        }
        let mut priority = header(US, Some(0));
        priority[14] = 0xE0;
        assert_eq!(parse(&priority, &US, None).unwrap().header_bytes, TAGGED_BYTES);
    }
}
