//! Frames: a header and one segment of a message, with a checksum over both.
//!
//! ```text
//!  0          4        6     7     8     9     10    11    12         14         16
//!  ├──────────┼────────┼─────┼─────┼─────┼─────┼─────┼─────┼──────────┼──────────┤
//!  │ CRC32C   │ magic  │ ver │  0  │ op  │stat │flags│  0  │ credits  │ segment  │
//!  │ of 4..   │ "Ad"   │  1  │     │     │     │     │     │          │ length   │
//!  ├──────────┴────────┴─────┴─────┼─────┴─────┴─────┴─────┴──────────┴──────────┤ 32
//!  │ session                       │ request                                     │
//!  ├───────────────────────────────┼─────────────────────────────────────────────┤ 48
//!  │ oldest unacknowledged request │ map epoch                                   │
//!  ├───────────────┬───────────────┼─────────────────────────────────────────────┘
//!  │ total length  │ segment offset│ segment: `segment length` bytes
//!  └───────────────┴───────────────┘ 56
//! ```
//!
//! All numbers are little-endian. The total length counts the bytes of the whole message's body, of which the segment is
//! the part at the segment offset. CRC32C (RFC 3720, appendix B.4) covers everything behind itself.

use super::{BODY_BYTES_MAX, FRAME_BYTES_MAX, Status};

/// What comes before the segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The number of an [`Opcode`](super::Opcode); a reply repeats that of its request.
    pub opcode: u8,
    /// The number of a [`Status`]; 0 in requests.
    pub status: u8,
    /// Whether it is a reply.
    pub is_reply: bool,
    /// Segments that the sender of this frame takes at once: of the reply, or of the rest of the request.
    pub credits: u16,
    /// The session, 0 before there is one.
    pub session: u64,
    /// The number of the request in its session, from 1 on; a reply repeats it.
    pub request: u64,
    /// All requests of the session below this are answered, as their sender knows.
    pub oldest: u64,
    /// The epoch of the sender's map; 0 if it has none.
    pub map_epoch: u64,
    /// Bytes of the whole body.
    pub total_bytes: u32,
    /// Where the segment lies in it.
    pub offset: u32,
}

/// A whole, unharmed frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Its header.
    pub header: Header,
    /// Its segment.
    pub segment: &'a [u8],
}

/// Why bytes are no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameError {
    /// They end before the frame does, or go on behind it.
    Length,
    /// They do not begin like a frame.
    Magic,
    /// It is a frame of another version.
    Version(u8),
    /// The checksum is not that of the bytes.
    Checksum,
    /// The checksum is right, but the header is none: reserved bits are set, or the segment is not within its message.
    Header,
}

impl<'a> Frame<'a> {
    /// Decodes a frame that fills `bytes`, as it does a datagram.
    ///
    /// # Errors
    /// Why it is none.
    #[inline]
    pub fn decode(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let Some((head, segment)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(FrameError::Length);
        };
        if head[4..6] != MAGIC {
            return Err(FrameError::Magic);
        }
        // The length is that of the datagram in all versions, and so is the place of the checksum.
        if !is_unharmed(bytes) {
            return Err(FrameError::Checksum);
        }
        check_start(head)?;
        if segment.len() != usize::from(u16::from_le_bytes(field::<14, 2>(head))) {
            return Err(FrameError::Length);
        }
        let header = Header {
            opcode: head[8],
            status: head[9],
            is_reply: head[10] & FLAG_REPLY != 0,
            credits: u16::from_le_bytes(field::<12, 2>(head)),
            session: u64::from_le_bytes(field::<16, 8>(head)),
            request: u64::from_le_bytes(field::<24, 8>(head)),
            oldest: u64::from_le_bytes(field::<32, 8>(head)),
            map_epoch: u64::from_le_bytes(field::<40, 8>(head)),
            total_bytes: u32::from_le_bytes(field::<48, 4>(head)),
            offset: u32::from_le_bytes(field::<52, 4>(head)),
        };
        let is_reserved_zero = head[7] == 0 && head[11] == 0 && head[10] & !FLAG_REPLY == 0;
        let end = u64::from(header.offset) + segment.len() as u64;
        // An empty segment is within any message: CONTINUE has no body, but an offset from where on it asks.
        let is_within = segment.is_empty() || end <= u64::from(header.total_bytes);
        // A message goes on with something: only an empty one has an empty segment, but for those that have no
        // segment at all, as they only tell how far a message has come.
        let is_credit = header.is_reply && header.status == Status::Credit as u8;
        let goes_on = !segment.is_empty() || header.total_bytes == 0 || header.offset > 0 || is_credit;
        if is_reserved_zero && is_within && goes_on && header.total_bytes <= BODY_BYTES_MAX {
            Ok(Self { header, segment })
        } else {
            Err(FrameError::Header)
        }
    }

    /// Whether the frame is a whole message.
    #[inline]
    pub fn is_whole(&self) -> bool {
        self.segment.len() as u64 == u64::from(self.header.total_bytes)
    }
}

impl Header {
    /// Writes the header of a frame whose segment, the rest of `frame`, is there already, and the checksum of both.
    ///
    /// # Panics
    /// If `frame` is shorter than a header or longer than [`FRAME_BYTES_MAX`].
    #[inline]
    pub fn seal(&self, frame: &mut [u8]) {
        self.write(frame, frame.len());
        let checksum = crc32c(&frame[CHECKED_FROM..]);
        frame[..4].copy_from_slice(&checksum.to_le_bytes());
    }

    /// The same for a frame whose segment ends with bytes that lie elsewhere, behind those in `frame`.
    ///
    /// # Panics
    /// If `frame` is shorter than a header or both together are longer than [`FRAME_BYTES_MAX`].
    pub fn seal_with_tail(&self, frame: &mut [u8], tail: &[u8]) {
        self.write(frame, frame.len() + tail.len());
        let mut digest = crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi);
        digest.update(&frame[CHECKED_FROM..]);
        digest.update(tail);
        frame[..4].copy_from_slice(&number(digest.finalize()).to_le_bytes());
    }

    /// Writes the header of a frame of `frame_bytes`, without the checksum.
    #[inline]
    fn write(&self, frame: &mut [u8], frame_bytes: usize) {
        assert!(frame_bytes <= FRAME_BYTES_MAX, "a frame is too long");
        let segment_bytes = u16::try_from(frame_bytes - HEADER_BYTES).unwrap_or(u16::MAX);
        let Some(head) = frame.first_chunk_mut::<HEADER_BYTES>() else { unreachable!("it was subtracted") };
        head[4..8].copy_from_slice(&[MAGIC[0], MAGIC[1], VERSION, 0]);
        head[8..12].copy_from_slice(&[self.opcode, self.status, u8::from(self.is_reply), 0]);
        head[12..14].copy_from_slice(&self.credits.to_le_bytes());
        head[14..16].copy_from_slice(&segment_bytes.to_le_bytes());
        head[16..24].copy_from_slice(&self.session.to_le_bytes());
        head[24..32].copy_from_slice(&self.request.to_le_bytes());
        head[32..40].copy_from_slice(&self.oldest.to_le_bytes());
        head[40..48].copy_from_slice(&self.map_epoch.to_le_bytes());
        head[48..52].copy_from_slice(&self.total_bytes.to_le_bytes());
        head[52..56].copy_from_slice(&self.offset.to_le_bytes());
    }
}

/// The length of the frame that a stream's next bytes begin, once enough of it is there to know.
///
/// # Errors
/// If no frame begins like that: the stream cannot be read any further.
#[inline]
pub fn length_in_stream(bytes: &[u8]) -> Result<Option<usize>, FrameError> {
    let Some(head) = bytes.first_chunk::<LENGTH_KNOWN_BYTES>() else {
        let known = bytes.get(4..bytes.len().min(6)).unwrap_or_default();
        return if MAGIC.starts_with(known) { Ok(None) } else { Err(FrameError::Magic) };
    };
    check_start(head)?;
    let length = HEADER_BYTES + usize::from(u16::from_le_bytes(field::<14, 2>(head)));
    if length <= FRAME_BYTES_MAX { Ok(Some(length)) } else { Err(FrameError::Length) }
}

#[inline]
fn check_start<const N: usize>(head: &[u8; N]) -> Result<(), FrameError> {
    if head[4..6] != MAGIC {
        return Err(FrameError::Magic);
    }
    if head[6] == VERSION { Ok(()) } else { Err(FrameError::Version(head[6])) }
}

/// The `N` bytes of a field that begins at `AT`.
#[inline]
fn field<const AT: usize, const N: usize>(head: &[u8]) -> [u8; N] {
    std::array::from_fn(|index| head[AT + index])
}

#[inline]
fn is_unharmed(frame: &[u8]) -> bool {
    // The build that must fail believes everything.
    cfg!(feature = "sabotage-checksum") || frame[..4] == crc32c(&frame[CHECKED_FROM..]).to_le_bytes()
}

/// CRC-32C, as iSCSI has it.
#[inline]
fn crc32c(bytes: &[u8]) -> u32 {
    number(crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes))
}

/// The crate counts checksums of any width in 64 bits.
#[inline]
fn number(checksum: u64) -> u32 {
    u32::try_from(checksum).unwrap_or(u32::MAX)
}

/// Bytes of a header.
pub const HEADER_BYTES: usize = 56;
/// What stands behind the checksum of every frame.
pub const MAGIC: [u8; 2] = *b"Ad";
/// The version of the protocol.
pub const VERSION: u8 = 1;
/// Bytes of a frame that tell its length.
pub const LENGTH_KNOWN_BYTES: usize = 16;
const FLAG_REPLY: u8 = 1;
/// The checksum covers the bytes from here on.
const CHECKED_FROM: usize = 4;
const _: () = assert!(FRAME_BYTES_MAX - HEADER_BYTES <= u16::MAX as usize);

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header {
            opcode: 0x10,
            status: 0,
            is_reply: false,
            credits: 32,
            session: 0x1122_3344_5566_7788,
            request: 7,
            oldest: 5,
            map_epoch: 1,
            total_bytes: 3,
            offset: 0,
        }
    }

    fn frame(header: Header, segment: &[u8]) -> Vec<u8> {
        let mut frame = [&[0; HEADER_BYTES], segment].concat();
        header.seal(&mut frame);
        frame
    }

    #[test]
    fn the_checksum_is_that_of_iscsi() {
        // RFC 3720, appendix B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn a_frame_is_these_bytes() {
        let golden = [
            0xAE, 0x87, 0xB9, 0x22, 0x41, 0x64, 1, 0, 0x10, 0, 0, 0, 32, 0, 3,
            0, // magic .. segment length
            0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11, 7, 0, 0, 0, 0, 0, 0, 0, // session, request
            5, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, // oldest, epoch
            3, 0, 0, 0, 0, 0, 0, 0, b'a', b'b', b'c', // total, offset, segment
        ];
        assert_eq!(frame(header(), b"abc"), golden);
        assert_eq!(Frame::decode(&golden), Ok(Frame { header: header(), segment: b"abc" }));
    }

    #[test]
    fn a_tail_may_begin_anywhere_in_the_segment() {
        let segment: Vec<u8> = (0..=255).collect();
        let header = Header { total_bytes: 256, ..header() };
        let whole = frame(header, &segment);
        for at in 0..=segment.len() {
            let (own, tail) = segment.split_at(at);
            let mut front = [&[0; HEADER_BYTES], own].concat();
            header.seal_with_tail(&mut front, tail);
            assert_eq!([&front, tail].concat(), whole, "a tail from byte {at} on");
        }
    }

    #[test]
    fn every_truncation_and_every_changed_bit_is_refused() {
        let whole = frame(header(), b"abc");
        for len in 0..whole.len() {
            assert!(Frame::decode(&whole[..len]).is_err(), "{len}");
        }
        assert_eq!(Frame::decode(&[&whole[..], b"d"].concat()), Err(FrameError::Checksum));
        for bit in 0..whole.len() * 8 {
            let mut harmed = whole.clone();
            harmed[bit / 8] ^= 1 << (bit % 8);
            assert!(Frame::decode(&harmed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_segment_lies_within_its_message() {
        let decode = |header: Header, segment: &[u8]| {
            Frame::decode(&frame(header, segment)).map(|frame| frame.is_whole())
        };
        let at = |total_bytes, offset| Header { total_bytes, offset, ..header() };
        assert_eq!(decode(at(0, 0), b""), Ok(true));
        assert_eq!(decode(at(3, 0), b"abc"), Ok(true));
        assert_eq!(decode(at(9, 6), b"abc"), Ok(false));
        assert_eq!(decode(at(9, 7), b"abc"), Err(FrameError::Header));
        assert_eq!(decode(at(u32::MAX, u32::MAX), b"a"), Err(FrameError::Header));
        assert_eq!(decode(at(BODY_BYTES_MAX + 1, 0), b"a"), Err(FrameError::Header));
        assert_eq!(decode(at(9, 0), b""), Err(FrameError::Header), "it would go on with nothing");
        assert_eq!(decode(at(9, 3), b""), Ok(false), "how far a message has come");
        let credit = Header { is_reply: true, status: Status::Credit as u8, ..at(9, 0) };
        assert_eq!(decode(credit, b""), Ok(false), "nothing has come");
        assert_eq!(decode(Header { is_reply: false, ..credit }, b""), Err(FrameError::Header));
        assert_eq!(decode(at(0, 3), b""), Ok(true), "from where on a reply is continued");
        let reserved = |at: usize, bit: u8| {
            let mut frame = frame(header(), b"abc");
            frame[at] |= bit;
            let checksum = crc32c(&frame[CHECKED_FROM..]);
            frame[..4].copy_from_slice(&checksum.to_le_bytes());
            Frame::decode(&frame).err()
        };
        assert_eq!(reserved(7, 1), Some(FrameError::Header));
        assert_eq!(reserved(10, 2), Some(FrameError::Header));
        assert_eq!(reserved(11, 1), Some(FrameError::Header));
        assert_eq!(reserved(6, 2), Some(FrameError::Version(3)));
    }

    #[test]
    fn a_stream_tells_the_length_of_its_next_frame() {
        let whole = frame(header(), b"abc");
        for len in 0..16 {
            assert_eq!(length_in_stream(&whole[..len]), Ok(None));
        }
        for len in 16..whole.len() {
            assert_eq!(length_in_stream(&whole[..len]), Ok(Some(59)));
        }
        assert_eq!(length_in_stream(b"GET /"), Err(FrameError::Magic));
        assert_eq!(length_in_stream(b"1234AX"), Err(FrameError::Magic));
        let mut long = whole;
        long[14..16].copy_from_slice(&[0xFF, 0xFF]);
        assert_eq!(length_in_stream(&long), Err(FrameError::Length));
    }
}
