//! What is done with the long value, one after the other.

use crate::client::Client;

/// A use of the long value. In this order none finds memory that an earlier one needed and it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Step {
    Set,
    Get,
    /// In eighths, from nothing.
    Append,
    /// In eighths, beside the bounds of the server's blocks.
    GetRange,
    /// In eighths, beside the bounds of the server's blocks.
    SetRange,
    /// SET where a value of the same length is.
    Replace,
}

pub(super) const STEPS: [Step; 6] =
    [Step::Set, Step::Get, Step::Append, Step::GetRange, Step::SetRange, Step::Replace];

impl Step {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Set => "SET",
            Self::Get => "GET",
            Self::Append => "APPEND in eighths",
            Self::GetRange => "GETRANGE of eighths",
            Self::SetRange => "SETRANGE of eighths",
            Self::Replace => "SET over a value",
        }
    }

    /// The most the server must hold at once while it does this with a value of `value_bytes`: an argument is whole
    /// before the value changes, and a value stays until the next one is whole.
    pub(super) fn held_bytes(self, value_bytes: u64) -> u64 {
        match self {
            Self::Set | Self::Get | Self::Append | Self::GetRange => value_bytes,
            Self::SetRange => value_bytes + value_bytes / PARTS,
            Self::Replace => 2 * value_bytes,
        }
    }

    /// Removes what would be in the way.
    pub(super) fn prepare(self, client: &mut Client) -> anyhow::Result<()> {
        if matches!(self, Self::Set | Self::Append) {
            client.ask(&[b"DEL", KEY])?;
        }
        Ok(())
    }

    /// Does it with a value of `value_bytes`; returns the bytes that went over the wire as values.
    pub(super) fn run(self, client: &mut Client, value_bytes: u64) -> anyhow::Result<u64> {
        let part_bytes = value_bytes / PARTS;
        match self {
            Self::Set | Self::Replace => send(client, &[b"SET", KEY], value_bytes),
            Self::Get => fetch(client, &[b"GET", KEY]),
            Self::Append => (0..PARTS).map(|_| send(client, &[b"APPEND", KEY], part_bytes)).sum(),
            Self::GetRange => each_part(part_bytes, |start, end| {
                let (first, last) = (start.to_string(), (end - 1).to_string());
                fetch(client, &[b"GETRANGE", KEY, first.as_bytes(), last.as_bytes()])
            }),
            Self::SetRange => each_part(part_bytes, |start, end| {
                send(client, &[b"SETRANGE", KEY, start.to_string().as_bytes()], end - start)
            }),
        }
    }
}

/// Calls `part` with the start and the end of each part, both a little beside the bounds of blocks.
fn each_part(part_bytes: u64, mut part: impl FnMut(u64, u64) -> anyhow::Result<u64>) -> anyhow::Result<u64> {
    let shift = part_bytes.min(BLOCK_SHIFT_BYTES);
    (0..PARTS - 1).map(|number| part(number * part_bytes + shift, (number + 1) * part_bytes + shift)).sum()
}

fn send(client: &mut Client, args: &[&[u8]], length: u64) -> anyhow::Result<u64> {
    client.send_long(args, length, &PATTERN)?;
    client.expect_reply()?;
    Ok(length)
}

fn fetch(client: &mut Client, args: &[&[u8]]) -> anyhow::Result<u64> {
    let mut request = Vec::new();
    adit_wire::resp::client::encode_request(&mut request, args);
    client.send(&request)?;
    client.expect_reply()
}

/// The key of the long value.
pub(super) const KEY: &[u8] = b"adit-perf-transfer";
const PARTS: u64 = 8;
const BLOCK_SHIFT_BYTES: u64 = 1001;
static PATTERN: [u8; 256 * 1024] = [b'v'; 256 * 1024];
