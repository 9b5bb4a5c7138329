//! What concerns a connection or the process and no key: PING, HELLO, AUTH, SELECT, CLIENT, CONFIG, COMMAND, INFO.

use adit_wire::kv::{BUCKET_COUNT, BucketId};
use adit_wire::resp::command::COMMANDS;
use adit_wire::resp::number::parse_i64;
use adit_wire::resp::reply;
use adit_wire::resp::{Command, Version};

use crate::connection::{Session, Writer};
use crate::info;
use crate::plan::{Arguments, upper};
use crate::settings::Settings;
use crate::stats::StatsReader;

/// What these commands may look at besides their connection.
pub struct Context<'a> {
    /// The settings of the process.
    pub settings: &'a Settings,
    /// The counters of all shards.
    pub pages: &'a [StatsReader],
    /// The monotonic time.
    pub now_ns: u64,
    /// The peer's address and ours.
    pub addresses: (String, String),
}

/// What is to be done after the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// Nothing.
    Stay,
    /// Close the connection when the reply is sent.
    Close,
}

/// Runs a command and encodes its reply.
pub fn run(
    command: Command,
    arguments: &impl Arguments,
    session: &mut Session,
    writer: &mut Writer<'_>,
    context: &Context<'_>,
) -> After {
    match command {
        Command::Ping => ping(arguments, writer),
        Command::Echo => reply::bulk(writer, arguments.get(1)),
        Command::Select => select(arguments, session, writer),
        Command::Auth => auth(arguments, session, writer, context.settings),
        Command::Hello => hello(arguments, session, writer, context.settings),
        Command::Client => client(arguments, session, writer, context),
        Command::Config => config(arguments, writer, context.settings),
        Command::CommandInfo => command_info(arguments, writer),
        Command::Info => reply::verbatim(writer, writer.version, &info::text(arguments, context)),
        Command::Quit => {
            reply::ok(writer);
            return After::Close;
        }
        _ => unreachable!("the plan of this command is another"),
    }
    After::Stay
}

fn ping(arguments: &impl Arguments, writer: &mut Writer<'_>) {
    match arguments.count() {
        1 => reply::simple(writer, "PONG"),
        2 => reply::bulk(writer, arguments.get(1)),
        _ => reply::error(writer, "ERR wrong number of arguments for 'ping' command"),
    }
}

fn select(arguments: &impl Arguments, session: &mut Session, writer: &mut Writer<'_>) {
    let Some(index) = parse_i64(arguments.get(1)) else {
        return reply::error(writer, "ERR value is not an integer or out of range");
    };
    match u32::try_from(index).ok().filter(|&index| index < BUCKET_COUNT) {
        Some(index) => {
            session.bucket = BucketId(index);
            reply::ok(writer);
        }
        None => reply::error(writer, "ERR DB index is out of range"),
    }
}

fn auth(arguments: &impl Arguments, session: &mut Session, writer: &mut Writer<'_>, settings: &Settings) {
    let (user, password) = match arguments.count() {
        2 => (&b"default"[..], arguments.get(1)),
        3 => (arguments.get(1), arguments.get(2)),
        _ => return reply::error(writer, "ERR syntax error"),
    };
    if settings.password.is_none() && arguments.count() == 2 {
        return reply::error(
            writer,
            "ERR AUTH <password> called without any password configured for the default user. \
             Are you sure your configuration is correct?",
        );
    }
    match authenticate(user, password, session, settings) {
        true => reply::ok(writer),
        false => reply::error(writer, WRONG_PASSWORD),
    }
}

fn authenticate(user: &[u8], password: &[u8], session: &mut Session, settings: &Settings) -> bool {
    let right = settings.password.as_ref().is_none_or(|wanted| same(wanted.as_bytes(), password));
    let accepted = user == b"default" && right;
    session.authenticated |= accepted;
    accepted
}

/// Compares in a time that does not tell where the first difference is.
fn same(wanted: &[u8], given: &[u8]) -> bool {
    let differences = wanted.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b));
    wanted.len() == given.len() && std::hint::black_box(differences) == 0
}

/// `HELLO [version [AUTH user password] [SETNAME name]]`
fn hello(arguments: &impl Arguments, session: &mut Session, writer: &mut Writer<'_>, settings: &Settings) {
    let version = match arguments.get(1) {
        _ if arguments.count() == 1 => session.version,
        b"2" => Version::Resp2,
        b"3" => Version::Resp3,
        other if parse_i64(other).is_none() => {
            return reply::error(writer, "ERR Protocol version is not an integer or out of range");
        }
        _ => return reply::error(writer, "NOPROTO unsupported protocol version"),
    };
    let mut name = None;
    let mut index = 2;
    while index < arguments.count() {
        let left = arguments.count() - index - 1;
        match (upper(arguments.get(index)).as_slice(), left) {
            (b"AUTH", 2..) => {
                if !authenticate(arguments.get(index + 1), arguments.get(index + 2), session, settings) {
                    return reply::error(writer, WRONG_PASSWORD);
                }
                index += 3;
            }
            (b"SETNAME", 1..) => {
                name = Some(arguments.get(index + 1));
                index += 2;
            }
            _ => {
                let option = String::from_utf8_lossy(arguments.get(index));
                return reply::error(writer, &format!("ERR Syntax error in HELLO option '{option}'"));
            }
        }
    }
    if !session.authenticated {
        return reply::error(
            writer,
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH \
             <user> <pass> option can be used to authenticate the client and select the RESP protocol version at \
             the same time",
        );
    }
    if let Some(name) = name {
        if !is_word(name) {
            return reply::error(writer, BAD_NAME);
        }
        session.name = name.to_vec();
    }
    session.version = version;
    writer.version = version;
    greet(session, writer);
}

fn greet(session: &Session, writer: &mut Writer<'_>) {
    let version = writer.version;
    reply::map(writer, version, 7);
    let text = |writer: &mut Writer<'_>, key: &str, value: &str| {
        reply::bulk(writer, key.as_bytes());
        reply::bulk(writer, value.as_bytes());
    };
    text(writer, "server", "redis");
    text(writer, "version", REDIS_VERSION);
    reply::bulk(writer, b"proto");
    reply::integer(writer, if version == Version::Resp3 { 3 } else { 2 });
    reply::bulk(writer, b"id");
    reply::integer(writer, i64::try_from(session.client_id).unwrap_or(i64::MAX));
    text(writer, "mode", "standalone");
    text(writer, "role", "master");
    reply::bulk(writer, b"modules");
    reply::array(writer, 0);
}

fn client(arguments: &impl Arguments, session: &mut Session, writer: &mut Writer<'_>, context: &Context<'_>) {
    match (upper(arguments.get(1)).as_slice(), arguments.count()) {
        (b"ID", 2) => reply::integer(writer, i64::try_from(session.client_id).unwrap_or(i64::MAX)),
        (b"GETNAME", 2) if session.name.is_empty() => reply::null(writer, writer.version),
        (b"GETNAME", 2) => reply::bulk(writer, &session.name),
        (b"SETNAME", 3) => set_word(&mut session.name, arguments.get(2), BAD_NAME, writer),
        (b"SETINFO", 4) => match upper(arguments.get(2)).as_slice() {
            b"LIB-NAME" => set_word(&mut session.library.0, arguments.get(3), BAD_LIBRARY, writer),
            b"LIB-VER" => set_word(&mut session.library.1, arguments.get(3), BAD_LIBRARY, writer),
            _ => reply::error(writer, "ERR Unrecognized option"),
        },
        (b"INFO", 2) => {
            let text = client_line(session, writer.version, context);
            reply::verbatim(writer, writer.version, &text);
        }
        (b"NO-EVICT" | b"NO-TOUCH", 3) => reply::ok(writer),
        _ => reply::error(
            writer,
            "ERR unknown subcommand or wrong number of arguments for 'client'; there are ID, INFO, GETNAME, SETNAME, \
             SETINFO, NO-EVICT, NO-TOUCH",
        ),
    }
}

fn client_line(session: &Session, version: Version, context: &Context<'_>) -> String {
    let text = String::from_utf8_lossy;
    format!(
        "id={} addr={} laddr={} name={} age={} db={} user=default lib-name={} lib-ver={} resp={}\n",
        session.client_id,
        context.addresses.0,
        context.addresses.1,
        text(&session.name),
        context.now_ns.saturating_sub(session.opened_ns) / 1_000_000_000,
        session.bucket.0,
        text(&session.library.0),
        text(&session.library.1),
        if version == Version::Resp3 { 3 } else { 2 },
    )
}

/// Sets a word that `CLIENT LIST` would show: no spaces, no line ends, not too long.
fn set_word(place: &mut Vec<u8>, word: &[u8], error: &str, writer: &mut Writer<'_>) {
    if is_word(word) {
        *place = word.to_vec();
        reply::ok(writer);
    } else {
        reply::error(writer, error);
    }
}

fn is_word(word: &[u8]) -> bool {
    word.len() <= WORD_BYTES_MAX && word.iter().all(|byte| (b'!'..=b'~').contains(byte))
}

fn config(arguments: &impl Arguments, writer: &mut Writer<'_>, settings: &Settings) {
    match (upper(arguments.get(1)).as_slice(), arguments.count()) {
        (b"GET", 3..) => {
            let wanted = |name: &str| {
                (2..arguments.count()).any(|index| {
                    let pattern = arguments.get(index).to_ascii_lowercase();
                    adit_wire::resp::glob::matches(&pattern, name.as_bytes())
                })
            };
            let pairs: Vec<_> = parameters(settings).into_iter().filter(|(name, _)| wanted(name)).collect();
            reply::map(writer, writer.version, pairs.len());
            for (name, value) in pairs {
                reply::bulk(writer, name.as_bytes());
                reply::bulk(writer, value.as_bytes());
            }
        }
        (b"SET", 4..) => {
            reply::error(
                writer,
                "ERR CONFIG SET is not available; set it in the file of adit serve --config",
            );
        }
        _ => reply::error(
            writer,
            "ERR unknown subcommand or wrong number of arguments for 'config'; there is GET",
        ),
    }
}

/// The parameters that programs ask for, in Redis's names.
fn parameters(settings: &Settings) -> [(&'static str, String); 10] {
    [
        ("appendonly", "no".to_owned()),
        ("databases", BUCKET_COUNT.to_string()),
        ("maxclients", settings.connections_max.to_string()),
        ("maxmemory", settings.memory_bytes.to_string()),
        ("maxmemory-policy", "noeviction".to_owned()),
        ("port", settings.resp_port.to_string()),
        ("proto-max-bulk-len", adit_wire::kv::VALUE_BYTES_MAX.to_string()),
        ("requirepass", settings.password.as_ref().map_or_else(String::new, |_| "(hidden)".to_owned())),
        ("save", String::new()),
        ("timeout", "0".to_owned()),
    ]
}

fn command_info(arguments: &impl Arguments, writer: &mut Writer<'_>) {
    match (upper(arguments.get(1)).as_slice(), arguments.count()) {
        (_, 1) => {
            reply::array(writer, COMMANDS.len());
            COMMANDS.iter().for_each(|&command| describe(command, writer));
        }
        (b"COUNT", 2) => reply::integer(writer, i64::try_from(COMMANDS.len()).unwrap_or(i64::MAX)),
        (b"LIST", 2) => {
            reply::array(writer, COMMANDS.len());
            COMMANDS.iter().for_each(|command| reply::bulk(writer, command.spec().name.as_bytes()));
        }
        (b"INFO", count) => {
            reply::array(writer, count - 2);
            for index in 2..count {
                match Command::find(arguments.get(index)) {
                    Some(command) => describe(command, writer),
                    None => reply::null(writer, writer.version),
                }
            }
        }
        (b"DOCS", _) => reply::map(writer, writer.version, 0),
        _ => reply::error(
            writer,
            "ERR unknown subcommand or wrong number of arguments for 'command'; there are COUNT, DOCS, INFO, LIST",
        ),
    }
}

/// One entry of `COMMAND`: ten fields since Redis 7, the last four of which are empty here.
fn describe(command: Command, writer: &mut Writer<'_>) {
    let spec = command.spec();
    reply::array(writer, 10);
    reply::bulk(writer, spec.name.as_bytes());
    reply::integer(writer, i64::from(spec.arity));
    reply::set(writer, writer.version, spec.flags.len());
    spec.flags.iter().for_each(|flag| reply::simple(writer, flag));
    for number in [i64::from(spec.first_key), i64::from(spec.last_key), i64::from(spec.key_step)] {
        reply::integer(writer, number);
    }
    (0..4).for_each(|_| reply::array(writer, 0));
}

/// The version of Redis whose commands are meant; clients choose by it what they send.
pub const REDIS_VERSION: &str = "7.0.15";
const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";
const BAD_NAME: &str = "ERR Client names cannot contain spaces, newlines or special characters.";
const BAD_LIBRARY: &str = "ERR lib-name and lib-ver cannot contain spaces, newlines or special characters.";
/// Longest name of a client or its library.
const WORD_BYTES_MAX: usize = 256;
