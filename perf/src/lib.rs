//! Load generators, comparisons and reports.
#![forbid(unsafe_code)]
