//! A memory for helpers: addresses are indexes of an array, and what is lent lies far behind it.

use adit_function::call::{Call, Means, WORK};
use adit_function::helper::{Failure, SCALAR, call};
use adit_function::memory::{Memory, Place, refuse_overlap};
use adit_function::records::Records;
use adit_function::stage::Room;
use adit_function::store::Store;

/// Memory of so many bytes, and what helpers have lent to it.
pub(crate) struct Flat<'s> {
    pub(crate) bytes: Vec<u8>,
    lent: Vec<&'s [u8]>,
}

impl<'s> Flat<'s> {
    pub(crate) fn new() -> Self {
        Self { bytes: vec![0xee; 4096], lent: vec![] }
    }

    /// Writes bytes and gives their address.
    pub(crate) fn set(&mut self, address: usize, bytes: &[u8]) -> u64 {
        self.bytes[address..address + bytes.len()].copy_from_slice(bytes);
        address as u64
    }

    pub(crate) fn word(&self, address: u64) -> u64 {
        let at = usize::try_from(address).expect("an index");
        u64::from_le_bytes(*self.bytes[at..].first_chunk().expect("eight bytes"))
    }

    /// What the view at an address shows.
    pub(crate) fn view(&self, address: u64) -> Option<&'s [u8]> {
        let (start, end) = (self.word(address), self.word(address + 8));
        let lent = self.lent[usize::try_from(start >> 32).expect("an index").checked_sub(1)?];
        assert_eq!(end - start, lent.len() as u64);
        Some(lent)
    }

    fn range(&self, place: Place) -> Result<std::ops::Range<usize>, Failure> {
        let start = usize::try_from(place.address).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(place.bytes).unwrap_or(usize::MAX));
        match place.bytes {
            0 => Ok(0..0),
            _ if end <= self.bytes.len() => Ok(start..end),
            _ => Err(Failure::Argument(place.argument)),
        }
    }
}

impl<'s> Memory<'s> for Flat<'s> {
    fn read(&self, place: Place) -> Result<&[u8], Failure> {
        Ok(&self.bytes[self.range(place)?])
    }

    fn write(&mut self, place: Place) -> Result<&mut [u8], Failure> {
        let range = self.range(place)?;
        Ok(&mut self.bytes[range])
    }

    fn read_and_write<const N: usize>(
        &mut self,
        read: [Place; N],
        write: Place,
    ) -> Result<([&[u8]; N], &mut [u8]), Failure> {
        refuse_overlap(&read, write)?;
        let written = self.range(write)?;
        let mut ranges = read.map(|_| 0..0);
        for (range, place) in ranges.iter_mut().zip(read) {
            *range = self.range(place)?;
        }
        let (before, rest) = self.bytes.split_at_mut(written.start);
        let (bytes, after) = rest.split_at_mut(written.len());
        let (before, after) = (&*before, &*after);
        let part = |range: std::ops::Range<usize>| match range.start.checked_sub(written.end) {
            Some(start) if !range.is_empty() => &after[start..][..range.len()],
            _ => &before[range],
        };
        Ok((ranges.map(part), bytes))
    }

    fn copy(&mut self, from: Place, to: Place) -> Result<(), Failure> {
        let (from, to) = (self.range(from)?, self.range(to)?);
        self.bytes.copy_within(from, to.start);
        Ok(())
    }

    fn write_view(&mut self, place: Place, view: Option<&'s [u8]>) -> Result<(), Failure> {
        let (start, end) = view.map_or((0, 0), |view| {
            self.lent.push(view);
            let start = (self.lent.len() as u64) << 32;
            (start, start + view.len() as u64)
        });
        let bytes = self.write(place)?;
        bytes[..8].copy_from_slice(&start.to_le_bytes());
        bytes[8..].copy_from_slice(&end.to_le_bytes());
        Ok(())
    }
}

/// A call with a memory.
pub(crate) struct Running<'s> {
    pub(crate) memory: Flat<'s>,
    pub(crate) call: Call<'s>,
}

impl<'s> Running<'s> {
    pub(crate) fn helper(&mut self, number: u32, arguments: &[u64]) -> Result<u64, Failure> {
        let mut all = [0; 5];
        all[..arguments.len()].copy_from_slice(arguments);
        call(number, all, &mut self.memory, &mut self.call)
    }

    /// The result of a helper, as a signed number.
    pub(crate) fn result(&mut self, number: u32, arguments: &[u64]) -> i64 {
        self.helper(number, arguments).expect("it does not refuse").cast_signed()
    }
}

/// What a call may have.
pub(crate) struct Limits {
    pub(crate) room_bytes: usize,
    pub(crate) output_bytes: usize,
    pub(crate) work: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { room_bytes: 4096, output_bytes: 4096, work: WORK }
    }
}

/// Runs `body` as a call that does not succeed.
pub(crate) fn on(store: &dyn Store, limits: &Limits, body: impl FnOnce(&mut Running<'_>)) {
    let (mut room, mut output) = (Room::new(limits.room_bytes), vec![0; limits.output_bytes]);
    let means = Means {
        store,
        room: &mut room,
        output: &mut output,
        now_ms: 1_700_000_000_000,
        kernels: &SCALAR,
        work: limits.work,
    };
    body(&mut Running { memory: Flat::new(), call: Call::new(means) });
}

/// Runs `body` as a call that succeeds, and applies what it has staged; gives what it has emitted.
pub(crate) fn succeed(records: &mut Records, body: impl FnOnce(&mut Running<'_>)) -> Vec<u8> {
    let (mut room, mut output) = (Room::new(4096), vec![0; 4096]);
    let finished = {
        let means = Means {
            store: records,
            room: &mut room,
            output: &mut output,
            now_ms: 0,
            kernels: &SCALAR,
            work: WORK,
        };
        let mut running = Running { memory: Flat::new(), call: Call::new(means) };
        body(&mut running);
        running.call.finish()
    };
    records.apply(&room);
    output.truncate(finished.output_bytes);
    output
}
