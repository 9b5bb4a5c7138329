//! How fast helpers are that compiled functions call: `cargo run --release -p adit-native --example helpers`. All rows of a table take turns; printed are
//! medians, in time of the processor. Huge pages, as a server has them, come with `GLIBC_TUNABLES=glibc.malloc.hugetlb=1`.

mod bytes;
mod compiled;
mod lookups;
#[path = "../measure/mod.rs"]
mod measure;

fn main() {
    lookups::print();
    bytes::print();
}
