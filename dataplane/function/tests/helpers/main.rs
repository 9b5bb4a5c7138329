//! What is written of the helpers for others, the header in C and the page of the documentation, is what the table of the helpers says.

mod clang;
mod header;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn the_header_is_that_of_the_table() {
    assert_written("functions/adit_fn.h", &header::text());
}

#[test]
fn the_page_is_that_of_the_table() {
    assert_written("docs/function-helpers.md", &page::text());
}

/// Fails if a file differs from what it has to be; with `ADIT_WRITE` set it is written before.
fn assert_written(path: &str, text: &str) {
    let file = root().join(path);
    if std::env::var_os("ADIT_WRITE").is_some() {
        fs::write(&file, text).expect("the file can be written");
    }
    let committed = fs::read_to_string(&file).expect("the file is there");
    assert!(
        text == committed,
        "{path} differs from the code: ADIT_WRITE=1 cargo nextest run -p adit-function --test helpers"
    );
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
