//! Devices of DPDK that need no hardware.
