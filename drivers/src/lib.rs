//! Contracts of devices and raw memory, and their variants. The only room with unsafe code.
