//! The header that is committed is the one that the code gives.

use std::path::Path;

#[test]
fn the_header_is_that_of_the_code() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let config = cbindgen::Config::from_file(root.join("cbindgen.toml")).expect("the config is readable");
    let bindings = cbindgen::generate_with_config(root, config).expect("the crate can be parsed");
    let mut text = Vec::new();
    bindings.write(&mut text);
    let generated = String::from_utf8(text).expect("a header is text");
    let path = root.join("../include/adit.h");
    if std::env::var_os("ADIT_WRITE").is_some() {
        std::fs::write(&path, &generated).expect("the header can be written");
    }
    let committed = std::fs::read_to_string(&path).expect("the header is there");
    assert!(
        generated == committed,
        "client/include/adit.h differs from the code: ADIT_WRITE=1 cargo nextest run -p adit-c --test header"
    );
    for stray in ["Option<", "usize", "u8 *", "Result", "Box", "Vec<", "i32 ", "::", "SAFETY", "[`"] {
        let is_stray =
            |line: &&str| line.contains(stray) && !line.contains("int32_t") && !line.contains("uint");
        assert_eq!(committed.lines().find(is_stray), None, "'{stray}' is no C");
    }
}
