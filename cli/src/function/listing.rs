//! The listing for people: lines of the source, and below each the instructions that were made of it.

use std::fmt::Write as _;

use super::report::{Cost, Loop, Place, Row};
use super::sources::Sources;

/// The instructions, with the lines of the source that they come from.
pub(crate) fn rows(rows: &[Row], sources: &mut Sources) -> String {
    let mut text = String::new();
    let mut shown: Option<(String, u32)> = None;
    for row in rows {
        if let Some(place) = &row.place {
            let here = (place.file.clone(), place.line);
            if shown.as_ref() != Some(&here) {
                let line = sources.line(&place.file, place.line).unwrap_or_default();
                let _ = writeln!(text, "{}:{}  {}", place.file, place.line, line.trim_end());
                shown = Some(here);
            }
        }
        for known in &row.known {
            let _ = writeln!(text, "        {known}");
        }
        let note = if row.note.is_empty() { String::new() } else { format!(": {}", row.note) };
        let line =
            format!("{:>6}  {:<40} {}{note}", row.instruction, row.text, row.verdict.unwrap_or_default());
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// Where the guards are, a line for each.
pub(crate) fn guards(rows: &[Row], sources: &mut Sources) -> String {
    let mut text = String::new();
    for row in rows.iter().filter(|row| row.verdict == Some("guarded")) {
        let _ = writeln!(
            text,
            "{}: guarded: `{}`: {}",
            at(row.place.as_ref(), row.instruction),
            row.text,
            row.note
        );
        if let Some(place) = &row.place
            && let Some(marked) = sources.marked(&place.file, place.line, place.column)
        {
            let _ = writeln!(text, "{marked}");
        }
    }
    text
}

/// What it costs.
pub(crate) fn cost(cost: &Cost) -> String {
    let mut text = String::new();
    let code = cost.code_bytes.map_or_else(String::new, |bytes| format!(", machine code {bytes} bytes"));
    let _ = writeln!(
        text,
        "  {}; stack {} bytes, variables {}, read-only data {}{code}",
        counted(cost.functions, "function"),
        cost.stack_bytes,
        cost.variable_bytes,
        cost.data_bytes
    );
    let _ = writeln!(text, "  fuel: {} for a call that never jumps back", cost.fuel);
    for Loop { place, fuel, from, to } in &cost.loops {
        let _ =
            writeln!(text, "        {fuel} for each jump back from {from} to {}", at(place.as_ref(), *to));
    }
    let compiled = cost.compile_us.map_or_else(String::new, |us| format!(", compiled in {us:.0} us"));
    let _ =
        writeln!(text, "  verified in {:.0} us and {} steps{compiled}", cost.verify_us, cost.verify_steps);
    text
}

/// A number of things.
pub(crate) fn counted(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// A place in the source, or an instruction if that is not known.
pub(crate) fn at(place: Option<&Place>, instruction: u32) -> String {
    place.map_or_else(
        || format!("instruction {instruction}"),
        |place| format!("{}:{}", place.file, place.line),
    )
}
