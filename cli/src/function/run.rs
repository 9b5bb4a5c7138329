//! `adit function run`: calls a function on records of a file, as its hook would.

use std::fmt::Write as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use adit_function::hook::{AGGREGATE, CALL, FILTER, REGION_BYTES_MAX, RegionBytes};
use adit_function::records::Records;
use adit_function::trap::Trap;
use anyhow::{Context, bail};

use super::engine::{Engine, EngineName, Ran};
use super::object::{Loaded, ObjectArguments};
use super::records::Record;
use super::sources::Sources;
use super::{bytes, check, print, print_json, records, trap};

/// Flags of `adit function run`.
#[derive(clap::Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    object: ObjectArguments,
    /// The records: lines of a key, a tab, and a value, written as for --input; - is standard input
    #[arg(long, value_name = "FILE")]
    data: Option<String>,
    /// What the function is given: text (\n \t \\ \x00), @FILE, hex:00ff, u32:1,2 (and i8 to u64), or several as in u32:7+text:key
    #[arg(long, value_name = "BYTES", default_value = "")]
    input: String,
    /// Bytes of the state of an aggregate, zeros at the start
    #[arg(long, value_name = "BYTES", default_value_t = 64)]
    state: usize,
    /// What stops the function if it does not end
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    fuel: u64,
    /// What runs it
    #[arg(long, value_enum, default_value_t = EngineName::Native)]
    engine: EngineName,
    /// Compile it as for people who must not know each other's data: no processor runs ahead of its bounds
    #[arg(long)]
    hardened: bool,
    /// The time that it is told, in milliseconds since 1970; now by default
    #[arg(long, value_name = "N")]
    now_ms: Option<u64>,
    /// Do it so many times, and say how long one takes
    #[arg(long, value_name = "N")]
    repeat: Option<u32>,
    /// Print JSON for machines; bytes are written as for --input
    #[arg(long)]
    json: bool,
}

/// What a function did.
#[derive(Default, serde::Serialize)]
struct Report {
    /// Of this form; names are added without a new one.
    version: u32,
    function: String,
    hook: &'static str,
    /// Of hook `call`.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output: Option<String>,
    /// What it staged: a value of null is a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    writes: Option<Vec<(String, Option<String>)>>,
    /// The records that a filter took, with the values that it put there.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken: Option<Vec<(String, String)>>,
    /// The state of an aggregate behind the last record.
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    /// How many calls there were, and what all of them used.
    calls: u64,
    fuel: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ns_per_call: Option<f64>,
    /// Why it was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    stopped: Option<String>,
}

/// A function and what it is called with.
struct Session<'a> {
    loaded: &'a Loaded,
    engine: Engine,
    records: Vec<Record>,
    input: Vec<u8>,
    state: Vec<u8>,
    /// All records, for look-ups.
    store: Records,
}

/// Runs it; says whether it came to an end.
pub(crate) fn run(arguments: &RunArguments) -> anyhow::Result<bool> {
    let loaded = arguments.object.load()?;
    let judged = loaded.judge();
    let verified = match &judged.verdict {
        Ok(verified) => verified,
        Err(refusal) => {
            let mut sources = Sources::of(&arguments.object.file);
            eprint!("{}", check::refused(&loaded, refusal, &mut sources));
            return Ok(false);
        }
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis());
    let now_ms = arguments.now_ms.unwrap_or_else(|| u64::try_from(now).unwrap_or(u64::MAX));
    let records = arguments.records(&loaded)?;
    let mut store = Records::new(records.len());
    records.iter().for_each(|record| store.put(&record.key, &record.value));
    let mut session = Session {
        engine: Engine::new(verified, arguments.engine, arguments.hardened, now_ms, arguments.fuel)?,
        records,
        input: arguments.input()?,
        state: arguments.state()?,
        store,
        loaded: &loaded,
    };
    let mut report = session.run()?;
    if let (Some(count), None) = (arguments.repeat, &report.stopped) {
        report.ns_per_call = Some(session.measure(count)?);
    }
    if arguments.json {
        print_json(&report)?;
    } else {
        print(&told(&report))?;
        if let Some(stopped) = &report.stopped {
            eprintln!("adit: {stopped}");
        }
    }
    Ok(report.stopped.is_none())
}

impl RunArguments {
    fn records(&self, loaded: &Loaded) -> anyhow::Result<Vec<Record>> {
        match &self.data {
            Some(path) => records::read(path),
            None if *loaded.hook == CALL => Ok(Vec::new()),
            None => bail!(
                "hook {} is called for records: name a file of them with --data FILE, or - for standard input",
                loaded.hook.name
            ),
        }
    }

    fn input(&self) -> anyhow::Result<Vec<u8>> {
        let input = match self.input.strip_prefix('@') {
            Some(path) => {
                std::fs::read(path).with_context(|| format!("cannot read the input from {path}"))?
            }
            None => bytes::parse(&self.input).context("in --input")?,
        };
        if input.len() > REGION_BYTES_MAX as usize {
            bail!("--input has {} bytes, a function is given {REGION_BYTES_MAX} at most", input.len());
        }
        Ok(input)
    }

    fn state(&self) -> anyhow::Result<Vec<u8>> {
        if self.state > REGION_BYTES_MAX as usize {
            bail!("--state is {}, a function has {REGION_BYTES_MAX} bytes of state at most", self.state);
        }
        Ok(vec![0; self.state])
    }
}

impl Session<'_> {
    /// Calls the function as its hook does.
    fn run(&mut self) -> anyhow::Result<Report> {
        let mut report = Report {
            version: 1,
            function: self.loaded.name.clone(),
            hook: self.loaded.hook.name,
            ..Report::default()
        };
        match self.loaded.hook {
            hook if *hook == CALL => self.call(&mut report)?,
            hook if *hook == FILTER => self.filter(&mut report)?,
            hook if *hook == AGGREGATE => self.aggregate(&mut report)?,
            hook => bail!("there is no way to run functions of hook {} here", hook.name),
        }
        Ok(report)
    }

    fn call(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let called = self.engine.call(&self.store, &[], &mut [RegionBytes::Read(&self.input)])?;
        if let Some(ran) = report.count(called, self.loaded, None) {
            report.result = Some(ran.result);
            report.output = Some(bytes::show(self.engine.output(&ran)));
            let write = |write: adit_function::stage::Write<'_>| {
                (bytes::show(write.key), write.value.map(bytes::show))
            };
            report.writes = Some(self.engine.room().writes().map(write).collect());
        }
        Ok(())
    }

    fn filter(&mut self, report: &mut Report) -> anyhow::Result<()> {
        let mut taken = Vec::new();
        for (record, version) in self.records.iter().zip(1..) {
            let mut regions = [
                RegionBytes::Read(&record.key),
                RegionBytes::Read(&record.value),
                RegionBytes::Read(&self.input),
            ];
            let called = self.engine.call(&self.store, &[version], &mut regions)?;
            let Some(ran) = report.count(called, self.loaded, Some(record)) else { break };
            if ran.result != 0 {
                let emitted = self.engine.output(&ran);
                let value = if emitted.is_empty() { &record.value } else { emitted };
                taken.push((bytes::show(&record.key), bytes::show(value)));
            }
        }
        report.taken = Some(taken);
        Ok(())
    }

    fn aggregate(&mut self, report: &mut Report) -> anyhow::Result<()> {
        self.state.fill(0);
        for (record, version) in self.records.iter().zip(1..) {
            let mut regions = [
                RegionBytes::Read(&record.key),
                RegionBytes::Read(&record.value),
                RegionBytes::Read(&self.input),
                RegionBytes::Write(&mut self.state),
            ];
            let called = self.engine.call(&self.store, &[version], &mut regions)?;
            if report.count(called, self.loaded, Some(record)).is_none() {
                return Ok(());
            }
        }
        report.state = Some(bytes::show_numbers(&self.state));
        Ok(())
    }

    /// Nanoseconds of a call: the median of a few rounds that together do all of it so many times.
    fn measure(&mut self, count: u32) -> anyhow::Result<f64> {
        let mut rounds = Vec::new();
        let most = ROUNDS.min(count);
        for round in 0..most {
            // The first rounds take what does not go into all of them.
            let turns = count / most + u32::from(round < count % most);
            let started = Instant::now();
            let calls = self.turns(turns)?;
            rounds.push(started.elapsed().as_secs_f64() * 1e9 / calls);
        }
        rounds.sort_by(f64::total_cmp);
        Ok(rounds.get(rounds.len() / 2).copied().unwrap_or_default())
    }

    /// Does it so many times, without writing down what comes out; says how many calls that were.
    fn turns(&mut self, turns: u32) -> anyhow::Result<f64> {
        let is_call = *self.loaded.hook == CALL;
        let has_state = *self.loaded.hook == AGGREGATE;
        if is_call {
            for _ in 0..turns {
                let _ = self.engine.call(&self.store, &[], &mut [RegionBytes::Read(&self.input)])?;
            }
            return Ok(f64::from(turns));
        }
        for _ in 0..turns {
            self.state.fill(0);
            for record in &self.records {
                let [key, value, input] =
                    [&record.key, &record.value, &self.input].map(|b| RegionBytes::Read(b));
                let _ = if has_state {
                    let mut regions = [key, value, input, RegionBytes::Write(&mut self.state)];
                    self.engine.call(&self.store, &[1], &mut regions)?
                } else {
                    self.engine.call(&self.store, &[1], &mut [key, value, input])?
                };
            }
        }
        Ok(f64::from(turns) * self.records.len().max(1) as f64)
    }
}

impl Report {
    /// Counts a call; gives what it left, or writes down why it was stopped.
    fn count(&mut self, called: Result<Ran, Trap>, loaded: &Loaded, record: Option<&Record>) -> Option<Ran> {
        self.calls += 1;
        match called {
            Ok(ran) => {
                self.fuel += ran.fuel;
                Some(ran)
            }
            Err(trap) => {
                let at = record.map_or_else(String::new, |record| {
                    format!(", at the record {}", bytes::show(&record.key))
                });
                self.stopped = Some(format!(
                    "`{}` was stopped{at}: {}",
                    loaded.name,
                    trap::words(trap, &loaded.program)
                ));
                None
            }
        }
    }
}

/// The report for people.
fn told(report: &Report) -> String {
    let mut text = String::new();
    for (key, value) in report.taken.iter().flatten() {
        let _ = writeln!(text, "{key}\t{value}");
    }
    if report.stopped.is_some() {
        return text;
    }
    if let Some(taken) = &report.taken {
        let _ = writeln!(text, "# {} of {} records taken", taken.len(), report.calls);
    }
    if let Some(result) = report.result {
        let signed = result.cast_signed();
        let also = if signed < 0 { format!(" ({signed})") } else { String::new() };
        let _ = writeln!(text, "result  {result}{also}");
    }
    if let Some(output) = report.output.as_ref().filter(|output| !output.is_empty()) {
        let _ = writeln!(text, "output  {output}");
    }
    for (key, value) in report.writes.iter().flatten() {
        let _ = match value {
            Some(value) => writeln!(text, "put     {key}\t{value}"),
            None => writeln!(text, "delete  {key}"),
        };
    }
    if let Some(state) = &report.state {
        let _ = writeln!(text, "state   {state}");
    }
    let comment = if report.taken.is_some() { "# " } else { "" };
    let each = if report.calls == 1 { String::new() } else { format!(" for {} calls", report.calls) };
    let _ = writeln!(text, "{comment}fuel    {}{each}", report.fuel);
    if let Some(ns) = report.ns_per_call {
        let _ = writeln!(text, "{comment}time    {ns:.1} ns for a call");
    }
    text
}

/// How many times a time is taken.
const ROUNDS: u32 = 15;
