//! Bindings of DPDK, generated from the installed headers; and `rte_mbuf`, which is mirrored by hand: its layout is
//! promised by DPDK since 20.11, while the names that a generator gives to its nameless parts are not.

use core::ffi::c_void;

mod generated {
    #![allow(
        missing_docs,
        non_camel_case_types,
        non_snake_case,
        non_upper_case_globals,
        unused_qualifications,
        clippy::all,
        clippy::allow_attributes,
        clippy::allow_attributes_without_reason,
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        clippy::missing_safety_doc,
        clippy::multiple_unsafe_ops_per_block,
        clippy::ptr_as_ptr,
        clippy::undocumented_unsafe_blocks,
        clippy::use_self,
        reason = "generated: which of these it breaks depends on the installed headers; DPDK documents the names"
    )]
    include!(concat!(env!("OUT_DIR"), "/dpdk.rs"));
}

pub use generated::*;

/// The header of a buffer ("The mbuf library", programmer's guide of DPDK), two cache lines. `shim.c` asserts the same
/// offsets against the headers.
#[repr(C, align(64))]
pub struct rte_mbuf {
    /// The first byte of the buffer, of which the headroom is the beginning.
    pub buf_addr: *mut c_void,
    /// The address that a device knows it by.
    pub buf_iova: u64,
    /// Bytes of the buffer in front of the data.
    pub data_off: u16,
    /// Users of this header: 1 for one of ours.
    pub refcnt: u16,
    /// Segments of the packet, in the first of them.
    pub nb_segs: u16,
    /// The port that received it.
    pub port: u16,
    /// What the device found, or what it shall do.
    pub ol_flags: u64,
    /// Which headers the device saw.
    pub packet_type: u32,
    /// Bytes of the packet, in the first of its segments.
    pub pkt_len: u32,
    /// Bytes of this segment.
    pub data_len: u16,
    /// Stripped VLAN tag.
    pub vlan_tci: u16,
    /// Hashes and marks.
    pub hash: [u32; 2],
    /// Outer VLAN tag.
    pub vlan_tci_outer: u16,
    /// Bytes of the buffer.
    pub buf_len: u16,
    /// Where it came from.
    pub pool: *mut rte_mempool,
    /// The next segment.
    pub next: *mut Self,
    /// Lengths of the headers, for the device that fills in checksums.
    pub tx_offload: u64,
    /// Who is told when external memory is no longer used.
    pub shinfo: *mut rte_mbuf_ext_shared_info,
    /// Bytes between this header and the buffer.
    pub priv_size: u16,
    /// Time stamp flags.
    pub timesync: u16,
    /// Room for fields made at run time.
    pub dynfield1: [u32; 9],
}

const _: () = {
    use core::mem::{offset_of, size_of};
    assert!(size_of::<rte_mbuf>() == 128 && align_of::<rte_mbuf>() == 64);
    assert!(offset_of!(rte_mbuf, buf_addr) == 0);
    assert!(offset_of!(rte_mbuf, data_off) == 16);
    assert!(offset_of!(rte_mbuf, refcnt) == 18);
    assert!(offset_of!(rte_mbuf, nb_segs) == 20);
    assert!(offset_of!(rte_mbuf, port) == 22);
    assert!(offset_of!(rte_mbuf, ol_flags) == 24);
    assert!(offset_of!(rte_mbuf, packet_type) == 32);
    assert!(offset_of!(rte_mbuf, pkt_len) == 36);
    assert!(offset_of!(rte_mbuf, data_len) == 40);
    assert!(offset_of!(rte_mbuf, buf_len) == 54);
    assert!(offset_of!(rte_mbuf, pool) == 56);
    assert!(offset_of!(rte_mbuf, next) == 64);
    assert!(offset_of!(rte_mbuf, tx_offload) == 72);
    assert!(offset_of!(rte_mbuf, shinfo) == 80);
    assert!(offset_of!(rte_mbuf, priv_size) == 88);
    // The table of burst functions is read without a call: a line of its own for each half of a port.
    assert!(size_of::<rte_eth_fp_ops>() == 128);
    assert!(offset_of!(rte_eth_fp_ops, rx_pkt_burst) == 0);
    assert!(offset_of!(rte_eth_fp_ops, tx_pkt_burst) == 64);
};
