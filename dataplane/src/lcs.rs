//! The longest common subsequence of two values, a bounded part of its table at a time: `LCS`.
//!
//! The table is that of dynamic programming (Wagner and Fischer 1974). Only one row of lengths is kept; of each cell one
//! bit is, which says where the way back to the beginning goes.

use adit_wire::resp::reply::{self};

use crate::connection::ReplySink;
use crate::message::Reply;
use crate::plan::LcsForm;

/// A search under way.
pub struct Lcs {
    one: Vec<u8>,
    other: Vec<u8>,
    form: LcsForm,
    /// Lengths of the row above, replaced from the left by those of this row.
    lengths: Vec<u32>,
    /// The length above and left of the next cell.
    corner: u32,
    /// Cells that are filled.
    filled: usize,
    /// For each cell, whether the way back goes up rather than left; empty if only the length is wanted.
    up: Vec<u64>,
}

/// A common part: where it begins in both values, and its length.
struct Part {
    one: usize,
    other: usize,
    len: usize,
}

impl Lcs {
    /// A search in two values, which may take `bytes_max` of memory.
    ///
    /// # Errors
    /// A text if it would take more.
    pub fn new(values: &[Reply], form: LcsForm, bytes_max: usize) -> Result<Self, &'static str> {
        let [one, other] = values else { unreachable!("two values were asked for") };
        let (rows, columns) = (len(one), len(other));
        let bits = if form.length { 0 } else { rows.saturating_mul(columns) };
        let bytes =
            rows.saturating_add(columns.saturating_mul(1 + size_of::<u32>())).saturating_add(bits / 8);
        if bytes > bytes_max {
            return Err(TOO_LARGE);
        }
        let up = vec![0; bits.div_ceil(64)];
        let (one, other) = (bytes_of(one), bytes_of(other));
        Ok(Self { lengths: vec![0; columns], one, other, form, corner: 0, filled: 0, up })
    }

    /// Fills some cells of the table. Whether all are filled.
    pub fn run(&mut self, cells: usize) -> bool {
        let columns = self.other.len();
        let end = (self.one.len() * columns).min(self.filled + cells);
        while self.filled < end {
            let (row, first) = (self.filled / columns, self.filled % columns);
            let last = columns.min(first + (end - self.filled));
            self.fill(row, first, last);
            self.filled += last - first;
        }
        self.filled == self.one.len() * columns
    }

    fn fill(&mut self, row: usize, first: usize, last: usize) {
        let byte = self.one[row];
        let mut corner = if first == 0 { 0 } else { self.corner };
        let mut left = if first == 0 { 0 } else { self.lengths[first - 1] };
        for column in first..last {
            let above = self.lengths[column];
            if self.other[column] == byte {
                left = corner + 1;
            } else {
                if above > left && !self.up.is_empty() {
                    let cell = row * self.other.len() + column;
                    self.up[cell / 64] |= 1 << (cell % 64);
                }
                left = left.max(above);
            }
            corner = above;
            self.lengths[column] = left;
        }
        self.corner = corner;
    }

    /// The length, once the table is filled.
    fn length(&self) -> i64 {
        self.lengths.last().map_or(0, |&length| i64::from(length))
    }

    /// The common parts from the last to the first.
    fn parts(&self) -> Vec<Part> {
        let (mut row, mut column) = (self.one.len(), self.other.len());
        let mut parts: Vec<Part> = Vec::new();
        let mut joined = false;
        while row > 0 && column > 0 {
            if self.one[row - 1] == self.other[column - 1] {
                (row, column) = (row - 1, column - 1);
                match parts.last_mut().filter(|_| joined) {
                    Some(part) => *part = Part { one: row, other: column, len: part.len + 1 },
                    None => parts.push(Part { one: row, other: column, len: 1 }),
                }
                joined = true;
                continue;
            }
            joined = false;
            let cell = (row - 1) * self.other.len() + column - 1;
            if self.up[cell / 64] >> (cell % 64) & 1 == 1 { row -= 1 } else { column -= 1 }
        }
        parts
    }

    /// Encodes the reply, once the table is filled.
    pub fn encode(&self, sink: &mut impl ReplySink) {
        if self.form.length {
            return reply::integer(sink, self.length());
        }
        let parts = self.parts();
        if self.form.places {
            return self.encode_places(&parts, sink);
        }
        let mut text = Vec::new();
        for part in parts.iter().rev() {
            text.extend_from_slice(&self.one[part.one..part.one + part.len]);
        }
        reply::bulk(sink, &text);
    }

    fn encode_places(&self, parts: &[Part], sink: &mut impl ReplySink) {
        let wanted = || parts.iter().filter(|part| part.len as u64 >= self.form.least);
        let version = sink.version();
        reply::map(sink, version, 2);
        reply::bulk(sink, b"matches");
        reply::array(sink, wanted().count());
        for part in wanted() {
            reply::array(sink, if self.form.with_lengths { 3 } else { 2 });
            for start in [part.one, part.other] {
                reply::array(sink, 2);
                reply::integer(sink, number(start));
                reply::integer(sink, number(start + part.len - 1));
            }
            if self.form.with_lengths {
                reply::integer(sink, number(part.len));
            }
        }
        reply::bulk(sink, b"len");
        reply::integer(sink, self.length());
    }
}

fn len(value: &Reply) -> usize {
    match value {
        Reply::Bytes(bytes) => bytes.as_slice().len(),
        Reply::Chain(chain) => usize::try_from(chain.len_bytes()).unwrap_or(usize::MAX),
        _ => 0,
    }
}

fn bytes_of(value: &Reply) -> Vec<u8> {
    match value {
        Reply::Bytes(bytes) => bytes.as_slice().to_vec(),
        Reply::Chain(chain) => chain.pieces().flatten().copied().collect(),
        _ => Vec::new(),
    }
}

fn number(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

const TOO_LARGE: &str = "ERR the values are too long for LCS: its table takes more than the buffers of a shard have left; raise --memory";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Payload;
    use crate::transaction::encoded::Encoded;

    fn search(one: &[u8], other: &[u8], form: LcsForm, cells: usize) -> Lcs {
        let values = [one, other].map(|value| Reply::Bytes(Payload::new(value)));
        let mut lcs = Lcs::new(&values, form, 1 << 20).unwrap();
        while !lcs.run(cells) {}
        lcs
    }

    fn text(one: &[u8], other: &[u8], cells: usize) -> Vec<u8> {
        let lcs = search(one, other, LcsForm::default(), cells);
        let mut encoded = Encoded::default();
        lcs.encode(&mut encoded);
        lcs.parts().iter().rev().flat_map(|part| &lcs.one[part.one..part.one + part.len]).copied().collect()
    }

    #[test]
    fn finds_what_both_have() {
        assert_eq!(text(b"ohmytext", b"mynewtext", 1000), b"mytext");
        assert_eq!(text(b"", b"abc", 1000), b"");
        assert_eq!(text(b"abc", b"abc", 1), b"abc");
        assert_eq!(text(b"abc", b"xyz", 2), b"");
    }

    #[test]
    fn the_table_is_the_same_in_slices_of_any_size() {
        let (one, other) = (b"agcatgtgacgtgcaagct", b"gactagcatgcatgcagtcat");
        let whole = text(one, other, usize::MAX / 2);
        for cells in 1..50 {
            assert_eq!(text(one, other, cells), whole);
        }
        let length = LcsForm { length: true, ..LcsForm::default() };
        assert_eq!(search(one, other, length, 7).length(), number(whole.len()));
    }

    #[test]
    fn a_table_that_is_too_large_is_refused() {
        let values = [(); 2].map(|()| Reply::Bytes(Payload::new(&[7; 10_000])));
        assert!(Lcs::new(&values, LcsForm::default(), 1 << 20).is_err());
        assert!(Lcs::new(&values, LcsForm { length: true, ..LcsForm::default() }, 1 << 20).is_ok());
    }
}
