//! The page of the documentation that lists all helpers.

use adit_function::helper::SIGNATURES;
use adit_function::signature::Signature;

use crate::header::{GROUPS, parameters};

/// All of it.
pub(crate) fn text() -> String {
    let mut text = String::from(START);
    for helper in SIGNATURES {
        if let Some((_, group)) = GROUPS.iter().find(|(number, _)| *number == helper.number) {
            text.push_str(&format!("\n## {group}\n\n| number | helper | |\n|---|---|---|\n"));
        }
        text.push_str(&row(helper));
    }
    text
}

fn row(helper: &Signature) -> String {
    let Signature { number, name, c_result, .. } = helper;
    let about = helper.about.replace('\n', " ").replace('|', "\\|");
    let writes = if helper.writes { " Only for hooks that may write." } else { "" };
    format!("| {number} | `{c_result} {name}({})` | {about}{writes} |\n", parameters(helper, true))
}

const START: &str = "\
# Helpers

What functions can call; `functions/adit_fn.h` declares them for C. This page is made from the table of helpers: a test of
`dataplane/function` compares it. [functions.md](functions.md) tells how functions are written.

- Lengths are in bytes, counts in elements. Elements are little-endian and need not be aligned.
- Memory that is written must not overlap what is read, but for `adit_copy`.
- A function ends without a result, and nothing remains of it, if a helper is given keys or values that are too long, or is asked for
  more work, output or writes than a call may have. A helper takes its work before it does it: one for each byte that it goes
  through, 256 for looking up a key, and of that key once more for each key that the call has staged, twice where it writes.
- A record that is not in memory ends the function as well; the record is loaded, and the function begins again.
- Writes are seen by the call itself at once, by others when the function has succeeded, all together.
- Results are the same on all machines and in both engines, bit for bit.
";
