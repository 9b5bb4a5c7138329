//! What `COMMAND` tells of commands beyond the table: groups, categories, how keys are used, summaries.

/// What is told of a command or a subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doc {
    /// The name, as in the tables of commands and subcommands.
    pub name: &'static str,
    /// The group that Redis puts it in.
    pub group: &'static str,
    /// The version of Redis that had it first.
    pub since: &'static str,
    /// Its categories, without the `@`, in Redis's order.
    categories: &'static str,
    /// How its keys are used. With a `/` the first key is used in the first way and the second in the other.
    key_uses: &'static str,
    /// Hints for clients that spread commands over several servers.
    tips: &'static str,
    /// What it does.
    pub summary: &'static str,
}

impl Doc {
    /// What is told of a command or a subcommand.
    pub fn of(name: &str) -> Option<&'static Self> {
        DOCS.binary_search_by(|doc| doc.name.cmp(name)).ok().and_then(|place| DOCS.get(place))
    }

    /// Its categories, without the `@`.
    pub fn categories(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.categories.split_ascii_whitespace()
    }

    /// Hints for clients that spread commands over several servers.
    pub fn tips(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.tips.split_ascii_whitespace()
    }

    /// The ways in which its keys are used: one for all of them, or one for each.
    pub fn key_uses(&self) -> impl Iterator<Item = &'static str> + Clone {
        self.key_uses.split('/').filter(|uses| !uses.is_empty())
    }
}

macro_rules! docs {
    ($($name:literal $group:literal $since:literal $categories:literal $uses:literal $tips:literal $text:literal;)*) => {
        const DOCS: &[Doc] = &[$(Doc {
            name: $name, group: $group, since: $since, categories: $categories, key_uses: $uses, tips: $tips,
            summary: $text,
        },)*];
    };
}

docs! {
    "append" "string" "2.0.0" "write string fast" "RW insert" ""
        "Adds at the end of a value; makes the key if there is none";
    "auth" "connection" "1.0.0" "fast connection" "" ""
        "Says the password";
    "client" "connection" "2.4.0" "slow" "" ""
        "Commands about connections";
    "client|caching" "connection" "6.0.0" "slow connection" "" ""
        "Tracks the keys of the next command or not";
    "client|getname" "connection" "2.6.9" "slow connection" "" ""
        "The name of this connection";
    "client|getredir" "connection" "6.0.0" "slow connection" "" ""
        "The connection that is told of changed keys";
    "client|help" "connection" "5.0.0" "slow connection" "" ""
        "Lists the subcommands";
    "client|id" "connection" "5.0.0" "slow connection" "" ""
        "The number of this connection";
    "client|info" "connection" "6.2.0" "slow connection" "" "nondeterministic_output"
        "Tells about this connection";
    "client|kill" "connection" "2.4.0" "admin slow dangerous connection" "" ""
        "Closes connections";
    "client|list" "connection" "2.4.0" "admin slow dangerous connection" "" "nondeterministic_output"
        "Tells about connections";
    "client|no-evict" "connection" "7.0.0" "admin slow dangerous connection" "" ""
        "Whether this connection may be closed to free memory";
    "client|no-touch" "connection" "7.2.0" "slow connection" "" ""
        "Whether look-ups of this connection count as uses of a key";
    "client|reply" "connection" "3.2.0" "slow connection" "" ""
        "Which replies are sent to this connection";
    "client|setinfo" "connection" "7.2.0" "slow connection" "" ""
        "Names the library of this connection";
    "client|setname" "connection" "2.6.9" "slow connection" "" ""
        "Names this connection";
    "client|tracking" "connection" "6.0.0" "slow connection" "" ""
        "Tells this connection of changed keys or not";
    "client|trackinginfo" "connection" "6.2.0" "slow connection" "" ""
        "Which changed keys this connection is told of";
    "client|unblock" "connection" "5.0.0" "admin slow dangerous connection" "" ""
        "Ends the waiting of a connection";
    "command" "server" "2.8.13" "slow connection" "" "nondeterministic_output_order"
        "Tells about all commands";
    "command|count" "server" "2.8.13" "slow connection" "" ""
        "The number of commands";
    "command|docs" "server" "7.0.0" "slow connection" "" "nondeterministic_output_order"
        "Summaries of commands";
    "command|getkeys" "server" "2.8.13" "slow connection" "" ""
        "The keys in a command with its arguments";
    "command|getkeysandflags" "server" "7.0.0" "slow connection" "" ""
        "The keys in a command with its arguments, and how they are used";
    "command|help" "server" "5.0.0" "slow connection" "" ""
        "Lists the subcommands";
    "command|info" "server" "2.8.13" "slow connection" "" "nondeterministic_output_order"
        "Tells about some commands";
    "command|list" "server" "7.0.0" "slow connection" "" "nondeterministic_output_order"
        "The names of commands";
    "config" "server" "2.0.0" "slow" "" ""
        "Commands about settings";
    "config|get" "server" "2.0.0" "admin slow dangerous" "" ""
        "The values of settings";
    "config|help" "server" "5.0.0" "slow" "" ""
        "Lists the subcommands";
    "config|resetstat" "server" "2.0.0" "admin slow dangerous" "" ""
        "Counts from 0 again what INFO counts";
    "config|rewrite" "server" "2.8.0" "admin slow dangerous" "" ""
        "Writes the settings to their file";
    "config|set" "server" "2.0.0" "admin slow dangerous" ""
        "request_policy:all_nodes response_policy:all_succeeded"
        "Changes settings";
    "copy" "generic" "6.2.0" "keyspace write slow" "RO access/OW update" ""
        "Copies a value to another key";
    "dbsize" "server" "1.0.0" "keyspace read fast" "" "request_policy:all_shards response_policy:agg_sum"
        "The number of keys";
    "debug" "server" "1.0.0" "admin slow dangerous" "" ""
        "For tests of the server";
    "decr" "string" "1.0.0" "write string fast" "RW access update" ""
        "Takes 1 from the number that a value is";
    "decrby" "string" "1.0.0" "write string fast" "RW access update" ""
        "Takes a number from the number that a value is";
    "del" "generic" "1.0.0" "keyspace write slow" "RM delete"
        "request_policy:multi_shard response_policy:agg_sum"
        "Removes keys";
    "discard" "transactions" "2.0.0" "fast transaction" "" ""
        "Forgets what MULTI has gathered";
    "echo" "connection" "1.0.0" "fast connection" "" ""
        "Answers its argument";
    "exec" "transactions" "1.2.0" "slow transaction" "" ""
        "Runs what MULTI has gathered";
    "exists" "generic" "1.0.0" "keyspace read fast" "RO" "request_policy:multi_shard response_policy:agg_sum"
        "How many of the keys exist";
    "expire" "generic" "1.0.0" "keyspace write fast" "RW update" ""
        "Lets a key expire in some seconds";
    "expireat" "generic" "1.2.0" "keyspace write fast" "RW update" ""
        "Lets a key expire at a time in seconds";
    "expiretime" "generic" "7.0.0" "keyspace read fast" "RO access" ""
        "When a key expires, in seconds";
    "flushall" "server" "1.0.0" "keyspace write slow dangerous" ""
        "request_policy:all_shards response_policy:all_succeeded"
        "Removes the keys of all buckets";
    "flushdb" "server" "1.0.0" "keyspace write slow dangerous" ""
        "request_policy:all_shards response_policy:all_succeeded"
        "Removes the keys of this bucket";
    "function" "scripting" "7.0.0" "slow" "" "" "Commands about functions";
    "function|flush" "scripting" "7.0.0" "write slow scripting" ""
        "request_policy:all_shards response_policy:all_succeeded"
        "Removes all functions";
    "function|help" "scripting" "7.0.0" "slow scripting" "" "" "Lists the subcommands";
    "function|list" "scripting" "7.0.0" "slow scripting" "" "nondeterministic_output_order" "Tells about functions";
    "get" "string" "1.0.0" "read string fast" "RO access" ""
        "The value of a key";
    "getdel" "string" "6.2.0" "write string fast" "RW access delete" ""
        "The value of a key, which is removed";
    "getex" "string" "6.2.0" "write string fast" "RW access update" ""
        "The value of a key, whose expiry is changed";
    "getrange" "string" "2.4.0" "read string slow" "RO access" ""
        "A part of a value";
    "getset" "string" "1.0.0" "write string fast" "RW access update" ""
        "The value of a key, which gets a new one";
    "hello" "connection" "6.0.0" "fast connection" "" ""
        "Chooses the protocol";
    "incr" "string" "1.0.0" "write string fast" "RW access update" ""
        "Adds 1 to the number that a value is";
    "incrby" "string" "1.0.0" "write string fast" "RW access update" ""
        "Adds a number to the number that a value is";
    "incrbyfloat" "string" "2.6.0" "write string fast" "RW access update" ""
        "Adds a decimal fraction to the number that a value is";
    "info" "server" "1.0.0" "slow dangerous" ""
        "nondeterministic_output request_policy:all_shards response_policy:special"
        "Tells about the server";
    "keys" "generic" "1.0.0" "keyspace read slow dangerous" ""
        "request_policy:all_shards nondeterministic_output_order"
        "The keys that match a pattern";
    "lcs" "string" "7.0.0" "read string slow" "RO access" ""
        "The longest common subsequence of two values";
    "memory" "server" "4.0.0" "slow" "" ""
        "Commands about memory";
    "memory|help" "server" "4.0.0" "slow" "" ""
        "Lists the subcommands";
    "memory|usage" "server" "4.0.0" "read slow" "RO" ""
        "The bytes that a key and its value take";
    "mget" "string" "1.0.0" "read string fast" "RO access" "request_policy:multi_shard"
        "The values of keys";
    "move" "generic" "1.0.0" "keyspace write fast" "RW access update" ""
        "Moves a key to another bucket";
    "mset" "string" "1.0.1" "write string slow" "OW update"
        "request_policy:multi_shard response_policy:all_succeeded"
        "Writes the values of keys";
    "msetnx" "string" "1.0.1" "write string slow" "OW insert"
        "request_policy:multi_shard response_policy:agg_min"
        "Writes the values of keys if none of them exists";
    "multi" "transactions" "1.2.0" "fast transaction" "" ""
        "Gathers the commands that follow, until EXEC";
    "object" "generic" "2.2.3" "slow" "" ""
        "Commands about the inside of values";
    "object|encoding" "generic" "2.2.3" "keyspace read slow" "RO" "nondeterministic_output"
        "How a value lies in memory";
    "object|freq" "generic" "4.0.0" "keyspace read slow" "RO" "nondeterministic_output"
        "How often a key was used";
    "object|help" "generic" "6.2.0" "keyspace slow" "" ""
        "Lists the subcommands";
    "object|idletime" "generic" "2.2.3" "keyspace read slow" "RO" "nondeterministic_output"
        "How long a key was not used";
    "object|refcount" "generic" "2.2.3" "keyspace read slow" "RO" "nondeterministic_output"
        "How many hold a value";
    "persist" "generic" "2.2.0" "keyspace write fast" "RW update" ""
        "Takes the expiry from a key";
    "pexpire" "generic" "2.6.0" "keyspace write fast" "RW update" ""
        "Lets a key expire in some milliseconds";
    "pexpireat" "generic" "2.6.0" "keyspace write fast" "RW update" ""
        "Lets a key expire at a time in milliseconds";
    "pexpiretime" "generic" "7.0.0" "keyspace read fast" "RO access" ""
        "When a key expires, in milliseconds";
    "ping" "connection" "1.0.0" "fast connection" "" "request_policy:all_shards response_policy:all_succeeded"
        "Answers PONG, or its argument";
    "psetex" "string" "2.6.0" "write string slow" "OW update" ""
        "Writes a value that expires in some milliseconds";
    "pttl" "generic" "2.6.0" "keyspace read fast" "RO access" "nondeterministic_output"
        "The milliseconds until a key expires";
    "quit" "connection" "1.0.0" "fast connection" "" ""
        "Closes the connection";
    "randomkey" "generic" "1.0.0" "keyspace read slow" "" "request_policy:all_shards nondeterministic_output"
        "Any key";
    "rename" "generic" "1.0.0" "keyspace write slow" "RW access delete/OW update" ""
        "Gives a value another key";
    "renamenx" "generic" "1.0.0" "keyspace write fast" "RW access delete/OW insert" ""
        "Gives a value another key if that does not exist";
    "reset" "connection" "6.2.0" "fast connection" "" ""
        "Makes a connection like a new one";
    "scan" "generic" "2.8.0" "keyspace read slow" "" "nondeterministic_output request_policy:special"
        "Goes through the keys, some at a time";
    "select" "connection" "1.0.0" "fast connection" "" ""
        "Chooses the bucket";
    "set" "string" "1.0.0" "write string slow" "RW access update variable_flags" ""
        "Writes the value of a key";
    "setex" "string" "2.0.0" "write string slow" "OW update" ""
        "Writes a value that expires in some seconds";
    "setnx" "string" "1.0.0" "write string fast" "OW insert" ""
        "Writes the value of a key that does not exist";
    "setrange" "string" "2.2.0" "write string slow" "RW update" ""
        "Writes over a part of a value";
    "strlen" "string" "2.2.0" "read string fast" "RO" ""
        "The length of a value";
    "substr" "string" "1.0.0" "read string slow" "RO access" ""
        "A part of a value, as GETRANGE";
    "time" "server" "2.6.0" "fast" "" "nondeterministic_output"
        "The time of the server";
    "touch" "generic" "3.2.1" "keyspace read fast" "RO" "request_policy:multi_shard response_policy:agg_sum"
        "Counts keys that exist, as used now";
    "ttl" "generic" "1.0.0" "keyspace read fast" "RO access" "nondeterministic_output"
        "The seconds until a key expires";
    "type" "generic" "1.0.0" "keyspace read fast" "RO" ""
        "The type of a value";
    "unlink" "generic" "4.0.0" "keyspace write fast" "RM delete"
        "request_policy:multi_shard response_policy:agg_sum"
        "Removes keys";
    "unwatch" "transactions" "2.2.0" "fast transaction" "" ""
        "Forgets the keys that WATCH has named";
    "watch" "transactions" "2.2.0" "fast transaction" "RO" ""
        "Lets EXEC fail if a key changes";
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resp::command::{COMMANDS, Command};
    use crate::resp::subcommand::SUBCOMMANDS;

    #[test]
    fn every_command_and_subcommand_is_described() {
        assert!(DOCS.is_sorted_by_key(|doc| doc.name));
        for spec in COMMANDS.iter().map(|command| command.spec()).chain(SUBCOMMANDS) {
            let doc = Doc::of(spec.name).unwrap_or_else(|| panic!("{} is not described", spec.name));
            assert!(doc.summary.len() > 4 && doc.since.split('.').count() == 3, "{doc:?}");
            let speed = if spec.flags.contains(&"fast") { "fast" } else { "slow" };
            assert!(doc.categories().any(|category| category == speed), "{doc:?}");
            for (flag, category) in [("write", "write"), ("readonly", "read"), ("admin", "admin")] {
                if spec.flags.contains(&flag) {
                    assert!(doc.categories().any(|given| given == category), "{doc:?}");
                }
            }
            assert_eq!(doc.key_uses().next().is_some(), spec.first_key > 0, "{doc:?}");
        }
        assert_eq!(Doc::of("nosuch"), None);
        assert_eq!(DOCS.len(), COMMANDS.len() + SUBCOMMANDS.len(), "what is described is there");
    }

    #[test]
    fn keys_are_used_in_one_way_or_each_in_its_own() {
        assert_eq!(Doc::of("get").unwrap().key_uses().collect::<Vec<_>>(), ["RO access"]);
        assert_eq!(Doc::of("ping").unwrap().key_uses().count(), 0);
        assert_eq!(Doc::of(Command::Mget.spec().name).unwrap().tips().count(), 1);
    }
}
