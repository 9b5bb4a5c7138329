//! `FUNCTION`, as far as it is true without functions: there are none, and all of them can be removed.

use adit_wire::resp::{Command, reply};

use super::wrong_subcommand;
use crate::connection::ReplySink;
use crate::plan::{Arguments, upper};
use crate::refusal::shown;

/// Runs a subcommand; the plan has seen that it exists and has as many arguments as it wants.
pub(super) fn run(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    let name = Command::Function.subcommand(arguments.get(1)).map_or("", |subcommand| subcommand.name());
    match name {
        "flush" => flush(arguments, writer),
        "list" => list(arguments, writer),
        _ => super::help(Command::Function, writer),
    }
}

/// `FUNCTION FLUSH [ASYNC | SYNC]`
fn flush(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    match (upper(arguments.get(2)).as_slice(), arguments.count()) {
        (_, 2) | (b"ASYNC" | b"SYNC", 3) => reply::ok(writer),
        (_, 3) => reply::error(writer, "ERR FUNCTION FLUSH only supports SYNC|ASYNC option"),
        _ => wrong_subcommand(arguments, Command::Function, writer),
    }
}

/// `FUNCTION LIST [WITHCODE] [LIBRARYNAME pattern]`, each once.
fn list(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    let (mut with_code, mut with_name, mut index) = (false, false, 2);
    while index < arguments.count() {
        match upper(arguments.get(index)).as_slice() {
            b"WITHCODE" if !with_code => with_code = true,
            b"LIBRARYNAME" if !with_name && index + 1 == arguments.count() => {
                return reply::error(writer, "ERR library name argument was not given");
            }
            b"LIBRARYNAME" if !with_name => {
                with_name = true;
                index += 1;
            }
            _ => {
                let option = shown(arguments.get(index));
                return reply::error(writer, &format!("ERR Unknown argument {option}"));
            }
        }
        index += 1;
    }
    reply::array(writer, 0);
}
