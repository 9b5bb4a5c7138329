//! What became of a request.

/// What became of a request, sorted by whose fault it is. The numbers never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Status {
    /// It is done.
    Ok = 0,
    /// Segments of the request have arrived up to the offset of this frame; more may come.
    Credit = 1,

    /// The sender's: the body is not that of its opcode.
    Malformed = 16,
    /// The sender's: no such opcode in this version.
    UnknownOpcode = 17,
    /// The sender's: the peer speaks other versions; its own is in the frame.
    UnsupportedVersion = 18,
    /// The sender's: the key is longer than 64 KiB.
    KeyTooLong = 19,
    /// The sender's: the value would be longer than 512 MiB.
    ValueTooLong = 20,
    /// The sender's: a body on several keys is longer than 1 MiB, or the reply would be.
    TooLarge = 21,
    /// The sender's: the bucket does not exist.
    NoSuchBucket = 22,
    /// The sender's: the tenant or the password is not right.
    BadCredentials = 23,
    /// The sender's: the session is not known here, or was closed; what was not answered is done or not.
    SessionLost = 24,
    /// The sender's: the address is not the one that the session has proven; open it again from there.
    Unproven = 25,
    /// The sender's: another shard owns the key; the body names it.
    WrongShard = 26,
    /// The sender's: the request's number is too far beyond the oldest unacknowledged one.
    BeyondWindow = 27,
    /// The sender's: nothing is kept of the reply that is to be continued.
    NoReply = 28,

    /// The state's: the key does not exist.
    NotFound = 48,
    /// The state's: the key exists, does not, or has another version; the body has its version.
    ConditionFailed = 49,
    /// The state's: the value is not a decimal number of 64 bits.
    NotAnInteger = 50,
    /// The state's: the sum does not fit 64 bits.
    Overflow = 51,
    /// The state's: the shard's memory is full.
    OutOfMemory = 52,
    /// The state's: too much is under way or kept for this session or tenant; later it may be done.
    Busy = 53,

    /// The device's: the write is not durable, and nothing is accepted until it is recovered.
    DeviceFailed = 80,
}

impl Status {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Ok,
        Self::Credit,
        Self::Malformed,
        Self::UnknownOpcode,
        Self::UnsupportedVersion,
        Self::KeyTooLong,
        Self::ValueTooLong,
        Self::TooLarge,
        Self::NoSuchBucket,
        Self::BadCredentials,
        Self::SessionLost,
        Self::Unproven,
        Self::WrongShard,
        Self::BeyondWindow,
        Self::NoReply,
        Self::NotFound,
        Self::ConditionFailed,
        Self::NotAnInteger,
        Self::Overflow,
        Self::OutOfMemory,
        Self::Busy,
        Self::DeviceFailed,
    ];

    /// The status of a number.
    #[inline]
    pub fn of(number: u8) -> Option<Self> {
        if number == 0 {
            return Some(Self::Ok);
        }
        Self::ALL.into_iter().find(|status| *status as u8 == number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_one_status_or_none() {
        let found: Vec<Status> = (0..=u8::MAX).filter_map(Status::of).collect();
        assert_eq!(found, Status::ALL);
    }
}
