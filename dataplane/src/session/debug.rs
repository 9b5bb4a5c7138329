//! `DEBUG`: what tests of a server use. It is refused unless the server was started with it.

use adit_wire::resp::number::parse_i64;
use adit_wire::resp::reply;
use adit_wire::resp::{Command, Version};

use super::{After, Context, wrong_subcommand};
use crate::connection::ReplySink;
use crate::plan::{Arguments, upper};
use crate::refusal::shown;
use crate::tour::Task;

pub(super) fn run(arguments: &impl Arguments, writer: &mut impl ReplySink, context: &Context<'_>) -> After {
    if !context.settings.debug_commands {
        reply::error(writer, NOT_ALLOWED);
        return After::Stay;
    }
    match (arguments.get(1).to_ascii_uppercase().as_slice(), arguments.count()) {
        (b"SLEEP", 3) => return sleep(arguments.get(2), writer),
        (b"SET-ACTIVE-EXPIRE", 3) => return active_expiry(arguments.get(2), writer),
        (b"PROTOCOL", 3) => protocol(arguments, writer),
        (b"ERROR", 3) => reply::error(writer, &shown(arguments.get(2))),
        (b"LOG", 3) => reply::ok(writer),
        _ => wrong_subcommand(arguments, Command::Debug, writer),
    }
    After::Stay
}

/// Seconds, perhaps with a fraction. Only this connection sleeps.
fn sleep(seconds: &[u8], writer: &mut impl ReplySink) -> After {
    let seconds = std::str::from_utf8(seconds).ok().and_then(|text| text.parse::<f64>().ok());
    match seconds.and_then(|seconds| std::time::Duration::try_from_secs_f64(seconds).ok()) {
        Some(time) => After::Sleep(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)),
        None => {
            reply::error(writer, "ERR value is not a valid float");
            After::Stay
        }
    }
}

fn active_expiry(switch: &[u8], writer: &mut impl ReplySink) -> After {
    match parse_i64(switch) {
        Some(number) => After::Tour(Task::ActiveExpiry(number != 0)),
        None => {
            reply::error(writer, "ERR value is not an integer or out of range");
            After::Stay
        }
    }
}

/// A reply of each type, for tests of clients.
fn protocol(arguments: &impl Arguments, writer: &mut impl ReplySink) {
    let version = writer.version();
    let resp3 = version == Version::Resp3;
    match upper(arguments.get(2)).as_slice() {
        b"STRING" => reply::bulk(writer, b"Hello World"),
        b"INTEGER" => reply::integer(writer, 12345),
        b"DOUBLE" if resp3 => writer.write(b",3.141\r\n"),
        b"DOUBLE" => reply::bulk(writer, b"3.141"),
        b"NULL" => reply::null(writer, version),
        b"ARRAY" => {
            reply::array(writer, 3);
            (0..3).for_each(|number| reply::integer(writer, number));
        }
        b"SET" => {
            reply::set(writer, version, 3);
            (0..3).for_each(|number| reply::integer(writer, number));
        }
        b"MAP" => {
            reply::map(writer, version, 3);
            for number in 0..3 {
                reply::integer(writer, number);
                truth(writer, number == 1);
            }
        }
        b"ATTRIB" => {
            if resp3 {
                writer.write(b"|1\r\n");
                reply::bulk(writer, b"key-popularity");
                reply::array(writer, 2);
                reply::bulk(writer, b"key:123");
                reply::integer(writer, 90);
            }
            reply::bulk(writer, b"Some real reply following the attribute");
        }
        b"PUSH" if resp3 => {
            writer.write(b">2\r\n");
            reply::bulk(writer, b"server-cpu-usage");
            reply::integer(writer, 42);
            reply::bulk(writer, b"Some real reply following the push reply");
        }
        b"PUSH" => reply::error(writer, "ERR RESP2 is not supported by this command"),
        b"BIGNUM" if resp3 => writer.write(b"(1234567999999999999999999999999999999\r\n"),
        b"BIGNUM" => reply::bulk(writer, b"1234567999999999999999999999999999999"),
        b"VERBATIM" => reply::verbatim(writer, version, "This is a verbatim\nstring"),
        b"TRUE" => truth(writer, true),
        b"FALSE" => truth(writer, false),
        _ => reply::error(writer, UNKNOWN_TYPE),
    }
}

/// A truth value; in RESP 2 a number.
fn truth(writer: &mut impl ReplySink, value: bool) {
    match writer.version() {
        Version::Resp2 => reply::integer(writer, i64::from(value)),
        Version::Resp3 => writer.write(if value { b"#t\r\n" } else { b"#f\r\n" }),
    }
}

const NOT_ALLOWED: &str = "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can \
                           run it from a local connection, otherwise you need to set this option in the configuration \
                           file, and then restart the server.";
const UNKNOWN_TYPE: &str = "ERR Wrong protocol type name. Please use one of the following: \
                            string|integer|double|null|array|set|map|attrib|push|verbatim|true|false";
