//! From a command and its arguments to what the shard will do: options parsed, times made absolute.

use adit_wire::kv::{
    Aspect, BUCKET_COUNT, BucketId, Condition, ExpireCondition, Expiry, ExpiryForm, Operation, PutAnswer,
    Status,
};
use adit_wire::resp::Command;
use adit_wire::resp::number::parse_i64;
use adit_wire::resp::request::ProtocolError;
use adit_wire::resp::subcommand::Subcommand;

/// What a request will do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// An operation on the key that is argument 1. The value is the argument named, if it is not 0.
    Key(Operation, u8),
    /// An operation on each key from argument 1 on, answered as an array or as the sum.
    Keys(Operation, Together),
    /// Pairs of key and value from argument 1 on are written together; with the flag only if no key exists.
    PutAll {
        /// Nothing is written if any of the keys exists.
        if_absent: bool,
    },
    /// The value of the key that is argument 1 is written under the one that is argument 2.
    Transfer(Transfer),
    /// The longest common subsequence of the values of the keys that are arguments 1 and 2.
    Lcs(LcsForm),
    /// Some key of the bucket.
    RandomKey,
    /// An operation on all keys of every shard, answered as the sum or as done.
    Shards(Operation, Together),
    /// A command inside MULTI: kept for EXEC.
    Queue,
    /// What concerns the connection or the process: done when nothing else is owed to the connection.
    Alone(Command),
    /// An empty request: no reply.
    Nothing,
    /// An error.
    Refused(Refusal),
    /// Bytes that are no request: an error, then the connection is closed.
    Broken(ProtocolError),
}

impl Plan {
    /// Whether it may begin as a transaction, and the next one after it, before those before it have ended: it is on
    /// named keys only, and concerns nothing else of the connection.
    #[inline]
    pub fn may_follow(self) -> bool {
        matches!(self, Self::PutAll { .. })
            || matches!(self, Self::Keys(_, Together::Array | Together::Sum | Together::Done))
    }
}

/// What becomes of a value that is written under another key, with its expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// The bucket it is written to, if it is another one.
    pub bucket: Option<BucketId>,
    /// The new key is the name of the old one: `MOVE`.
    pub same_name: bool,
    /// Nothing is written if the other key exists.
    pub if_absent: bool,
    /// The first key goes.
    pub removes: bool,
    /// How it is answered.
    pub answer: TransferAnswer,
}

/// How a [`Transfer`] is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferAnswer {
    /// Done; an error without the first key.
    Done,
    /// 1 or 0; an error without the first key.
    Applied,
    /// 1 or 0, also without the first key.
    Copied,
}

/// What `LCS` answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LcsForm {
    /// Its length.
    pub length: bool,
    /// Where its parts lie.
    pub places: bool,
    /// The length of each part.
    pub with_lengths: bool,
    /// Parts that are shorter are left out.
    pub least: u64,
}

/// How the replies of several operations become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// An array of them, in order.
    Array,
    /// Their sum.
    Sum,
    /// That all are done.
    Done,
    /// Done; the answers are kept to be compared by EXEC.
    Watch,
}

/// Why a request is refused before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There is no such command.
    UnknownCommand,
    /// It takes another number of arguments.
    WrongArity(Command),
    /// The last key has no value. Redis sees this only when it runs the command.
    KeyWithoutValue(Command),
    /// The command has no such subcommand.
    UnknownSubcommand(Command),
    /// The subcommand takes another number of arguments.
    WrongSubcommandArity(Subcommand),
    /// Its options make no sense.
    Syntax,
    /// An argument that must be a number is none.
    NotAnInteger,
    /// An argument that must be a number of 32 bits is a larger one.
    BeyondInt32,
    /// The number cannot be subtracted.
    DecrementOverflow,
    /// The time is not positive or too far away.
    InvalidExpire(Command),
    /// EXPIRE: NX beside another condition.
    ExpireNxConflict,
    /// EXPIRE: GT beside LT.
    ExpireGtLtConflict,
    /// EXPIRE: the argument at this place is no option.
    ExpireOption(u8),
    /// The offset of a SETRANGE is negative.
    OffsetOutOfRange,
    /// A bucket that there is not.
    BucketOutOfRange,
    /// COPY or MOVE of a key to itself.
    SameObject,
    /// LCS: its length and its places at once.
    LengthAndPlaces,
    /// An argument that is not the value of a write is longer than 64 KiB.
    ArgumentTooLong,
    /// The connection has to say the password first.
    NotAuthenticated,
    /// More memory is used than `maxmemory` allows.
    OverMemoryLimit,
}

impl Refusal {
    /// Whether the request was refused without a look at what its arguments say.
    pub fn is_rejection(self) -> bool {
        matches!(
            self,
            Self::UnknownCommand
                | Self::WrongArity(_)
                | Self::UnknownSubcommand(_)
                | Self::WrongSubcommandArity(_)
                | Self::NotAuthenticated
                | Self::OverMemoryLimit
        )
    }

    /// Whether it is told to who has not said the password: such a request is looked at no further.
    pub fn comes_before_password(self) -> bool {
        self.is_rejection() && self != Self::OverMemoryLimit
    }
}

/// The arguments of a request, its name first.
pub trait Arguments {
    /// Number of arguments.
    fn count(&self) -> usize;
    /// An argument; empty behind the last.
    fn get(&self, index: usize) -> &[u8];
}

type Planned = Result<Plan, Refusal>;

/// Plans a request that has arrived at `now_ms` (milliseconds since 1970).
#[inline]
pub fn plan(arguments: &impl Arguments, now_ms: u64) -> Plan {
    match Command::find(arguments.get(0)) {
        Some(command) => plan_command(command, arguments, now_ms),
        None => Plan::Refused(Refusal::UnknownCommand),
    }
}

/// Plans a request whose command is known.
#[inline]
pub fn plan_command(command: Command, arguments: &impl Arguments, now_ms: u64) -> Plan {
    if !command.accepts(arguments.count()) {
        return Plan::Refused(Refusal::WrongArity(command));
    }
    match command {
        Command::Get => Plan::Key(Operation::Get, 0),
        Command::Set if arguments.count() == 3 => Plan::Key(PUT, 2),
        _ => plan_rare(command, arguments, now_ms).unwrap_or_else(Plan::Refused),
    }
}

fn plan_rare(command: Command, arguments: &impl Arguments, now_ms: u64) -> Planned {
    let put = |condition, answer| Operation::Put { condition, expiry: Expiry::Never, answer };
    let planned = match command {
        Command::Set => return plan_set(arguments, now_ms),
        Command::Getex => return plan_getex(arguments, now_ms),
        Command::Expire | Command::Pexpire | Command::Expireat | Command::Pexpireat => {
            return plan_expire(command, arguments, now_ms);
        }
        Command::Setex | Command::Psetex => {
            let unit = if command == Command::Setex { Unit::Seconds } else { Unit::Ms };
            let at_ms = future(command, arguments.get(2), unit, Base::Now, now_ms)?;
            Plan::Key(
                Operation::Put { condition: Condition::Always, expiry: at_ms, answer: PutAnswer::Done },
                3,
            )
        }
        Command::Get => Plan::Key(Operation::Get, 0),
        Command::Setnx => Plan::Key(put(Condition::IfAbsent, PutAnswer::Applied), 2),
        Command::Getset => Plan::Key(put(Condition::Always, PutAnswer::Previous), 2),
        Command::Getdel => Plan::Key(Operation::GetDelete, 0),
        Command::Append => Plan::Key(Operation::Append, 2),
        Command::Type => Plan::Key(Operation::Type, 0),
        Command::Strlen => Plan::Key(Operation::Length, 0),
        Command::Incr => Plan::Key(Operation::Add(1), 0),
        Command::Decr => Plan::Key(Operation::Add(-1), 0),
        Command::Incrby => Plan::Key(Operation::Add(number(arguments.get(2))?), 0),
        Command::Decrby => {
            let delta = number(arguments.get(2))?.checked_neg().ok_or(Refusal::DecrementOverflow)?;
            Plan::Key(Operation::Add(delta), 0)
        }
        Command::Persist => Plan::Key(Operation::Persist, 0),
        Command::Ttl => Plan::Key(Operation::ExpiryOf(ExpiryForm::LeftSeconds), 0),
        Command::Pttl => Plan::Key(Operation::ExpiryOf(ExpiryForm::LeftMs), 0),
        Command::Expiretime => Plan::Key(Operation::ExpiryOf(ExpiryForm::UnixSeconds), 0),
        Command::Pexpiretime => Plan::Key(Operation::ExpiryOf(ExpiryForm::UnixMs), 0),
        Command::Mget => Plan::Keys(Operation::Get, Together::Array),
        Command::Del | Command::Unlink if arguments.count() == 2 => Plan::Key(Operation::Delete, 0),
        Command::Exists | Command::Touch if arguments.count() == 2 => Plan::Key(Operation::Exists, 0),
        Command::Del | Command::Unlink => Plan::Keys(Operation::Delete, Together::Sum),
        Command::Exists | Command::Touch => Plan::Keys(Operation::Exists, Together::Sum),
        Command::Mset | Command::Msetnx if arguments.count().is_multiple_of(2) => {
            return Err(Refusal::KeyWithoutValue(command));
        }
        Command::Mset => Plan::PutAll { if_absent: false },
        Command::Msetnx => Plan::PutAll { if_absent: true },
        Command::Getrange | Command::Substr => {
            let (start, end) = (number(arguments.get(2))?, number(arguments.get(3))?);
            Plan::Key(Operation::GetRange { start, end }, 0)
        }
        Command::Setrange => {
            let offset = number(arguments.get(2))?;
            let offset = u64::try_from(offset).map_err(|_| Refusal::OffsetOutOfRange)?;
            Plan::Key(Operation::SetRange { offset }, 3)
        }
        Command::Incrbyfloat => Plan::Key(Operation::AddDecimal, 2),
        Command::Rename => Plan::Transfer(transfer(false, true, TransferAnswer::Done)),
        Command::Renamenx => Plan::Transfer(transfer(true, true, TransferAnswer::Applied)),
        Command::Copy => return plan_copy(arguments),
        Command::Move => return plan_move(arguments),
        Command::Lcs => return plan_lcs(arguments),
        Command::Object => return plan_object(arguments),
        Command::Memory => return plan_memory(arguments),
        Command::Randomkey => Plan::RandomKey,
        Command::Watch => Plan::Keys(Operation::Version, Together::Watch),
        Command::Debug if arguments.count() == 3 && arguments.get(1).eq_ignore_ascii_case(b"OBJECT") => {
            Plan::Key(Operation::Describe(Aspect::Debug), 0)
        }
        Command::Dbsize => Plan::Shards(Operation::Count, Together::Sum),
        Command::Flushdb => plan_flush(Operation::Flush, arguments)?,
        Command::Flushall => plan_flush(Operation::FlushAll, arguments)?,
        Command::Client | Command::CommandInfo | Command::Config | Command::Function => {
            plan_container(command, arguments)?
        }
        Command::Auth
        | Command::Debug
        | Command::Discard
        | Command::Echo
        | Command::Exec
        | Command::Hello
        | Command::Info
        | Command::Keys
        | Command::Multi
        | Command::Ping
        | Command::Quit
        | Command::Reset
        | Command::Scan
        | Command::Select
        | Command::Time
        | Command::Unwatch => Plan::Alone(command),
    };
    Ok(planned)
}

/// A command with subcommands: argument 1 has to name one, and its arguments are counted.
fn plan_container(command: Command, arguments: &impl Arguments) -> Planned {
    if arguments.count() > 1 {
        let unknown = Refusal::UnknownSubcommand(command);
        let subcommand = command.subcommand(arguments.get(1)).ok_or(unknown)?;
        if !subcommand.spec().accepts(arguments.count()) {
            return Err(Refusal::WrongSubcommandArity(subcommand));
        }
    }
    Ok(Plan::Alone(command))
}

/// `SET key value [NX | XX] [GET] [EX s | PX ms | EXAT s | PXAT ms | KEEPTTL]`
fn plan_set(arguments: &impl Arguments, now_ms: u64) -> Planned {
    let (mut condition, mut form, mut time, mut answer) = (None, None, 0, PutAnswer::Done);
    let mut index = 3;
    while index < arguments.count() {
        match upper(arguments.get(index)).as_slice() {
            b"NX" => choose(&mut condition, Condition::IfAbsent)?,
            b"XX" => choose(&mut condition, Condition::IfPresent)?,
            b"GET" => answer = PutAnswer::Previous,
            b"KEEPTTL" => choose(&mut form, None)?,
            option => {
                let unit = expiry_option(option).filter(|_| index + 1 < arguments.count());
                choose(&mut form, Some(unit.ok_or(Refusal::Syntax)?))?;
                index += 1;
                time = index;
            }
        }
        index += 1;
    }
    let condition = condition.unwrap_or(Condition::Always);
    let expiry = match form {
        None => Expiry::Never,
        Some(None) => Expiry::Keep,
        Some(Some((unit, base))) => future(Command::Set, arguments.get(time), unit, base, now_ms)?,
    };
    Ok(Plan::Key(Operation::Put { condition, expiry, answer }, 2))
}

/// `GETEX key [EX s | PX ms | EXAT s | PXAT ms | PERSIST]`
fn plan_getex(arguments: &impl Arguments, now_ms: u64) -> Planned {
    let expiry = match (upper(arguments.get(2)).as_slice(), arguments.count()) {
        (_, 2) => Expiry::Keep,
        (b"PERSIST", 3) => Expiry::Never,
        (option, 4) => {
            let (unit, base) = expiry_option(option).ok_or(Refusal::Syntax)?;
            // A bad time is told only if the key exists, as in Redis.
            match future(Command::Getex, arguments.get(3), unit, base, now_ms) {
                Ok(expiry) => expiry,
                Err(Refusal::NotAnInteger) => return Ok(Plan::Key(Operation::Fail(Status::NotAnInteger), 0)),
                Err(_) => return Ok(Plan::Key(Operation::Fail(Status::InvalidExpiry), 0)),
            }
        }
        _ => return Err(Refusal::Syntax),
    };
    Ok(Plan::Key(Operation::GetExpire(expiry), 0))
}

/// `EXPIRE key seconds [NX | XX | GT | LT]` and its kin. Here a time may have passed.
fn plan_expire(command: Command, arguments: &impl Arguments, now_ms: u64) -> Planned {
    let (unit, base) = match command {
        Command::Expire => (Unit::Seconds, Base::Now),
        Command::Pexpire => (Unit::Ms, Base::Now),
        Command::Expireat => (Unit::Seconds, Base::Unix),
        _ => (Unit::Ms, Base::Unix),
    };
    let condition = expire_condition(arguments)?;
    let at_ms =
        absolute(number(arguments.get(2))?, unit, base, now_ms).ok_or(Refusal::InvalidExpire(command))?;
    Ok(Plan::Key(Operation::Expire { at_ms: u64::try_from(at_ms).unwrap_or(0), condition }, 0))
}

fn expire_condition(arguments: &impl Arguments) -> Result<ExpireCondition, Refusal> {
    let (mut none, mut some, mut later, mut earlier) = (false, false, false, false);
    for index in 3..arguments.count() {
        match upper(arguments.get(index)).as_slice() {
            b"NX" => none = true,
            b"XX" => some = true,
            b"GT" => later = true,
            b"LT" => earlier = true,
            _ => return Err(Refusal::ExpireOption(u8::try_from(index).unwrap_or(u8::MAX))),
        }
    }
    Ok(match (none, some, later, earlier) {
        (true, true, ..) | (true, _, true, _) | (true, _, _, true) => return Err(Refusal::ExpireNxConflict),
        (_, _, true, true) => return Err(Refusal::ExpireGtLtConflict),
        (true, ..) => ExpireCondition::IfNone,
        (_, _, true, _) => ExpireCondition::IfLater,
        (_, true, _, true) => ExpireCondition::IfSomeAndEarlier,
        (_, _, _, true) => ExpireCondition::IfEarlier,
        (_, true, ..) => ExpireCondition::IfSome,
        (false, false, false, false) => ExpireCondition::Always,
    })
}

fn transfer(if_absent: bool, removes: bool, answer: TransferAnswer) -> Transfer {
    Transfer { bucket: None, same_name: false, if_absent, removes, answer }
}

/// `COPY source destination [DB bucket] [REPLACE]`
fn plan_copy(arguments: &impl Arguments) -> Planned {
    let mut copy = transfer(true, false, TransferAnswer::Copied);
    let mut index = 3;
    while index < arguments.count() {
        match upper(arguments.get(index)).as_slice() {
            b"REPLACE" => copy.if_absent = false,
            b"DB" if index + 1 < arguments.count() => {
                index += 1;
                copy.bucket = Some(bucket(arguments.get(index))?);
            }
            _ => return Err(Refusal::Syntax),
        }
        index += 1;
    }
    Ok(Plan::Transfer(copy))
}

/// `MOVE key bucket`
fn plan_move(arguments: &impl Arguments) -> Planned {
    let bucket = Some(bucket(arguments.get(2))?);
    Ok(Plan::Transfer(Transfer { bucket, same_name: true, ..transfer(true, true, TransferAnswer::Copied) }))
}

/// A bucket by its number, as text.
pub(crate) fn bucket(text: &[u8]) -> Result<BucketId, Refusal> {
    let number = i32::try_from(number(text)?).map_err(|_| Refusal::BeyondInt32)?;
    let number = u32::try_from(number).ok().filter(|&number| number < BUCKET_COUNT);
    number.map(BucketId).ok_or(Refusal::BucketOutOfRange)
}

/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN length] [WITHMATCHLEN]`
fn plan_lcs(arguments: &impl Arguments) -> Planned {
    let mut form = LcsForm::default();
    let mut index = 3;
    while index < arguments.count() {
        match upper(arguments.get(index)).as_slice() {
            b"LEN" => form.length = true,
            b"IDX" => form.places = true,
            b"WITHMATCHLEN" => form.with_lengths = true,
            b"MINMATCHLEN" if index + 1 < arguments.count() => {
                index += 1;
                form.least = u64::try_from(number(arguments.get(index))?).unwrap_or(0);
            }
            _ => return Err(Refusal::Syntax),
        }
        index += 1;
    }
    if form.length && form.places { Err(Refusal::LengthAndPlaces) } else { Ok(Plan::Lcs(form)) }
}

/// `OBJECT ENCODING | REFCOUNT | IDLETIME key`
fn plan_object(arguments: &impl Arguments) -> Planned {
    let aspect = match upper(arguments.get(1)).as_slice() {
        b"ENCODING" => Aspect::Encoding,
        b"REFCOUNT" => Aspect::References,
        b"IDLETIME" => Aspect::IdleSeconds,
        b"FREQ" => Aspect::Frequency,
        _ => return plan_container(Command::Object, arguments),
    };
    plan_container(Command::Object, arguments).map(|_| Plan::Key(Operation::Describe(aspect), 0))
}

/// `MEMORY USAGE key [SAMPLES count]`
fn plan_memory(arguments: &impl Arguments) -> Planned {
    let planned = plan_container(Command::Memory, arguments)?;
    match (upper(arguments.get(1)).as_slice(), arguments.count()) {
        (b"USAGE", 3) => Ok(Plan::Key(Operation::Describe(Aspect::Memory), 0)),
        (b"USAGE", 5) if arguments.get(3).eq_ignore_ascii_case(b"SAMPLES") => {
            match number(arguments.get(4))? {
                ..0 => Err(Refusal::Syntax),
                _ => Ok(Plan::Key(Operation::Describe(Aspect::Memory), 0)),
            }
        }
        (b"USAGE", _) => Err(Refusal::Syntax),
        _ => Ok(planned),
    }
}

/// The argument that is the key of an operation on one key.
#[inline]
pub fn key_argument(operation: Operation) -> usize {
    if matches!(operation, Operation::Describe(_)) { 2 } else { 1 }
}

/// The plan where `DEBUG` is not allowed: it says so, instead of looking at a key.
pub fn without_debug(planned: Plan) -> Plan {
    match planned {
        Plan::Key(Operation::Describe(Aspect::Debug), _) => Plan::Alone(Command::Debug),
        planned => planned,
    }
}

/// Whether the argument at `index` may be longer than 64 KiB, as values are.
pub fn may_be_large(planned: Plan, index: usize) -> bool {
    match planned {
        Plan::Key(_, value) => index == usize::from(value) && index > 0,
        Plan::PutAll { .. } => index > 0 && index.is_multiple_of(2),
        _ => false,
    }
}

/// `FLUSHALL [ASYNC | SYNC]`: a flush never waits for the memory to be free, so both are the same.
fn plan_flush(operation: Operation, arguments: &impl Arguments) -> Planned {
    match (upper(arguments.get(1)).as_slice(), arguments.count()) {
        (_, 1) | (b"ASYNC" | b"SYNC", 2) => Ok(Plan::Shards(operation, Together::Done)),
        _ => Err(Refusal::Syntax),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Ms,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Base {
    /// The time counts from now.
    Now,
    /// The time counts from 1970.
    Unix,
}

fn expiry_option(option: &[u8]) -> Option<(Unit, Base)> {
    match option {
        b"EX" => Some((Unit::Seconds, Base::Now)),
        b"PX" => Some((Unit::Ms, Base::Now)),
        b"EXAT" => Some((Unit::Seconds, Base::Unix)),
        b"PXAT" => Some((Unit::Ms, Base::Unix)),
        _ => None,
    }
}

/// An expiry given with a value: the number must be positive.
fn future(command: Command, text: &[u8], unit: Unit, base: Base, now_ms: u64) -> Result<Expiry, Refusal> {
    let number = number(text)?;
    let at_ms =
        Some(number).filter(|&number| number > 0).and_then(|number| absolute(number, unit, base, now_ms));
    let at_ms = at_ms.and_then(|at_ms| u64::try_from(at_ms).ok()).ok_or(Refusal::InvalidExpire(command))?;
    Ok(Expiry::At(at_ms))
}

/// Milliseconds since 1970; `None` if they do not fit 63 bits.
fn absolute(number: i64, unit: Unit, base: Base, now_ms: u64) -> Option<i64> {
    let ms = match unit {
        Unit::Seconds => number.checked_mul(1000)?,
        Unit::Ms => number,
    };
    match base {
        Base::Now => ms.checked_add(i64::try_from(now_ms).ok()?),
        Base::Unix => Some(ms),
    }
}

fn number(text: &[u8]) -> Result<i64, Refusal> {
    parse_i64(text).ok_or(Refusal::NotAnInteger)
}

/// Notes a choice; the same may be made again, another may not.
fn choose<T: PartialEq>(place: &mut Option<T>, choice: T) -> Result<(), Refusal> {
    match place {
        Some(other) if *other != choice => Err(Refusal::Syntax),
        _ => {
            *place = Some(choice);
            Ok(())
        }
    }
}

/// An option's name in upper case; no option is longer than the part kept.
pub(crate) struct Upper([u8; OPTION_BYTES_MAX], usize);

impl Upper {
    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0[..self.1]
    }
}

pub(crate) fn upper(text: &[u8]) -> Upper {
    let mut bytes = [0; OPTION_BYTES_MAX];
    let len = text.len().min(OPTION_BYTES_MAX);
    bytes[..len].copy_from_slice(&text[..len]);
    bytes.make_ascii_uppercase();
    Upper(bytes, len)
}

const OPTION_BYTES_MAX: usize = 16;

/// SET without options, and what MSET does with each key.
pub(crate) const PUT: Operation =
    Operation::Put { condition: Condition::Always, expiry: Expiry::Never, answer: PutAnswer::Done };

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The arguments of a request.
    pub(crate) struct Words(Vec<&'static str>);

    impl Arguments for Words {
        fn count(&self) -> usize {
            self.0.len()
        }

        fn get(&self, index: usize) -> &[u8] {
            self.0.get(index).map_or(b"", |word| word.as_bytes())
        }
    }

    /// The arguments of a line.
    pub(crate) fn words(line: &'static str) -> Words {
        Words(line.split(' ').collect())
    }

    fn planned(line: &'static str) -> Plan {
        plan(&words(line), 1_000)
    }

    fn put(condition: Condition, expiry: Expiry, answer: PutAnswer) -> Plan {
        Plan::Key(Operation::Put { condition, expiry, answer }, 2)
    }

    #[test]
    fn the_options_of_set() {
        use Condition::{Always, IfAbsent, IfPresent};
        use PutAnswer::{Done, Previous};
        assert_eq!(planned("set k v"), put(Always, Expiry::Never, Done));
        assert_eq!(planned("SET k v NX"), put(IfAbsent, Expiry::Never, Done));
        assert_eq!(planned("SET k v xx get"), put(IfPresent, Expiry::Never, Previous));
        assert_eq!(planned("SET k v EX 10"), put(Always, Expiry::At(11_000), Done));
        assert_eq!(planned("SET k v PX 10"), put(Always, Expiry::At(1_010), Done));
        assert_eq!(planned("SET k v EXAT 10"), put(Always, Expiry::At(10_000), Done));
        assert_eq!(planned("SET k v PXAT 10 NX"), put(IfAbsent, Expiry::At(10), Done));
        assert_eq!(planned("SET k v KEEPTTL"), put(Always, Expiry::Keep, Done));
        for line in [
            "SET k v NX XX",
            "SET k v EX",
            "SET k v EX 1 PX 1",
            "SET k v EX 1 KEEPTTL",
            "SET k v bogus",
            "SET k v averyveryverylongoption",
        ] {
            assert_eq!(planned(line), Plan::Refused(Refusal::Syntax), "{line}");
        }
        assert_eq!(planned("SET k v XX EX 1 XX EX 10"), put(IfPresent, Expiry::At(11_000), Done));
        assert_eq!(planned("SET k v EX x"), Plan::Refused(Refusal::NotAnInteger));
        assert_eq!(planned("SET k v EX x bogus"), Plan::Refused(Refusal::Syntax), "options before numbers");
        for line in [
            "SET k v EX 0",
            "SET k v PX -1",
            "SET k v EX 9223372036854775807",
            "SET k v PX 9223372036854775807",
        ] {
            assert_eq!(planned(line), Plan::Refused(Refusal::InvalidExpire(Command::Set)), "{line}");
        }
        assert_eq!(
            planned("SET k v PXAT 9223372036854775807"),
            put(Always, Expiry::At(i64::MAX.unsigned_abs()), Done)
        );
    }

    #[test]
    fn the_options_of_getex_and_expire() {
        let getex = |expiry| Plan::Key(Operation::GetExpire(expiry), 0);
        assert_eq!(planned("GETEX k"), getex(Expiry::Keep));
        assert_eq!(planned("GETEX k PERSIST"), getex(Expiry::Never));
        assert_eq!(planned("GETEX k PX 5"), getex(Expiry::At(1_005)));
        assert_eq!(planned("GETEX k PX 0"), Plan::Key(Operation::Fail(Status::InvalidExpiry), 0));
        assert_eq!(planned("GETEX k PX"), Plan::Refused(Refusal::Syntax));
        assert_eq!(planned("GETEX k KEEPTTL 1"), Plan::Refused(Refusal::Syntax));
        let expire = |at_ms, condition| Plan::Key(Operation::Expire { at_ms, condition }, 0);
        assert_eq!(planned("EXPIRE k 5"), expire(6_000, ExpireCondition::Always));
        assert_eq!(planned("EXPIRE k -5"), expire(0, ExpireCondition::Always));
        assert_eq!(planned("PEXPIREAT k 5 NX"), expire(5, ExpireCondition::IfNone));
        assert_eq!(planned("PEXPIRE k 5 GT"), expire(1_005, ExpireCondition::IfLater));
        assert_eq!(planned("EXPIREAT k 5 XX LT"), expire(5_000, ExpireCondition::IfSomeAndEarlier));
        assert_eq!(planned("EXPIRE k 5 NX GT"), Plan::Refused(Refusal::ExpireNxConflict));
        assert_eq!(
            planned("EXPIRE k x GT LT"),
            Plan::Refused(Refusal::ExpireGtLtConflict),
            "options before numbers"
        );
        assert_eq!(planned("EXPIRE k 5 GT LT"), Plan::Refused(Refusal::ExpireGtLtConflict));
        assert_eq!(planned("EXPIRE k 5 AB"), Plan::Refused(Refusal::ExpireOption(3)));
        let invalid = Plan::Refused(Refusal::InvalidExpire(Command::Expire));
        assert_eq!(planned("EXPIRE k 9223372036854775807"), invalid);
        assert_eq!(planned("EXPIRE k -9223372036854775808"), invalid);
    }

    #[test]
    fn names_and_arity_are_checked_first() {
        assert_eq!(planned("nosuch a"), Plan::Refused(Refusal::UnknownCommand));
        assert_eq!(planned("GET"), Plan::Refused(Refusal::WrongArity(Command::Get)));
        assert_eq!(planned("DECRBY k -9223372036854775808"), Plan::Refused(Refusal::DecrementOverflow));
        assert_eq!(planned("DEL a"), Plan::Key(Operation::Delete, 0));
        assert_eq!(planned("DEL a b"), Plan::Keys(Operation::Delete, Together::Sum));
        assert_eq!(planned("FLUSHDB now"), Plan::Refused(Refusal::Syntax));
        assert_eq!(planned("FLUSHALL async"), Plan::Shards(Operation::FlushAll, Together::Done));
    }
}
