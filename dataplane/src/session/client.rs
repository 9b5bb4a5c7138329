//! `CLIENT`: what connections are, say about themselves, and do to each other.

use adit_wire::resp::number::parse_i64;
use adit_wire::resp::reply;
use adit_wire::resp::{Command, Version};

use super::filter::{Filter, FilterError, listed_ids};
use super::{After, BAD_NAME, Context, WORD_BYTES_MAX, is_word, syntax_error};
use crate::connection::{Connection, ReplySink, Session};
use crate::interfaces::Interfaces;
use crate::plan::{Arguments, upper};
use crate::refusal::shown;
use crate::silence::Silence;
use crate::tour::{Task, Tour};

/// Runs a subcommand; the plan has seen that it exists and has as many arguments as it wants.
pub(super) fn run(
    arguments: &impl Arguments,
    session: &mut Session,
    writer: &mut impl ReplySink,
    context: &Context<'_>,
) -> After {
    let name = Command::Client.subcommand(arguments.get(1)).map_or("", |subcommand| subcommand.name());
    match name {
        "id" => reply::integer(writer, i64::try_from(session.client_id).unwrap_or(i64::MAX)),
        "info" => reply::verbatim(writer, writer.version(), &context.line),
        "getname" if session.name.is_empty() => reply::null(writer, writer.version()),
        "getname" => reply::bulk(writer, &session.name),
        "setname" => set_word(&mut session.name, arguments.get(2), BAD_NAME, writer),
        "setinfo" => set_info(arguments, session, writer),
        "list" | "kill" => return ask_all(name, arguments, session, writer),
        "reply" => return set_silence(arguments, writer),
        "no-evict" => set_switch(&mut session.no_evict, arguments.get(2), writer),
        "no-touch" => set_switch(&mut session.no_touch, arguments.get(2), writer),
        "unblock" => unblock(arguments, writer),
        "getredir" => reply::integer(writer, -1),
        "trackinginfo" => tracking_info(writer),
        "tracking" => tracking(arguments, writer),
        "caching" => caching(writer),
        _ => super::help(Command::Client, writer),
    }
    After::Stay
}

/// The line about a connection for a command that shows it, else none: its addresses cost system calls.
pub(crate) fn line_for(
    command: Command,
    arguments: &impl Arguments,
    connection: &Connection,
    streams: &Interfaces,
    now_ns: u64,
) -> String {
    let is_shown = command == Command::Client && arguments.get(1).eq_ignore_ascii_case(b"INFO");
    if is_shown { describe(connection, streams, now_ns) } else { String::new() }
}

/// A line about a connection, as `CLIENT LIST` and `CLIENT INFO` show it. Adit keeps no buffers for arguments, nor
/// one for replies that is there all the time: what would tell of these is 0.
pub(crate) fn describe(connection: &Connection, streams: &Interfaces, now_ns: u64) -> String {
    let (addresses, descriptor) = (streams.addresses(connection.id), streams.descriptor(connection.id));
    let (session, text) = (&connection.session, String::from_utf8_lossy);
    let seconds = |since_ns: u64| now_ns.saturating_sub(since_ns) / 1_000_000_000;
    let (input, output) = (connection.intake.held_bytes(), connection.waiting_bytes());
    let events = if connection.blocked { "rw" } else { "r" };
    format!(
        "id={} addr={} laddr={} fd={descriptor} name={} age={} idle={} flags={} db={} sub=0 psub=0 ssub=0 multi={} \
         qbuf={} qbuf-free={} argv-mem=0 multi-mem={} rbs=0 rbp=0 obl=0 oll={} omem={output} tot-mem={} \
         events={events} cmd={} user=default redir=-1 resp={} lib-name={} lib-ver={}\n",
        session.client_id,
        addresses.0,
        addresses.1,
        text(&session.name),
        seconds(session.opened_ns),
        seconds(connection.moved_ns),
        flags(connection),
        session.bucket.0,
        session.queue.as_ref().map_or(-1, |queue| i64::try_from(queue.program.len()).unwrap_or(i64::MAX)),
        input.0,
        input.1,
        session.heap_bytes,
        u8::from(output > 0),
        connection.heap_bytes as u64 + output + (input.0 + input.1) as u64 + size_of::<Connection>() as u64,
        session.last.name(),
        if session.version == Version::Resp3 { 3 } else { 2 },
        text(&session.library.0),
        text(&session.library.1),
    )
}

fn flags(connection: &Connection) -> String {
    let flag = |is: bool, letter: char| is.then_some(letter);
    let flags: String = flag(connection.session.queue.is_some(), 'x')
        .into_iter()
        .chain(flag(connection.closing, 'c'))
        .chain(flag(connection.session.no_evict, 'e'))
        .chain(flag(connection.session.no_touch, 'T'))
        .collect();
    if flags.is_empty() { "N".to_owned() } else { flags }
}

/// Ends a `CLIENT LIST` whose lines have come: encodes a part of the reply and says whether there is more.
pub fn finish_list(tour: &mut Tour, arguments: &impl Arguments, writer: &mut impl ReplySink) -> bool {
    let found = &mut tour.found;
    if found.overflowed {
        reply::error(writer, TOO_MANY_LINES);
        return false;
    }
    if found.encoded_bytes == 0 {
        found.lines = in_order(&found.lines, arguments);
        reply::verbatim_header(writer, writer.version(), found.lines.len() as u64);
    }
    let part = &found.lines[found.encoded_bytes..];
    let part = &part[..part.len().min(LIST_PART_BYTES)];
    writer.write(part);
    found.encoded_bytes += part.len();
    if found.encoded_bytes < found.lines.len() {
        return true;
    }
    writer.write(b"\r\n");
    false
}

/// The lines in the order of the numbers asked for, else in that of the connections' age.
fn in_order(lines: &[u8], arguments: &impl Arguments) -> Vec<u8> {
    let id = |line: &[u8]| {
        let digits = line.strip_prefix(b"id=").unwrap_or_default().split(|&byte| byte == b' ').next();
        digits.and_then(parse_i64).and_then(|id| u64::try_from(id).ok()).unwrap_or(0)
    };
    let mut sorted: Vec<(u64, &[u8])> =
        lines.split_inclusive(|&byte| byte == b'\n').map(|line| (id(line), line)).collect();
    sorted.sort_unstable_by_key(|(id, _)| *id);
    if arguments.count() < 4 || !arguments.get(2).eq_ignore_ascii_case(b"ID") {
        return sorted.into_iter().flat_map(|(_, line)| line).copied().collect();
    }
    let wanted = listed_ids(arguments).filter_map(Result::ok);
    let found = wanted.filter_map(|id| sorted.binary_search_by_key(&id, |(id, _)| *id).ok());
    found.flat_map(|place| sorted[place].1).copied().collect()
}

/// Ends a `CLIENT KILL` that all shards have obeyed.
pub fn finish_kill(tour: &Tour, arguments: &impl Arguments, writer: &mut impl ReplySink) -> After {
    match (arguments.count(), tour.found.count) {
        (3, 0) => reply::error(writer, "ERR No such client"),
        (3, _) => reply::ok(writer),
        (_, count) => reply::integer(writer, i64::try_from(count).unwrap_or(i64::MAX)),
    }
    if tour.found.asker { After::Close } else { After::Stay }
}

fn ask_all(name: &str, arguments: &impl Arguments, session: &Session, writer: &mut impl ReplySink) -> After {
    let task = match name {
        "list" => Filter::of_list(arguments).map(Task::List),
        _ => Filter::of_kill(arguments, session.client_id).map(Task::Kill),
    };
    let error = match task {
        Ok(task) => return After::Tour(task),
        Err(error) => error,
    };
    let text = match error {
        FilterError::Syntax => SYNTAX.to_owned(),
        FilterError::InvalidId => "ERR Invalid client ID".to_owned(),
        FilterError::IdNotPositive => "ERR client-id should be greater than 0".to_owned(),
        FilterError::UnknownType(index) => {
            format!("ERR Unknown client type '{}'", shown(arguments.get(index)))
        }
        FilterError::UnknownUser(index) => format!("ERR No such user '{}'", shown(arguments.get(index))),
    };
    reply::error(writer, &text);
    After::Stay
}

fn set_silence(arguments: &impl Arguments, writer: &mut impl ReplySink) -> After {
    match upper(arguments.get(2)).as_slice() {
        b"ON" => After::Silence(Silence::None),
        b"OFF" => After::Silence(Silence::All),
        b"SKIP" => After::Silence(Silence::Next),
        _ => {
            syntax_error(writer);
            After::Stay
        }
    }
}

/// `ON` or `OFF`
fn set_switch(switch: &mut bool, word: &[u8], writer: &mut impl ReplySink) {
    match upper(word).as_slice() {
        b"ON" => *switch = true,
        b"OFF" => *switch = false,
        _ => return syntax_error(writer),
    }
    reply::ok(writer);
}

/// `CLIENT SETINFO (LIB-NAME | LIB-VER) word`
fn set_info(arguments: &impl Arguments, session: &mut Session, writer: &mut impl ReplySink) {
    let (name, place) = match upper(arguments.get(2)).as_slice() {
        b"LIB-NAME" => ("lib-name", &mut session.library.0),
        b"LIB-VER" => ("lib-ver", &mut session.library.1),
        _ => {
            let option = shown(arguments.get(2));
            return reply::error(writer, &format!("ERR Unrecognized option '{option}'"));
        }
    };
    let error = format!("ERR {name} cannot contain spaces, newlines or special characters.");
    set_word(place, arguments.get(3), &error, writer);
}

/// Sets a word that `CLIENT LIST` shows: no spaces, no line ends, not too long.
fn set_word(place: &mut Vec<u8>, word: &[u8], error: &str, writer: &mut impl ReplySink) {
    if word.len() > WORD_BYTES_MAX {
        reply::error(writer, "ERR a name of a connection or a library is longer than 256 bytes");
    } else if is_word(word) {
        *place = word.to_vec();
        reply::ok(writer);
    } else {
        reply::error(writer, error);
    }
}

/// `CLIENT UNBLOCK id [TIMEOUT | ERROR]`: no connection ever waits for others.
fn unblock(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    match (upper(arguments.get(3)).as_slice(), arguments.count()) {
        (_, 3) | (b"TIMEOUT" | b"ERROR", 4) => {}
        (_, 4) => return reply::error(writer, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR"),
        _ => return super::wrong_subcommand(arguments, Command::Client, writer),
    }
    match parse_i64(arguments.get(2)) {
        Some(_) => reply::integer(writer, 0),
        None => reply::error(writer, "ERR value is not an integer or out of range"),
    }
}

fn tracking_info(writer: &mut impl ReplySink) {
    let version = writer.version();
    reply::map(writer, version, 3);
    reply::bulk(writer, b"flags");
    reply::set(writer, version, 1);
    reply::bulk(writer, b"off");
    reply::bulk(writer, b"redirect");
    reply::integer(writer, -1);
    reply::bulk(writer, b"prefixes");
    reply::array(writer, 0);
}

fn tracking(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    match (upper(arguments.get(2)).as_slice(), arguments.count()) {
        (b"OFF", 3) => reply::ok(writer),
        (b"ON", _) => reply::error(
            writer,
            "ERR tracking of keys is not available yet: this server sends no invalidations",
        ),
        _ => syntax_error(writer),
    }
}

/// `CLIENT CACHING (YES | NO)`: nobody is in the mode that it is for.
fn caching(writer: &mut impl ReplySink) {
    reply::error(
        writer,
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
    );
}

const SYNTAX: &str = "ERR syntax error";
const TOO_MANY_LINES: &str =
    "ERR the list takes more than the buffers of this shard have left; name connections by ID, or try again";
/// Bytes of a list that are encoded before the outbox is looked at again.
const LIST_PART_BYTES: usize = 16 << 10;
