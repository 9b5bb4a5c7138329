//! The texts of refused requests: those of Redis where it has one, since programs look for them.

use adit_wire::resp::reply::{Sink, error};

use crate::plan::{Arguments, Refusal};

/// Encodes why a request was refused.
pub fn encode(sink: &mut impl Sink, refusal: Refusal, arguments: &impl Arguments) {
    let text = match refusal {
        Refusal::UnknownCommand => return error(sink, &unknown(arguments)),
        Refusal::WrongArity(command) | Refusal::KeyWithoutValue(command) => {
            let name = command.spec().name;
            return error(sink, &format!("ERR wrong number of arguments for '{name}' command"));
        }
        Refusal::UnknownSubcommand(command) => {
            let (name, subcommand) = (command.spec().name.to_ascii_uppercase(), shown(arguments.get(1)));
            return error(sink, &format!("ERR unknown subcommand '{subcommand}'. Try {name} HELP."));
        }
        Refusal::WrongSubcommandArity(subcommand) => {
            let name = subcommand.spec().name;
            return error(sink, &format!("ERR wrong number of arguments for '{name}' command"));
        }
        Refusal::InvalidExpire(command) => {
            return error(sink, &format!("ERR invalid expire time in '{}' command", command.spec().name));
        }
        Refusal::ExpireOption(index) => {
            return error(
                sink,
                &format!("ERR Unsupported option {}", shown(arguments.get(usize::from(index)))),
            );
        }
        Refusal::Syntax => "ERR syntax error",
        Refusal::OffsetOutOfRange => "ERR offset is out of range",
        Refusal::BucketOutOfRange => "ERR DB index is out of range",
        Refusal::SameObject => "ERR source and destination objects are the same",
        Refusal::LengthAndPlaces => "ERR If you want both the length and indexes, please just use IDX.",
        Refusal::NotAnInteger => "ERR value is not an integer or out of range",
        Refusal::BeyondInt32 => "ERR value is out of range, value must between -2147483648 and 2147483647",
        Refusal::DecrementOverflow => "ERR decrement would overflow",
        Refusal::ExpireNxConflict => "ERR NX and XX, GT or LT options at the same time are not compatible",
        Refusal::ExpireGtLtConflict => "ERR GT and LT options at the same time are not compatible",
        Refusal::ArgumentTooLong => "ERR an argument is longer than 64 KiB; only the value of a write may be",
        Refusal::OverMemoryLimit => "OOM command not allowed when used memory > 'maxmemory'.",
        Refusal::NotAuthenticated => "NOAUTH Authentication required.",
    };
    error(sink, text);
}

fn unknown(arguments: &impl Arguments) -> String {
    let mut text = format!("ERR unknown command '{}', with args beginning with: ", shown(arguments.get(0)));
    for index in 1..arguments.count() {
        if text.len() > UNKNOWN_TEXT_BYTES {
            break;
        }
        text += &format!("'{}' ", shown(arguments.get(index)));
    }
    text
}

/// The start of an argument as text.
pub(crate) fn shown(argument: &[u8]) -> String {
    String::from_utf8_lossy(&argument[..argument.len().min(SHOWN_BYTES_MAX)]).into_owned()
}

/// Bytes of an argument that an error repeats.
const SHOWN_BYTES_MAX: usize = 128;
/// Bytes of the text about an unknown command above which no more arguments are repeated.
const UNKNOWN_TEXT_BYTES: usize = 128;
