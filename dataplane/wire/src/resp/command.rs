//! The table of commands: name, arity, flags and where the keys are, as `COMMAND` shows them.

/// What is known about a command before it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The name, in lower case.
    pub name: &'static str,
    /// Number of arguments with the name; if negative, at least that many.
    pub arity: i8,
    /// The flags that Redis gives it.
    pub flags: &'static [&'static str],
    /// Argument of the first key; 0 if there are no keys.
    pub first_key: u8,
    /// Argument of the last key; -1 is the last argument.
    pub last_key: i8,
    /// Arguments from one key to the next.
    pub key_step: u8,
}

macro_rules! commands {
    ($($name:ident $text:literal $arity:literal [$($flag:literal)*] $first:literal $last:literal $step:literal;)*) => {
        /// A command that Adit knows.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        #[expect(missing_docs, reason = "each is the command of its name; the table says the rest")]
        pub enum Command { $($name,)* }

        /// All commands, in the order of the table.
        pub const COMMANDS: &[Command] = &[$(Command::$name,)*];

        const SPECS: &[Spec] = &[$(Spec {
            name: $text, arity: $arity, flags: &[$($flag,)*], first_key: $first, last_key: $last, key_step: $step,
        },)*];
    };
}

commands! {
    Append "append" 3 ["write" "denyoom" "fast"] 1 1 1;
    Auth "auth" -2 ["noscript" "loading" "stale" "fast" "no_auth" "allow_busy"] 0 0 0;
    Client "client" -2 [] 0 0 0;
    CommandInfo "command" -1 ["loading" "stale"] 0 0 0;
    Config "config" -2 [] 0 0 0;
    Copy "copy" -3 ["write" "denyoom"] 1 2 1;
    Dbsize "dbsize" 1 ["readonly" "fast"] 0 0 0;
    Debug "debug" -2 ["admin" "noscript" "loading" "stale"] 0 0 0;
    Decr "decr" 2 ["write" "denyoom" "fast"] 1 1 1;
    Decrby "decrby" 3 ["write" "denyoom" "fast"] 1 1 1;
    Del "del" -2 ["write"] 1 -1 1;
    Discard "discard" 1 ["noscript" "loading" "stale" "fast" "allow_busy"] 0 0 0;
    Echo "echo" 2 ["loading" "stale" "fast"] 0 0 0;
    Exec "exec" 1 ["noscript" "loading" "stale" "skip_slowlog"] 0 0 0;
    Exists "exists" -2 ["readonly" "fast"] 1 -1 1;
    Expire "expire" -3 ["write" "fast"] 1 1 1;
    Expireat "expireat" -3 ["write" "fast"] 1 1 1;
    Expiretime "expiretime" 2 ["readonly" "fast"] 1 1 1;
    Flushall "flushall" -1 ["write"] 0 0 0;
    Flushdb "flushdb" -1 ["write"] 0 0 0;
    Function "function" -2 [] 0 0 0;
    Get "get" 2 ["readonly" "fast"] 1 1 1;
    Getdel "getdel" 2 ["write" "fast"] 1 1 1;
    Getex "getex" -2 ["write" "fast"] 1 1 1;
    Getrange "getrange" 4 ["readonly"] 1 1 1;
    Getset "getset" 3 ["write" "denyoom" "fast"] 1 1 1;
    Hello "hello" -1 ["noscript" "loading" "stale" "fast" "no_auth" "allow_busy"] 0 0 0;
    Incr "incr" 2 ["write" "denyoom" "fast"] 1 1 1;
    Incrby "incrby" 3 ["write" "denyoom" "fast"] 1 1 1;
    Incrbyfloat "incrbyfloat" 3 ["write" "denyoom" "fast"] 1 1 1;
    Info "info" -1 ["loading" "stale"] 0 0 0;
    Keys "keys" 2 ["readonly"] 0 0 0;
    Lcs "lcs" -3 ["readonly"] 1 2 1;
    Memory "memory" -2 [] 0 0 0;
    Mget "mget" -2 ["readonly" "fast"] 1 -1 1;
    Move "move" 3 ["write" "fast"] 1 1 1;
    Mset "mset" -3 ["write" "denyoom"] 1 -1 2;
    Msetnx "msetnx" -3 ["write" "denyoom"] 1 -1 2;
    Multi "multi" 1 ["noscript" "loading" "stale" "fast" "allow_busy"] 0 0 0;
    Object "object" -2 [] 0 0 0;
    Persist "persist" 2 ["write" "fast"] 1 1 1;
    Pexpire "pexpire" -3 ["write" "fast"] 1 1 1;
    Pexpireat "pexpireat" -3 ["write" "fast"] 1 1 1;
    Pexpiretime "pexpiretime" 2 ["readonly" "fast"] 1 1 1;
    Ping "ping" -1 ["fast"] 0 0 0;
    Psetex "psetex" 4 ["write" "denyoom"] 1 1 1;
    Pttl "pttl" 2 ["readonly" "fast"] 1 1 1;
    Quit "quit" -1 ["noscript" "loading" "stale" "fast" "no_auth" "allow_busy"] 0 0 0;
    Randomkey "randomkey" 1 ["readonly"] 0 0 0;
    Rename "rename" 3 ["write"] 1 2 1;
    Renamenx "renamenx" 3 ["write" "fast"] 1 2 1;
    Reset "reset" 1 ["noscript" "loading" "stale" "fast" "no_auth" "allow_busy"] 0 0 0;
    Scan "scan" -2 ["readonly"] 0 0 0;
    Select "select" 2 ["loading" "stale" "fast"] 0 0 0;
    Set "set" -3 ["write" "denyoom"] 1 1 1;
    Setex "setex" 4 ["write" "denyoom"] 1 1 1;
    Setnx "setnx" 3 ["write" "denyoom" "fast"] 1 1 1;
    Setrange "setrange" 4 ["write" "denyoom"] 1 1 1;
    Strlen "strlen" 2 ["readonly" "fast"] 1 1 1;
    Substr "substr" 4 ["readonly"] 1 1 1;
    Time "time" 1 ["loading" "stale" "fast"] 0 0 0;
    Touch "touch" -2 ["readonly" "fast"] 1 -1 1;
    Ttl "ttl" 2 ["readonly" "fast"] 1 1 1;
    Type "type" 2 ["readonly" "fast"] 1 1 1;
    Unlink "unlink" -2 ["write" "fast"] 1 -1 1;
    Unwatch "unwatch" 1 ["noscript" "loading" "stale" "fast" "allow_busy"] 0 0 0;
    Watch "watch" -2 ["noscript" "loading" "stale" "fast" "allow_busy"] 1 -1 1;
}

impl Command {
    /// The command of a name, in any case.
    #[inline]
    pub fn find(name: &[u8]) -> Option<Self> {
        if let [a, b, c] = name {
            match [a | 0x20, b | 0x20, c | 0x20] {
                [b'g', b'e', b't'] => return Some(Self::Get),
                [b's', b'e', b't'] => return Some(Self::Set),
                _ => {}
            }
        }
        Self::find_in_table(name)
    }

    fn find_in_table(name: &[u8]) -> Option<Self> {
        let mut lower = [0; NAME_BYTES_MAX];
        let lower = lower.get_mut(..name.len())?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        let index = SPECS.binary_search_by(|spec| spec.name.as_bytes().cmp(lower)).ok()?;
        COMMANDS.get(index).copied()
    }

    /// What is known about it.
    #[inline]
    pub fn spec(self) -> &'static Spec {
        &SPECS[self as usize]
    }

    /// Whether it may need more memory.
    pub fn takes_memory(self) -> bool {
        self.spec().flags.contains(&"denyoom")
    }

    /// Whether it takes `count` arguments, its name included.
    #[inline]
    pub fn accepts(self, count: usize) -> bool {
        self.spec().accepts(count)
    }
}

impl Spec {
    /// Whether it takes `count` arguments, its name included.
    #[inline]
    pub fn accepts(&self, count: usize) -> bool {
        let wanted = usize::from(self.arity.unsigned_abs());
        if self.arity < 0 { count >= wanted } else { count == wanted }
    }
}

/// Longest name in the table, or longer.
const NAME_BYTES_MAX: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case() {
        for (&command, spec) in COMMANDS.iter().zip(SPECS) {
            assert_eq!(Command::find(spec.name.as_bytes()), Some(command));
            assert_eq!(Command::find(spec.name.to_ascii_uppercase().as_bytes()), Some(command));
            assert_eq!(command.spec(), spec);
        }
        for unknown in [&b""[..], b"ge", b"gett", b"G\x05T", b"averyveryverylongname", b"\xff"] {
            assert_eq!(Command::find(unknown), None, "{}", unknown.escape_ascii());
        }
    }

    #[test]
    fn the_table_is_sorted_for_the_search() {
        assert!(SPECS.is_sorted_by_key(|spec| spec.name));
        assert!(SPECS.iter().all(|spec| spec.name.len() <= NAME_BYTES_MAX));
    }

    #[test]
    fn arity_is_exact_or_a_least() {
        assert!(Command::Get.accepts(2) && !Command::Get.accepts(1) && !Command::Get.accepts(3));
        assert!(Command::Set.accepts(3) && Command::Set.accepts(9) && !Command::Set.accepts(2));
    }
}
