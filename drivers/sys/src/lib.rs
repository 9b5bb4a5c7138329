//! Bindings of C libraries: each behind a feature of its own, nothing without one.

#[cfg(feature = "dpdk")]
pub mod dpdk;
