//! The contract of packet ports: bursts of packet buffers in and out.
//!
//! Who owns a buffer when: a received [`Mbuf`] belongs to the shard until it is transmitted or dropped; a dropped one
//! returns to its mempool. A transmitted one belongs to the port until the device is done with it. A port whose
//! mempool is empty receives nothing, and says how often that was.

use std::cell::RefCell;
use std::rc::Rc;

use crate::sim::SimPort;

/// A packet buffer.
pub struct Mbuf {
    bytes: Vec<u8>,
    len_bytes: usize,
    mempool: Mempool,
}

impl Mbuf {
    /// The packet.
    pub fn packet(&self) -> &[u8] {
        &self.bytes[..self.len_bytes]
    }

    /// The packet, to be changed in place.
    pub fn packet_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[..self.len_bytes]
    }

    /// Makes the packet `len_bytes` long; bytes that it did not have are what an earlier packet left there.
    ///
    /// # Panics
    /// If that is more than [`MBUF_BYTES`].
    pub fn resize(&mut self, len_bytes: usize) {
        assert!(len_bytes <= MBUF_BYTES, "a packet is longer than its buffer");
        self.len_bytes = len_bytes;
    }
}

impl Drop for Mbuf {
    fn drop(&mut self) {
        self.mempool.0.borrow_mut().push(std::mem::take(&mut self.bytes));
    }
}

/// The packet buffers of one shard, allocated once.
#[derive(Clone)]
pub struct Mempool(Rc<RefCell<Vec<Vec<u8>>>>);

impl Mempool {
    /// A mempool of `count` buffers.
    pub fn new(count: usize) -> Self {
        Self(Rc::new(RefCell::new(vec![vec![0; MBUF_BYTES]; count])))
    }

    /// An empty packet, unless all buffers are out.
    pub fn take(&self) -> Option<Mbuf> {
        let bytes = self.0.borrow_mut().pop()?;
        Some(Mbuf { bytes, len_bytes: 0, mempool: self.clone() })
    }

    /// Buffers that are not out.
    pub fn free_count(&self) -> usize {
        self.0.borrow().len()
    }
}

/// A packet port of one kind; matched once per burst.
pub enum Port {
    /// One end of a simulated wire.
    Sim(SimPort),
}

impl Port {
    /// Appends up to [`BURST_MAX`] received packets to `burst`.
    #[inline]
    pub fn rx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        match self {
            Self::Sim(port) => port.rx_burst(burst),
        }
    }

    /// Transmits packets off the front of `burst`; what the device does not take stays in it.
    #[inline]
    pub fn tx_burst(&mut self, burst: &mut Vec<Mbuf>) {
        match self {
            Self::Sim(port) => port.tx_burst(burst),
        }
    }
}

/// Bytes of a packet buffer: an Ethernet frame with a VLAN tag, rounded to cache lines.
pub const MBUF_BYTES: usize = 2048;
/// Most packets of one burst.
pub const BURST_MAX: usize = 32;
