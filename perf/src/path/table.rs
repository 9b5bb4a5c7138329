//! What was measured, as Markdown tables.

use std::fmt::Write as _;

use super::Measured;
use super::bench::{Case, Cost};
use crate::number::grouped;
use crate::spread::Spread;

/// A column: its name, and its figure where it has one.
type Column = (&'static str, fn(&Cost) -> Option<f64>);

const COLUMNS: [Column; 7] = [
    ("client", |cost| Some(cost.client)),
    ("decode", |cost| Some(cost.stages?.decode)),
    ("execute", |cost| Some(cost.stages?.execute)),
    ("encode", |cost| Some(cost.stages?.encode)),
    ("session, loop", |cost| {
        cost.stages.map(|stages| cost.shard - stages.decode - stages.execute - stages.encode)
    }),
    ("shard", |cost| Some(cost.shard)),
    ("sum", |cost| Some(cost.sum())),
];

/// The cases of one number of items and length of values: medians, and the least and most where it counts.
pub(super) fn times(measured: &[Measured]) -> String {
    let rounds = measured.first().map_or(0, |first| first.rounds.len());
    let mut text = head(measured.first().map(|first| &first.case), "ns of processor time per operation");
    for Measured { case, rounds } in measured {
        let figures = COLUMNS.map(|(name, figure)| {
            let figures: Option<Vec<f64>> = rounds.iter().map(figure).collect();
            let Some(figures) = figures else { return String::new() };
            let spread = Spread::of(figures.into_iter());
            if matches!(name, "shard" | "sum") { spread.text() } else { format!("{:.0}", spread.median) }
        });
        row(&mut text, case, &figures);
    }
    writeln!(text, "\nmedian (least-most) of {rounds} rounds").expect("strings take all that is written");
    text
}

/// Instructions of cases.
pub(super) fn instructions(counted: &[(Case, Cost)]) -> String {
    let mut text = String::new();
    let mut last = None;
    for (case, cost) in counted {
        if last.replace(case.value_bytes) != Some(case.value_bytes) {
            text += &head(Some(case), "instructions per operation");
        }
        let figures =
            COLUMNS.map(|(_, figure)| figure(cost).map_or_else(String::new, |figure| format!("{figure:.0}")));
        row(&mut text, case, &figures);
    }
    text
}

fn head(case: Option<&Case>, unit: &str) -> String {
    let Some(case) = case else { return String::new() };
    let names: Vec<&str> = COLUMNS.iter().map(|(name, _)| *name).collect();
    format!(
        "\n{} items, values of {} B; {unit}\n\n| | together | {} |\n|---|---|{}\n",
        grouped(case.items),
        case.value_bytes,
        names.join(" | "),
        "---|".repeat(COLUMNS.len())
    )
}

fn row(text: &mut String, case: &Case, figures: &[String]) {
    writeln!(text, "| {} | {} | {} |", case.operation.name(), case.in_flight, figures.join(" | "))
        .expect("strings take all that is written");
}
