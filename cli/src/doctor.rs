//! `adit doctor`: what this machine offers, what each part would gain, and what to do next.

mod devices;
mod findings;
mod machine;

use std::io::Write;
use std::path::PathBuf;

use anyhow::Context;

use crate::machine::root::Root;
use findings::{Finding, Mark};
use machine::Facts;

/// Flags of `adit doctor`.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct DoctorArguments {
    /// Print JSON for machines: the facts, and what is to be said of them
    #[arg(long)]
    json: bool,
    /// Take the files of the machine from here, for tests
    #[arg(long, value_name = "DIR", default_value = "/", hide = true)]
    root: PathBuf,
}

/// What `--json` prints.
#[derive(serde::Serialize)]
struct Report {
    /// Of this form; names are added without a new one.
    version: u32,
    adit: &'static str,
    facts: Facts,
    findings: Vec<Finding>,
}

/// Looks at the machine and changes nothing.
pub(crate) fn run(arguments: &DoctorArguments) -> anyhow::Result<()> {
    let facts = Facts::read(&Root::new(&arguments.root));
    let findings = findings::all(&facts);
    let text = if arguments.json {
        let report = Report { version: 1, adit: env!("CARGO_PKG_VERSION"), facts, findings };
        serde_json::to_string_pretty(&report).context("cannot write the report as JSON")? + "\n"
    } else {
        told(&facts, &findings)
    };
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever reads has seen enough: `adit doctor | head`.
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.context("cannot write to standard output"),
    }
}

/// The report for people.
fn told(facts: &Facts, findings: &[Finding]) -> String {
    let mut lines = vec![format!(
        "adit {} on {}, Linux {}",
        env!("CARGO_PKG_VERSION"),
        facts.processor.model,
        facts.kernel.release
    )];
    let mut area = "";
    for finding in findings {
        if finding.area != area {
            area = finding.area;
            lines.push(format!("\n{area}"));
        }
        lines.push(format!("  {:<8}{}", finding.mark.name(), finding.is));
        let more = [("gain: ", &finding.gain), ("run:  ", &finding.run)];
        lines.extend(
            more.iter().filter_map(|(name, text)| Some(format!("          {name}{}", text.as_ref()?))),
        );
    }
    let count = |mark| findings.iter().filter(|finding| finding.mark == mark).count();
    lines.push(format!(
        "\n{} ok, {} could be better, {} missing; adit serves on this machine as it is",
        count(Mark::Ok),
        count(Mark::Better),
        count(Mark::Missing)
    ));
    lines.join("\n") + "\n"
}
