//! Limits: floods, forged and late segments, too many connections, peers that do not read.
