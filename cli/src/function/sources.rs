//! The lines of source files, where they are found, to show them beside instructions.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Source files that were looked for.
pub(crate) struct Sources {
    /// Where relative paths may start.
    folders: Vec<PathBuf>,
    files: BTreeMap<String, Option<Vec<String>>>,
}

impl Sources {
    /// Those of an object: relative paths start here, in its folder, or in the one above, as with `build/function.o`.
    pub(crate) fn of(object: &Path) -> Self {
        let folder = object.parent().unwrap_or_else(|| Path::new(""));
        Self { folders: vec![PathBuf::new(), folder.to_owned(), folder.join("..")], files: BTreeMap::new() }
    }

    /// A line of a file, from 1 on, if the file is there and has it.
    pub(crate) fn line(&mut self, file: &str, line: u32) -> Option<&str> {
        if !self.files.contains_key(file) {
            let text = self.folders.iter().find_map(|folder| read(&folder.join(file)));
            let lines = text.map(|text| String::from_utf8_lossy(&text).lines().map(printable).collect());
            self.files.insert(file.to_owned(), lines);
        }
        let lines = self.files.get(file)?.as_ref()?;
        lines.get(usize::try_from(line).ok()?.checked_sub(1)?).map(String::as_str)
    }

    /// A line with a mark below a column, from 1 on; 0 marks none.
    pub(crate) fn marked(&mut self, file: &str, line: u32, column: u32) -> Option<String> {
        let text = self.line(file, line)?;
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        let mut shown = format!("    {number} | {text}");
        if let Some(before) = usize::try_from(column).ok().and_then(|column| column.checked_sub(1)) {
            // Tabs stay tabs, so that the mark stands where the text does.
            let indent: String = text.chars().take(before).map(|c| if c == '\t' { c } else { ' ' }).collect();
            shown += &format!("\n    {margin} | {indent}^");
        }
        Some(shown)
    }
}

/// The bytes of a source file. Its name comes from an object that somebody else may have made: what is no file, or too long for one, is not read.
fn read(path: &Path) -> Option<Vec<u8>> {
    let is_source = |about: &Metadata| about.is_file() && about.len() <= SOURCE_BYTES_MAX;
    // Opening a pipe would wait for its other end.
    std::fs::metadata(path).ok().filter(is_source)?;
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(SOURCE_BYTES_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// A text from outside without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() && c != '\t' { char::REPLACEMENT_CHARACTER } else { c };
    text.chars().map(shown).collect()
}

/// Most bytes of a source file that is shown.
const SOURCE_BYTES_MAX: u64 = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_below_its_column() {
        let mut sources = Sources::of(Path::new("no/such/folder/function.o"));
        sources.files.insert("a.c".to_owned(), Some(vec!["int a;".to_owned(), "\treturn *b;".to_owned()]));
        assert_eq!(sources.line("a.c", 1), Some("int a;"));
        for (file, line) in [("a.c", 0), ("a.c", 3), ("b.c", 1)] {
            assert_eq!(sources.line(file, line), None);
        }
        assert_eq!(sources.marked("a.c", 2, 9).unwrap(), "    2 | \treturn *b;\n      | \t       ^");
        assert_eq!(sources.marked("a.c", 1, 0).unwrap(), "    1 | int a;");
    }

    #[test]
    fn what_is_no_source_is_not_read() {
        let mut sources = Sources::of(Path::new("function.o"));
        for file in ["/dev/zero", "/dev/stdin", "/", "/proc/self/mem"] {
            assert_eq!(sources.line(file, 1), None, "{file}");
        }
        assert_eq!(printable("a\u{1b}[2Jb\tc"), "a\u{fffd}[2Jb\tc");
    }
}
