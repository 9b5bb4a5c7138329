//! How often each command was called, failed and was refused: what `INFO commandstats` tells.

use adit_wire::resp::Command;
use adit_wire::resp::command::COMMANDS;
use adit_wire::resp::subcommand::{SUBCOMMANDS, Subcommand};

use crate::batch::Entry;
use crate::plan::{Arguments, Plan};
use crate::shard::Shard;
use crate::stats::{ErrorCode, ErrorCounts};
use crate::transaction::program::Program;

/// A command or a subcommand, as a place in the table of [`Calls`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandId(u8);

impl Default for CommandId {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl CommandId {
    /// Of a request whose command there is not.
    pub const UNKNOWN: Self = Self(u8::MAX);

    /// The command of a request; if it has subcommands, the one that argument 1 names.
    #[inline]
    pub fn of(command: Command, arguments: &impl Arguments) -> Self {
        if command.is_container() && arguments.count() > 1 {
            return command.subcommand(arguments.get(1)).map_or(Self::UNKNOWN, Self::of_subcommand);
        }
        Self(command as u8)
    }

    fn of_subcommand(subcommand: Subcommand) -> Self {
        Self(SUBCOMMANDS_FROM + subcommand.0)
    }

    /// Its name in lower case, such as `client|list`; `NULL` if there is none, as Redis says.
    pub fn name(self) -> &'static str {
        let command = COMMANDS.get(usize::from(self.0)).map(|command| command.spec().name);
        let subcommand = || SUBCOMMANDS.get(usize::from(self.0.checked_sub(SUBCOMMANDS_FROM)?));
        command.or_else(|| subcommand().map(|spec| spec.name)).unwrap_or("NULL")
    }
}

/// What was counted of one command.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Call {
    /// Calls, those that failed included.
    pub called: u64,
    /// Calls that were answered with an error.
    pub failed: u64,
    /// Requests that were refused before they ran.
    pub refused: u64,
}

/// What was counted of all commands, on one shard or, added up, on all.
#[derive(Clone)]
pub struct Calls([Call; IDS]);

impl Default for Calls {
    fn default() -> Self {
        Self([Call::default(); IDS])
    }
}

impl Calls {
    /// Counts a call.
    #[inline]
    pub fn called(&mut self, id: CommandId) {
        self.0[usize::from(id.0)].called += 1;
    }

    /// Counts that a call was answered with an error.
    pub fn failed(&mut self, id: CommandId) {
        self.0[usize::from(id.0)].failed += 1;
    }

    /// Counts that a request was refused.
    pub fn refused(&mut self, id: CommandId) {
        self.0[usize::from(id.0)].refused += 1;
    }

    /// Adds what another shard has counted.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(&other.0) {
            sum.called += count.called;
            sum.failed += count.failed;
            sum.refused += count.refused;
        }
    }

    /// The commands that anything was counted of, with their names.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, Call)> {
        let known =
            |(id, &call): (u8, &Call)| (CommandId(id) != CommandId::UNKNOWN).then_some((CommandId(id), call));
        let counted = (0..=u8::MAX).zip(&self.0).filter_map(known);
        counted.filter(|(_, call)| *call != Call::default()).map(|(id, call)| (id.name(), call))
    }
}

impl Shard {
    /// Counts a request that was executed, unless it was refused.
    #[inline]
    pub(crate) fn note_called(&mut self, entry: &Entry) {
        match entry.plan {
            Plan::Broken(_) | Plan::Queue => {}
            Plan::Refused(refusal) if refusal.is_rejection() => {}
            _ => self.calls.called(entry.command),
        }
    }

    /// Counts a request that was refused.
    pub(crate) fn note_refused(&mut self, entry: &Entry, error: Option<ErrorCode>) {
        match entry.plan {
            Plan::Refused(refusal) if !refusal.is_rejection() => self.note_error(entry.command, error),
            _ => {
                self.calls.refused(entry.command);
                error.into_iter().for_each(|code| self.engine.counters.add_error(code));
            }
        }
    }

    /// Counts an error that was encoded as the answer to a command.
    #[inline]
    pub(crate) fn note_error(&mut self, command: CommandId, error: Option<ErrorCode>) {
        if let Some(code) = error {
            self.engine.counters.add_error(code);
            self.calls.failed(command);
        }
    }

    /// Counts what a transaction has called, if it ran, or `command` if that is all it does and counted as called
    /// already; and the errors among the replies. Which of several calls these belong to is not known.
    pub(crate) fn note_program(
        &mut self,
        program: &Program,
        command: CommandId,
        ran: bool,
        errors: &ErrorCounts,
    ) {
        self.engine.counters.add_errors(errors);
        let mut last = command;
        for call in 0..if ran { program.len() } else { 0 } {
            let arguments = program.call(call);
            let found = Command::find(arguments.get(0));
            last = found.map_or(CommandId::UNKNOWN, |command| CommandId::of(command, &arguments));
            self.calls.called(last);
        }
        if errors.is_any() && program.len() <= 1 {
            self.calls.failed(last);
        }
    }
}

/// Places of the table: one for every value of an id, so that none is outside.
const IDS: usize = 1 << u8::BITS;
/// The id of the first subcommand.
const SUBCOMMANDS_FROM: u8 = 128;
const _: () = assert!(
    COMMANDS.len() <= SUBCOMMANDS_FROM as usize && SUBCOMMANDS.len() < IDS - SUBCOMMANDS_FROM as usize
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::words;

    #[test]
    fn commands_and_subcommands_have_ids_and_names() {
        let id = |command, line| CommandId::of(command, &words(line));
        assert_eq!(id(Command::Get, "GET list").name(), "get");
        assert_eq!(id(Command::Client, "CLIENT List").name(), "client|list");
        assert_eq!(id(Command::CommandInfo, "COMMAND").name(), "command");
        assert_eq!(id(Command::Client, "CLIENT").name(), "client");
        assert_eq!(id(Command::Client, "CLIENT nosuch"), CommandId::UNKNOWN);
        assert_eq!(CommandId::UNKNOWN.name(), "NULL");
    }

    #[test]
    fn counts_are_added_up_and_those_of_unknown_commands_are_not_told() {
        let (mut ours, mut theirs) = (Calls::default(), Calls::default());
        let get = CommandId::of(Command::Get, &words("GET"));
        ours.called(get);
        theirs.called(get);
        theirs.failed(get);
        theirs.refused(CommandId::UNKNOWN);
        ours.add(&theirs);
        assert_eq!(ours.iter().collect::<Vec<_>>(), [("get", Call { called: 2, failed: 1, refused: 0 })]);
    }
}
