//! The table of subcommands, such as `CLIENT LIST`: the same facts as of commands, under the name `client|list`.

use super::command::{Command, Spec};

macro_rules! subcommands {
    ($($text:literal $arity:literal [$($flag:literal)*] $first:literal $last:literal $step:literal;)*) => {
        /// All subcommands, sorted by name.
        pub const SUBCOMMANDS: &[Spec] = &[$(Spec {
            name: $text, arity: $arity, flags: &[$($flag,)*], first_key: $first, last_key: $last, key_step: $step,
        },)*];
    };
}

subcommands! {
    "client|caching" 3 ["noscript" "loading" "stale"] 0 0 0;
    "client|getname" 2 ["noscript" "loading" "stale"] 0 0 0;
    "client|getredir" 2 ["noscript" "loading" "stale"] 0 0 0;
    "client|help" 2 ["loading" "stale"] 0 0 0;
    "client|id" 2 ["noscript" "loading" "stale"] 0 0 0;
    "client|info" 2 ["noscript" "loading" "stale"] 0 0 0;
    "client|kill" -3 ["admin" "noscript" "loading" "stale"] 0 0 0;
    "client|list" -2 ["admin" "noscript" "loading" "stale"] 0 0 0;
    "client|no-evict" 3 ["admin" "noscript" "loading" "stale"] 0 0 0;
    "client|no-touch" 3 ["noscript" "loading" "stale"] 0 0 0;
    "client|reply" 3 ["noscript" "loading" "stale"] 0 0 0;
    "client|setinfo" 4 ["noscript" "loading" "stale"] 0 0 0;
    "client|setname" 3 ["noscript" "loading" "stale"] 0 0 0;
    "client|tracking" -3 ["noscript" "loading" "stale"] 0 0 0;
    "client|trackinginfo" 2 ["noscript" "loading" "stale"] 0 0 0;
    "client|unblock" -3 ["admin" "noscript" "loading" "stale"] 0 0 0;
    "command|count" 2 ["loading" "stale"] 0 0 0;
    "command|docs" -2 ["loading" "stale"] 0 0 0;
    "command|getkeys" -4 ["loading" "stale"] 0 0 0;
    "command|getkeysandflags" -4 ["loading" "stale"] 0 0 0;
    "command|help" 2 ["loading" "stale"] 0 0 0;
    "command|info" -2 ["loading" "stale"] 0 0 0;
    "command|list" -2 ["loading" "stale"] 0 0 0;
    "config|get" -3 ["admin" "noscript" "loading" "stale"] 0 0 0;
    "config|help" 2 ["loading" "stale"] 0 0 0;
    "config|resetstat" 2 ["admin" "noscript" "loading" "stale"] 0 0 0;
    "config|rewrite" 2 ["admin" "noscript" "loading" "stale"] 0 0 0;
    "config|set" -4 ["admin" "noscript" "loading" "stale"] 0 0 0;
    "function|flush" -2 ["write" "noscript"] 0 0 0;
    "function|help" 2 ["loading" "stale"] 0 0 0;
    "function|list" -2 ["noscript"] 0 0 0;
    "memory|help" 2 ["loading" "stale"] 0 0 0;
    "memory|usage" -3 ["readonly"] 2 2 1;
    "object|encoding" 3 ["readonly"] 2 2 1;
    "object|freq" 3 ["readonly"] 2 2 1;
    "object|help" 2 ["loading" "stale"] 0 0 0;
    "object|idletime" 3 ["readonly"] 2 2 1;
    "object|refcount" 3 ["readonly"] 2 2 1;
}

impl Command {
    /// Whether it does nothing by itself and has subcommands. `COMMAND` alone does something, and has them too.
    #[inline]
    pub fn is_container(self) -> bool {
        matches!(
            self,
            Self::Client | Self::CommandInfo | Self::Config | Self::Function | Self::Memory | Self::Object
        )
    }

    /// Its subcommand of a name, in any case.
    pub fn subcommand(self, name: &[u8]) -> Option<Subcommand> {
        let wanted =
            |spec: &&Spec| parts(spec).is_some_and(|(_, sub)| name.eq_ignore_ascii_case(sub.as_bytes()));
        let place = self.subcommands().find(|(_, spec)| wanted(spec))?.0;
        Some(Subcommand(place))
    }

    /// Its subcommands and their places in the table.
    pub fn subcommands(self) -> impl Iterator<Item = (u8, &'static Spec)> {
        let own = move |spec: &Spec| parts(spec).is_some_and(|(command, _)| command == self.spec().name);
        (0..).zip(SUBCOMMANDS).filter(move |(_, spec)| own(spec))
    }
}

/// A subcommand: its place in [`SUBCOMMANDS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subcommand(pub u8);

impl Subcommand {
    /// What is known about it.
    pub fn spec(self) -> &'static Spec {
        &SUBCOMMANDS[usize::from(self.0)]
    }

    /// Its name without that of its command, in lower case.
    pub fn name(self) -> &'static str {
        parts(self.spec()).map_or("", |(_, name)| name)
    }
}

fn parts(spec: &Spec) -> Option<(&'static str, &'static str)> {
    spec.name.split_once('|')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::command::COMMANDS;

    #[test]
    fn every_subcommand_is_found_through_its_command() {
        assert!(SUBCOMMANDS.is_sorted_by_key(|spec| spec.name) && SUBCOMMANDS.len() < 128);
        let containers = COMMANDS.iter().filter(|command| command.is_container());
        let found: usize = containers.map(|command| command.subcommands().count()).sum();
        assert_eq!(found, SUBCOMMANDS.len());
        let list = Command::Client.subcommand(b"LiSt").unwrap();
        assert_eq!((list.spec().name, list.name()), ("client|list", "list"));
        assert_eq!(Command::Config.subcommand(b"list"), None);
        assert_eq!(Command::Get.subcommand(b""), None);
    }

    #[test]
    fn names_without_subcommands_are_containers_of_none() {
        for command in COMMANDS {
            assert_eq!(command.is_container(), command.subcommands().count() > 0, "{command:?}");
        }
    }
}
