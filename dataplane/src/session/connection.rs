//! What a connection says about itself: the password, the protocol, the bucket.

use adit_wire::kv::BucketId;
use adit_wire::resp::number::parse_i64;
use adit_wire::resp::{Version, reply};

use super::{BAD_NAME, REDIS_VERSION, is_word, syntax_error};
use crate::connection::{ReplySink, Session};
use crate::plan::{Arguments, bucket, upper};
use crate::refusal::{self, shown};
use crate::settings::Settings;

pub(super) fn ping(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    match arguments.count() {
        1 => reply::simple(writer, "PONG"),
        2 => reply::bulk(writer, arguments.get(1)),
        _ => reply::error(writer, "ERR wrong number of arguments for 'ping' command"),
    }
}

pub(super) fn select(arguments: &impl Arguments, session: &mut Session, writer: &mut impl ReplySink) {
    match bucket(arguments.get(1)) {
        Ok(bucket) => {
            session.bucket = bucket;
            reply::ok(writer);
        }
        Err(refusal) => refusal::encode(writer, refusal, arguments),
    }
}

pub(super) fn auth(
    arguments: &impl Arguments,
    session: &mut Session,
    writer: &mut impl ReplySink,
    settings: &Settings,
) {
    let (user, password) = match arguments.count() {
        2 => (&b"default"[..], arguments.get(1)),
        3 => (arguments.get(1), arguments.get(2)),
        _ => return syntax_error(writer),
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
    let right = settings.password.as_ref().is_none_or(|wanted| same(wanted, password));
    let accepted = user == b"default" && right;
    session.authenticated |= accepted;
    accepted
}

/// Compares in a time that does not tell where the first difference is.
pub(crate) fn same(wanted: &[u8], given: &[u8]) -> bool {
    let differences = wanted.iter().zip(given).fold(0, |sum, (a, b)| sum | (a ^ b));
    wanted.len() == given.len() && std::hint::black_box(differences) == 0
}

/// `HELLO [version [AUTH user password] [SETNAME name]]`
pub(super) fn hello(
    arguments: &impl Arguments,
    session: &mut Session,
    writer: &mut impl ReplySink,
    settings: &Settings,
) {
    let version = match arguments.get(1) {
        _ if arguments.count() == 1 => session.version,
        b"2" => Version::Resp2,
        b"3" => Version::Resp3,
        other if parse_i64(other).is_none() => {
            return reply::error(writer, "ERR Protocol version is not an integer or out of range");
        }
        _ => return reply::error(writer, "NOPROTO unsupported protocol version"),
    };
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
                let name = arguments.get(index + 1);
                if !is_word(name) {
                    return reply::error(writer, BAD_NAME);
                }
                session.name = name.to_vec();
                index += 2;
            }
            _ => {
                let option = shown(arguments.get(index));
                return reply::error(writer, &format!("ERR Syntax error in HELLO option '{option}'"));
            }
        }
    }
    if !session.authenticated {
        return reply::error(writer, HELLO_NOT_AUTHENTICATED);
    }
    session.version = version;
    writer.set_version(version);
    greet(session, writer);
}

fn greet(session: &Session, writer: &mut impl ReplySink) {
    let version = writer.version();
    reply::map(writer, version, 7);
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

/// A pair of texts.
fn text(writer: &mut impl ReplySink, key: &str, value: &str) {
    reply::bulk(writer, key.as_bytes());
    reply::bulk(writer, value.as_bytes());
}

/// Forgets what the client said since it connected, but not what concerns the server alone.
pub(super) fn reset(session: &mut Session, settings: &Settings) {
    session.bucket = BucketId(0);
    session.version = Version::default();
    session.authenticated = settings.password.is_none();
    session.name.clear();
}

const WRONG_PASSWORD: &str = "WRONGPASS invalid username-password pair or user is disabled.";
const HELLO_NOT_AUTHENTICATED: &str = "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO AUTH <user> <pass> option \
     can be used to authenticate the client and select the RESP protocol version at the same time";
