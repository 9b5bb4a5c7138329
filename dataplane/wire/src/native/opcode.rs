//! What a request asks for.

/// What a request asks for. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Opcode {
    /// For a cookie, which proves that the sender can be reached at its address.
    Hello = 0x01,
    /// For a session.
    Open = 0x02,
    /// For the session to live on.
    Renew = 0x03,
    /// For the session to end.
    Close = 0x04,
    /// For the owners of the slots and their addresses.
    Map = 0x05,
    /// For the counters of the shard.
    Stats = 0x06,
    /// For more segments of the reply to an earlier request.
    Continue = 0x07,
    /// For how the device spreads datagrams over the shards.
    Steering = 0x08,
    /// For a value.
    Get = 0x10,
    /// That a value is written.
    Put = 0x11,
    /// That a key is removed.
    Delete = 0x12,
    /// For a value, and that its key is removed.
    Take = 0x13,
    /// That a number is added.
    Add = 0x14,
    /// That bytes are added at the end of a value.
    Append = 0x15,
    /// That the expiry of a key changes.
    Touch = 0x16,
    /// For several values at one moment.
    MultiGet = 0x17,
    /// That several values are written at one moment.
    MultiPut = 0x18,
    /// For some of the keys of the shard.
    Scan = 0x19,
}

impl Opcode {
    /// All of them.
    pub const ALL: [Self; 18] = [
        Self::Hello,
        Self::Open,
        Self::Renew,
        Self::Close,
        Self::Map,
        Self::Stats,
        Self::Continue,
        Self::Steering,
        Self::Get,
        Self::Put,
        Self::Delete,
        Self::Take,
        Self::Add,
        Self::Append,
        Self::Touch,
        Self::MultiGet,
        Self::MultiPut,
        Self::Scan,
    ];

    /// The opcode of a number.
    #[inline]
    pub fn of(number: u8) -> Option<Self> {
        Some(match number {
            0x01 => Self::Hello,
            0x02 => Self::Open,
            0x03 => Self::Renew,
            0x04 => Self::Close,
            0x05 => Self::Map,
            0x06 => Self::Stats,
            0x07 => Self::Continue,
            0x08 => Self::Steering,
            0x10 => Self::Get,
            0x11 => Self::Put,
            0x12 => Self::Delete,
            0x13 => Self::Take,
            0x14 => Self::Add,
            0x15 => Self::Append,
            0x16 => Self::Touch,
            0x17 => Self::MultiGet,
            0x18 => Self::MultiPut,
            0x19 => Self::Scan,
            _ => return None,
        })
    }

    /// Whether the request changes something: it is applied once, however often it comes.
    #[inline]
    pub fn is_write(self) -> bool {
        matches!(
            self,
            Self::Put | Self::Delete | Self::Take | Self::Add | Self::Append | Self::Touch | Self::MultiPut
        )
    }

    /// Whether the request is on one key.
    #[inline]
    pub fn has_key(self) -> bool {
        matches!(
            self,
            Self::Get | Self::Put | Self::Delete | Self::Take | Self::Add | Self::Append | Self::Touch
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_one_opcode_or_none() {
        for number in 0..=u8::MAX {
            let known = Opcode::ALL.iter().find(|opcode| **opcode as u8 == number);
            assert_eq!(Opcode::of(number), known.copied());
        }
    }
}
