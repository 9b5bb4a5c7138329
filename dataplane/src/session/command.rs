//! `COMMAND`: what the server tells of its commands.

use std::iter;

use adit_wire::resp::command::{COMMANDS, Spec};
use adit_wire::resp::docs::Doc;
use adit_wire::resp::subcommand::SUBCOMMANDS;
use adit_wire::resp::{Command, glob, reply};

use super::syntax_error;
use crate::connection::ReplySink;
use crate::plan::{Arguments, upper};

/// Runs `COMMAND` or a subcommand; the plan has seen that it exists and has as many arguments as it wants.
pub(super) fn run(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    let name = Command::CommandInfo.subcommand(arguments.get(1)).map(|subcommand| subcommand.name());
    match name {
        None => info(arguments, writer),
        Some("count") => reply::integer(writer, i64::try_from(COMMANDS.len()).unwrap_or(i64::MAX)),
        Some("list") => list(arguments, writer),
        Some("info") => info(arguments, writer),
        Some("docs") => docs(arguments, writer),
        Some("getkeys") => get_keys(arguments, writer, false),
        Some("getkeysandflags") => get_keys(arguments, writer, true),
        Some(_) => super::help(Command::CommandInfo, writer),
    }
}

/// `COMMAND LIST [FILTERBY (MODULE name | ACLCAT category | PATTERN pattern)]`
fn list(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    let wanted = arguments.get(4).to_ascii_lowercase();
    let in_category = |name: &str| {
        Doc::of(name).is_some_and(|doc| doc.categories().any(|category| category.as_bytes() == wanted))
    };
    let matches = |name: &str| glob::matches(&wanted, name.as_bytes());
    let nothing = |_: &str| false;
    let filter: &dyn Fn(&str) -> bool = match (upper(arguments.get(3)).as_slice(), arguments.count()) {
        (_, 2) => &|_| true,
        (b"ACLCAT", 5) if is_filter(arguments) => &in_category,
        (b"PATTERN", 5) if is_filter(arguments) => &matches,
        (b"MODULE", 5) if is_filter(arguments) => &nothing,
        _ => return syntax_error(writer),
    };
    // Without a filter only commands are listed, with one subcommands too.
    let subcommands = if arguments.count() == 2 { &[] } else { SUBCOMMANDS };
    let names =
        COMMANDS.iter().map(|command| command.spec().name).chain(subcommands.iter().map(|spec| spec.name));
    let found: Vec<&str> = names.filter(|name| filter(name)).collect();
    reply::array(writer, found.len());
    found.into_iter().for_each(|name| reply::bulk(writer, name.as_bytes()));
}

fn is_filter(arguments: &impl Arguments) -> bool {
    arguments.get(2).eq_ignore_ascii_case(b"FILTERBY")
}

/// `COMMAND` and `COMMAND INFO [name ...]`; a name may be that of a subcommand.
fn info(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    if arguments.count() <= 2 {
        reply::array(writer, COMMANDS.len());
        return COMMANDS.iter().for_each(|&command| describe(command.spec(), Some(command), writer));
    }
    reply::array(writer, arguments.count() - 2);
    for index in 2..arguments.count() {
        match find(arguments.get(index)) {
            Some((spec, command)) => describe(spec, command, writer),
            None => reply::null(writer, writer.version()),
        }
    }
}

/// What is known of a command, or of a subcommand named `client|list`.
fn find(name: &[u8]) -> Option<(&'static Spec, Option<Command>)> {
    match name.iter().position(|&byte| byte == b'|') {
        None => Command::find(name).map(|command| (command.spec(), Some(command))),
        Some(bar) => {
            let subcommand = Command::find(&name[..bar])?.subcommand(&name[bar + 1..])?;
            Some((subcommand.spec(), None))
        }
    }
}

/// One entry of `COMMAND`: ten fields since Redis 7.
fn describe(spec: &Spec, command: Option<Command>, writer: &mut impl ReplySink) {
    let (version, doc) = (writer.version(), Doc::of(spec.name));
    reply::array(writer, 10);
    reply::bulk(writer, spec.name.as_bytes());
    reply::integer(writer, i64::from(spec.arity));
    words(writer, spec.flags.iter().copied());
    for number in [i64::from(spec.first_key), i64::from(spec.last_key), i64::from(spec.key_step)] {
        reply::integer(writer, number);
    }
    let categories: Vec<String> =
        doc.iter().flat_map(|doc| doc.categories()).map(|category| format!("@{category}")).collect();
    words(writer, categories.iter().map(String::as_str));
    let tips: Vec<&str> = doc.iter().flat_map(|doc| doc.tips()).collect();
    reply::set(writer, version, tips.len());
    tips.into_iter().for_each(|tip| reply::bulk(writer, tip.as_bytes()));
    key_specs(spec, doc, writer);
    let subcommands: Vec<&Spec> =
        command.iter().flat_map(|command| command.subcommands()).map(|(_, spec)| spec).collect();
    reply::array(writer, subcommands.len());
    subcommands.into_iter().for_each(|spec| describe(spec, None, writer));
}

/// A set of simple strings.
fn words<'a>(writer: &mut impl ReplySink, words: impl Iterator<Item = &'a str> + Clone) {
    reply::set(writer, writer.version(), words.clone().count());
    words.for_each(|word| reply::simple(writer, word));
}

/// Where the keys are: a range of arguments, or one for each way in which keys are used.
fn key_specs(spec: &Spec, doc: Option<&Doc>, writer: &mut impl ReplySink) {
    let uses: Vec<&str> = doc.iter().flat_map(|doc| doc.key_uses()).collect();
    reply::set(writer, writer.version(), uses.len());
    for (place, flags) in uses.iter().enumerate() {
        let (version, first) = (writer.version(), i64::from(spec.first_key));
        let (index, last) = match (uses.len(), spec.last_key) {
            (1, -1) => (first, -1),
            (1, last) => (first, i64::from(last) - first),
            _ => (first + i64::try_from(place).unwrap_or(0) * i64::from(spec.key_step), 0),
        };
        reply::map(writer, version, 3);
        reply::bulk(writer, b"flags");
        words(writer, flags.split_ascii_whitespace());
        step(writer, "begin_search", "index", &[("index", index)]);
        step(
            writer,
            "find_keys",
            "range",
            &[("lastkey", last), ("keystep", spec.key_step.into()), ("limit", 0)],
        );
    }
}

/// One of the two steps in which keys are found.
fn step(writer: &mut impl ReplySink, name: &str, kind: &str, numbers: &[(&str, i64)]) {
    let version = writer.version();
    reply::bulk(writer, name.as_bytes());
    reply::map(writer, version, 2);
    reply::bulk(writer, b"type");
    reply::bulk(writer, kind.as_bytes());
    reply::bulk(writer, b"spec");
    reply::map(writer, version, numbers.len());
    for (name, number) in numbers {
        reply::bulk(writer, name.as_bytes());
        reply::integer(writer, *number);
    }
}

/// `COMMAND DOCS [name ...]`
fn docs(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    let all = || COMMANDS.iter().map(|&command| (command.spec(), Some(command))).collect();
    let found: Vec<(&Spec, Option<Command>)> = match arguments.count() {
        2 => all(),
        count => (2..count).filter_map(|index| find(arguments.get(index))).collect(),
    };
    reply::map(writer, writer.version(), found.len());
    for (spec, command) in found {
        reply::bulk(writer, spec.name.as_bytes());
        document(spec, command, writer);
    }
}

fn document(spec: &Spec, command: Option<Command>, writer: &mut impl ReplySink) {
    let version = writer.version();
    let subcommands: Vec<&Spec> =
        command.iter().flat_map(|command| command.subcommands()).map(|(_, spec)| spec).collect();
    let doc = Doc::of(spec.name);
    let texts = doc.map_or([("summary", ""), ("since", ""), ("group", "")], |doc| {
        [("summary", doc.summary), ("since", doc.since), ("group", doc.group)]
    });
    reply::map(writer, version, texts.len() + usize::from(!subcommands.is_empty()));
    for (name, text) in texts {
        reply::bulk(writer, name.as_bytes());
        reply::bulk(writer, text.as_bytes());
    }
    if !subcommands.is_empty() {
        reply::bulk(writer, b"subcommands");
        reply::map(writer, version, subcommands.len());
        for spec in subcommands {
            reply::bulk(writer, spec.name.as_bytes());
            document(spec, None, writer);
        }
    }
}

/// `COMMAND GETKEYS command argument ...`, and `GETKEYSANDFLAGS`
fn get_keys(arguments: &impl Arguments, writer: &mut impl ReplySink, with_flags: bool) {
    let Some(spec) = invoked(arguments) else {
        return reply::error(writer, "ERR Invalid command specified");
    };
    if spec.first_key == 0 {
        return reply::error(writer, "ERR The command has no key arguments");
    }
    let count = arguments.count() - ARGUMENTS_BEFORE;
    if !spec.accepts(count) {
        return reply::error(writer, "ERR Invalid number of arguments specified for command");
    }
    let keys: Vec<usize> = key_places(spec, count).collect();
    let uses: Vec<&str> = Doc::of(spec.name).into_iter().flat_map(Doc::key_uses).collect();
    reply::array(writer, keys.len());
    for (number, place) in keys.into_iter().enumerate() {
        let key = arguments.get(ARGUMENTS_BEFORE + place);
        if !with_flags {
            reply::bulk(writer, key);
            continue;
        }
        reply::array(writer, 2);
        reply::bulk(writer, key);
        let flags = uses.get(number).or_else(|| uses.first()).copied().unwrap_or_default();
        let flags = if flags.contains("variable_flags") { set_flags(arguments) } else { flags };
        words(writer, flags.split_ascii_whitespace());
    }
}

/// The command that `COMMAND GETKEYS` is asked about, or its subcommand.
fn invoked(arguments: &impl Arguments) -> Option<&'static Spec> {
    let command = Command::find(arguments.get(ARGUMENTS_BEFORE))?;
    match command.is_container() {
        true => command.subcommand(arguments.get(ARGUMENTS_BEFORE + 1)).map(|subcommand| subcommand.spec()),
        false => Some(command.spec()),
    }
}

/// The places of the keys among `count` arguments.
fn key_places(spec: &Spec, count: usize) -> impl Iterator<Item = usize> {
    let last = usize::try_from(spec.last_key).unwrap_or(count - 1).min(count - 1);
    let step = usize::from(spec.key_step.max(1));
    iter::successors(Some(usize::from(spec.first_key)), move |place| Some(place + step))
        .take_while(move |&place| place <= last)
}

/// How SET uses its key, which depends on its options.
fn set_flags(arguments: &impl Arguments) -> &'static str {
    let mut options = ARGUMENTS_BEFORE + 3..arguments.count();
    match options.any(|index| arguments.get(index).eq_ignore_ascii_case(b"GET")) {
        true => "RW access update",
        false => "OW update",
    }
}

/// `COMMAND GETKEYS` itself.
const ARGUMENTS_BEFORE: usize = 2;
