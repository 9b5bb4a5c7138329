//! `CONFIG`: settings that are shown and changed while the process runs.

use std::fmt::Display;

use adit_wire::resp::{Command, glob, reply};

use super::{After, Context, syntax_error};
use crate::connection::ReplySink;
use crate::parameters::{Change, Parameter};
use crate::plan::Arguments;
use crate::refusal::shown;
use crate::settings::Settings;
use crate::tour::Task;

/// Runs a subcommand; the plan has seen that it exists and has as many arguments as it wants.
pub(super) fn run(arguments: &impl Arguments, writer: &mut impl ReplySink, context: &Context<'_>) -> After {
    let name = Command::Config.subcommand(arguments.get(1)).map_or("", |subcommand| subcommand.name());
    match name {
        "get" => get(arguments, writer, context.settings),
        "set" => return set(arguments, writer, context.settings),
        "resetstat" => return After::Tour(Task::ResetCounters),
        "rewrite" if context.settings.files.1.is_empty() => {
            reply::error(writer, "ERR The server is running without a config file");
        }
        "rewrite" => reply::error(writer, "ERR the file of --config is yours: change it there as well"),
        _ => super::help(Command::Config, writer),
    }
    After::Stay
}

/// `CONFIG GET pattern ...`: a parameter that is named, not matched, is answered under the name given.
fn get(arguments: &impl Arguments, writer: &mut impl ReplySink, settings: &Settings) {
    let mut found: Vec<(&[u8], &Parameter)> = Vec::new();
    for index in 2..arguments.count() {
        let asked = arguments.get(index);
        if !asked.iter().any(|byte| b"*?[".contains(byte)) {
            found.extend(Parameter::find(asked).map(|parameter| (asked, parameter)));
            continue;
        }
        let pattern = asked.to_ascii_lowercase();
        let matches = |parameter: &&Parameter| glob::matches(&pattern, parameter.name.as_bytes());
        found.extend(Parameter::all().iter().filter(matches).map(|found| (found.name.as_bytes(), found)));
        found.dedup_by_key(|(_, parameter)| parameter.name);
    }
    let mut kept: Vec<(&[u8], &Parameter)> = Vec::new();
    for (name, parameter) in found {
        if kept.iter().all(|(_, other)| other.name != parameter.name) {
            kept.push((name, parameter));
        }
    }
    reply::map(writer, writer.version(), kept.len());
    for (name, parameter) in kept {
        reply::bulk(writer, name);
        reply::bulk(writer, (parameter.show)(settings).as_bytes());
    }
}

/// `CONFIG SET name value ...`: all of it or nothing.
fn set(arguments: &impl Arguments, writer: &mut impl ReplySink, settings: &Settings) -> After {
    if !arguments.count().is_multiple_of(2) {
        syntax_error(writer);
        return After::Stay;
    }
    let result = find(arguments).and_then(|parameters| read(arguments, &parameters, settings));
    match result {
        Ok(changes) => return After::Tour(Task::Configure(changes.into())),
        Err(SetError::Unknown(index)) => {
            let name = shown(arguments.get(index));
            reply::error(
                writer,
                &format!("ERR Unknown option or number of arguments for CONFIG SET - '{name}'"),
            );
        }
        Err(SetError::Failed(text)) => reply::error(writer, &text),
    }
    After::Stay
}

/// Why nothing was set.
enum SetError {
    /// There is no parameter of the name that is this argument.
    Unknown(usize),
    /// The text of the error.
    Failed(String),
}

impl SetError {
    fn failed(parameter: &Parameter, reason: impl Display) -> Self {
        let name = parameter.name;
        Self::Failed(format!("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}"))
    }
}

/// The parameters that are named, each of which may be set and is named once.
fn find(arguments: &impl Arguments) -> Result<Vec<&'static Parameter>, SetError> {
    let mut found: Vec<&'static Parameter> = Vec::new();
    for index in (2..arguments.count()).step_by(2) {
        let parameter = Parameter::find(arguments.get(index)).ok_or(SetError::Unknown(index))?;
        if parameter.read.is_none() {
            return Err(SetError::failed(parameter, "can't set immutable config"));
        }
        if found.iter().any(|other| other.name == parameter.name) {
            return Err(SetError::failed(parameter, "duplicate parameter"));
        }
        found.push(parameter);
    }
    Ok(found)
}

fn read(
    arguments: &impl Arguments,
    parameters: &[&'static Parameter],
    settings: &Settings,
) -> Result<Vec<Change>, SetError> {
    let values = (3..arguments.count()).step_by(2).map(|index| arguments.get(index));
    let change = |(parameter, value): (&&'static Parameter, &[u8])| {
        let read = parameter.read?;
        Some(read(value, settings).map_err(|reason| SetError::failed(parameter, reason)))
    };
    parameters.iter().zip(values).filter_map(change).collect()
}
