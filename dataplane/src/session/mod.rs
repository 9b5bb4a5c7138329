//! What concerns a connection or the process and no key: PING, HELLO, AUTH, SELECT, CLIENT, CONFIG, COMMAND, INFO and the like.

pub mod client;
mod command;
mod config;
pub(crate) mod connection;
mod debug;
pub mod filter;
mod function;

use adit_drivers::clock::Now;
use adit_wire::resp::Command;
use adit_wire::resp::docs::Doc;
use adit_wire::resp::reply;

use crate::calls::Calls;
use crate::connection::{ReplySink, Session};
use crate::info;
use crate::plan::Arguments;
use crate::refusal::shown;
use crate::settings::Settings;
use crate::silence::Silence;
use crate::stats::StatsReader;
use crate::tour::{Task, Tour};

/// What these commands may look at besides their connection.
pub struct Context<'a> {
    /// The settings of the process.
    pub settings: &'a Settings,
    /// The counters of all shards.
    pub pages: &'a [StatsReader],
    /// The time.
    pub now: Now,
    /// The line about this connection, for `CLIENT INFO`; empty for other commands.
    pub line: String,
    /// How often each command was called on all shards, once a tour has asked them.
    pub calls: Option<&'a Calls>,
}

impl<'a> Context<'a> {
    /// Without what only some commands look at: the line and the calls.
    pub fn new(settings: &'a Settings, pages: &'a [StatsReader], now: Now) -> Self {
        Self { settings, pages, now, line: String::new(), calls: None }
    }
}

/// What is to be done after a command.
#[derive(Clone, Debug)]
pub enum After {
    /// Nothing: it has its reply.
    Stay,
    /// Close the connection when the reply is sent.
    Close,
    /// It has no reply yet: all shards take part.
    Tour(Task),
    /// Other replies of the connection are sent from now on; only `Silence::None` has a reply, `OK`.
    Silence(Silence),
    /// It is answered with `OK` after so many nanoseconds.
    Sleep(u64),
    /// The connection is to be like a new one, and is told so.
    Reset,
}

/// Runs a command and encodes its reply, unless that comes later.
pub fn run(
    command: Command,
    arguments: &impl Arguments,
    session: &mut Session,
    writer: &mut impl ReplySink,
    context: &Context<'_>,
) -> After {
    match command {
        Command::Ping => connection::ping(arguments, writer),
        Command::Echo => reply::bulk(writer, arguments.get(1)),
        Command::Select => connection::select(arguments, session, writer),
        Command::Auth => connection::auth(arguments, session, writer, context.settings),
        Command::Hello => connection::hello(arguments, session, writer, context.settings),
        Command::Client => return client::run(arguments, session, writer, context),
        Command::Config => return config::run(arguments, writer, context),
        Command::Debug => return debug::run(arguments, writer, context),
        Command::Function => function::run(arguments, writer),
        Command::CommandInfo => command::run(arguments, writer),
        Command::Info if context.calls.is_none() && info::wants_calls(arguments) => {
            return After::Tour(Task::Calls);
        }
        Command::Info => reply::verbatim(writer, writer.version(), &info::text(arguments, context)),
        Command::Object | Command::Memory => help(command, writer),
        Command::Time => time(writer, context.now),
        // Queued: EXEC has ended the watch.
        Command::Unwatch => reply::ok(writer),
        Command::Reset => {
            connection::reset(session, context.settings);
            return After::Reset;
        }
        Command::Quit => {
            reply::ok(writer);
            return After::Close;
        }
        _ => unreachable!("the plan of this command is another"),
    }
    After::Stay
}

/// Encodes the reply to a command that all shards have taken part in, but that of `CLIENT LIST`, which comes in parts:
/// see [`client::finish_list`].
pub fn finish(
    tour: &Tour,
    arguments: &impl Arguments,
    writer: &mut impl ReplySink,
    context: &Context<'_>,
) -> After {
    match tour.task {
        Task::Kill(_) => return client::finish_kill(tour, arguments, writer),
        Task::Calls => reply::verbatim(writer, writer.version(), &info::text(arguments, context)),
        Task::Configure(_) | Task::ResetCounters | Task::ActiveExpiry(_) => reply::ok(writer),
        Task::List(_) => unreachable!("a list is encoded in parts"),
    }
    After::Stay
}

/// Seconds since 1970 and microseconds. A shard reads milliseconds once a turn.
fn time(writer: &mut impl ReplySink, now: Now) {
    reply::array(writer, 2);
    reply::bulk(writer, (now.unix_ms / 1000).to_string().as_bytes());
    reply::bulk(writer, (now.unix_ms % 1000 * 1000).to_string().as_bytes());
}

/// The subcommands of a command, each with what it does.
fn help(command: Command, writer: &mut impl ReplySink) {
    let name = command.spec().name.to_ascii_uppercase();
    let mut lines = vec![format!("{name} subcommand [argument ...]; the subcommands are:")];
    for (_, spec) in command.subcommands() {
        let subcommand = spec.name.split('|').next_back().unwrap_or_default();
        lines.push(subcommand.to_ascii_uppercase());
        lines.push(format!("    {}", Doc::of(spec.name).map_or("", |doc| doc.summary)));
    }
    reply::array(writer, lines.len());
    lines.iter().for_each(|line| reply::simple(writer, line));
}

/// The error of a subcommand that there is not, or that has too many arguments.
fn wrong_subcommand(arguments: &impl Arguments, command: Command, writer: &mut impl ReplySink) {
    let (name, subcommand) = (command.spec().name.to_ascii_uppercase(), shown(arguments.get(1)));
    reply::error(
        writer,
        &format!("ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {name} HELP."),
    );
}

fn syntax_error(writer: &mut impl ReplySink) {
    reply::error(writer, "ERR syntax error");
}

/// Whether a name has no spaces, line ends or other characters that would break the lines it is shown in.
fn is_word(word: &[u8]) -> bool {
    word.len() <= WORD_BYTES_MAX && word.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

/// The version of Redis whose commands are meant; clients choose by it what they send.
pub const REDIS_VERSION: &str = "7.0.15";
const BAD_NAME: &str = "ERR Client names cannot contain spaces, newlines or special characters.";
/// Longest name of a client or its library.
const WORD_BYTES_MAX: usize = 256;
