//! Commands about connections and the server: the replies are those of redis-server, byte for byte, where they tell
//! nothing of the server itself.

mod support;

use adit_wire::resp::client::{ReplyValue, decode_reply};
use adit_wire::resp::command::{COMMANDS, Spec};
use adit_wire::resp::subcommand::SUBCOMMANDS;
use support::redis::RedisServer;
use support::{Raw, Server, text};

/// A line as words; `''` is an empty one, and `~` in a word is a space.
fn words(line: &str) -> Vec<String> {
    line.split(' ').map(|word| if word == "''" { String::new() } else { word.replace('~', " ") }).collect()
}

/// Sends the same lines to both and compares the replies.
fn compare(ours: &mut Raw, theirs: &mut Raw, lines: &str) {
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let words = words(line);
        assert_eq!(ours.ask(&words), theirs.ask(&words), "{line}");
    }
}

#[test]
fn replies_about_connections_are_those_of_redis() {
    for shards in [1, 2] {
        let (server, redis) = (Server::start(shards), RedisServer::start());
        let (mut ours, mut theirs) = (server.connect(), redis.connect());
        compare(&mut ours, &mut theirs, CONNECTION);
        for version in ["2", "3"] {
            ours.ask(&["HELLO", version]);
            theirs.ask(&["HELLO", version]);
            compare(&mut ours, &mut theirs, CLIENT);
        }
        ours.expect("CLIENT GETNAME", "$2|me|");
        compare(&mut ours, &mut theirs, "RESET\nCLIENT GETNAME\nPING");
    }
}

#[test]
fn replies_about_settings_are_those_of_redis() {
    for shards in [1, 2] {
        let (server, redis) = (Server::start(shards), RedisServer::start());
        let (mut ours, mut theirs) = (server.connect(), redis.connect());
        compare(&mut ours, &mut theirs, CONFIG);
        ours.ask(&["HELLO", "3"]);
        theirs.ask(&["HELLO", "3"]);
        compare(&mut ours, &mut theirs, CONFIG);
    }
}

/// What strangers are told before they have said the password, and that a password may be any bytes.
#[test]
fn strangers_are_told_what_redis_tells_them() {
    for shards in [1, 2] {
        let (server, redis) = (Server::start(shards), RedisServer::start());
        let set = ["CONFIG", "SET", "requirepass", "pass\0word\u{e4}"];
        let (mut old_ours, mut old_theirs) = (server.connect(), redis.connect());
        assert_eq!(old_ours.ask(&set), old_theirs.ask(&set));
        // Who was there before goes on.
        compare(&mut old_ours, &mut old_theirs, "PING\nAUTH wrong\nPING");
        for line in STRANGERS.lines().map(str::trim).filter(|line| !line.is_empty()) {
            compare(&mut server.connect(), &mut redis.connect(), line);
        }
        let (mut ours, mut theirs) = (server.connect(), redis.connect());
        for words in [
            &["AUTH", "pass"][..],
            &["GET", "k"],
            &["AUTH", "default", "pass\0word\u{e4}"],
            &["GET", "k"],
            &["RESET"],
            &["GET", "k"],
            &["AUTH", "pass\0word\u{e4}"],
            &["CONFIG", "SET", "requirepass", ""],
            &["RESET"],
            &["GET", "k"],
            &["AUTH", "x"],
        ] {
            assert_eq!(ours.ask(words), theirs.ask(words), "{words:?}");
        }
    }
}

/// `CLIENT REPLY`: which replies come, told by the replies that do.
#[test]
fn silence_is_that_of_redis() {
    for shards in [1, 2] {
        let (server, redis) = (Server::start(shards), RedisServer::start());
        for lines in [
            "CLIENT REPLY ON\nPING 1",
            "CLIENT REPLY SKIP\nPING 1\nPING 2\nPING 3",
            "CLIENT REPLY SKIP\nCLIENT REPLY SKIP\nPING 1\nPING 2",
            "CLIENT REPLY SKIP\nCLIENT REPLY ON\nPING 2",
            "CLIENT REPLY OFF\nPING 1\nPING 2\nCLIENT REPLY ON\nPING 3",
            "CLIENT REPLY OFF\nCLIENT REPLY SKIP\nPING 1\nPING 2\nCLIENT REPLY ON\nPING 3",
            "CLIENT REPLY OFF\nPING 1\nRESET\nPING 3",
            "CLIENT REPLY SKIP\nMGET a b c d e f\nMGET a b\nPING 3",
            "CLIENT REPLY SKIP\nGET a\nGET b\nGET c\nPING 3",
            "CLIENT REPLY SKIP\nSET a 1\nGET a\nPING 3",
            "SET k v\nCLIENT REPLY OFF\nGET k\nGET a\nNOSUCH\nGET\nCLIENT REPLY ON\nGET k\nPING 3",
            "CLIENT REPLY SKIP\nNOSUCH\nPING 3",
            "CLIENT REPLY SKIP\nKEYS *\nPING 3",
            "CLIENT REPLY SKIP\nCLIENT LIST TYPE master\nCLIENT LIST TYPE master\nPING 3",
            "CLIENT REPLY OFF\nDBSIZE\nCONFIG SET timeout 0\nCLIENT REPLY ON\nPING 3",
        ] {
            // At once and one by one.
            for at_once in [true, false] {
                let (mut ours, mut theirs) = (server.connect(), redis.connect());
                let requests: Vec<Vec<u8>> =
                    lines.lines().map(|line| support::raw::request(&words(line))).collect();
                for connection in [&mut ours, &mut theirs] {
                    if at_once {
                        connection.write(&requests.concat());
                    } else {
                        requests.iter().for_each(|request| connection.write(request));
                    }
                    // Redis sends nothing any more to who said QUIT in silence: the end of the stream is ours.
                    connection.write(b"*2\r\n$4\r\nECHO\r\n$4\r\nlast\r\n");
                }
                let until_last = |connection: &mut Raw| {
                    let mut replies = Vec::new();
                    while !replies.ends_with(b"$4\r\nlast\r\n") {
                        replies.extend(connection.reply());
                    }
                    text(&replies)
                };
                assert_eq!(until_last(&mut ours), until_last(&mut theirs), "{lines}");
            }
        }
    }
}

/// Every fact about every command, but sentences and what is of later versions than the redis-server here.
#[test]
fn command_info_is_that_of_redis() {
    let (server, redis) = (Server::start(1), RedisServer::start());
    let (mut ours, mut theirs) = (server.connect(), redis.connect());
    for version in ["2", "3"] {
        ours.ask(&["HELLO", version]);
        theirs.ask(&["HELLO", version]);
        for spec in specs() {
            let request = ["COMMAND", "INFO", spec.name];
            let (ours, theirs) = (decoded(&ours.call(&request)), decoded(&theirs.call(&request)));
            assert_eq!(facts(&ours), facts(&theirs), "{}", spec.name);
        }
        compare(&mut ours, &mut theirs, COMMAND);
    }
    let all = elements(decoded(&ours.call(&["COMMAND"])));
    assert_eq!(all.len(), COMMANDS.len());
    assert_eq!(elements(decoded(&ours.call(&["COMMAND", "LIST"]))).len(), COMMANDS.len());
    let docs = elements(decoded(&ours.call(&["COMMAND", "DOCS"])));
    assert_eq!(docs.len(), 2 * COMMANDS.len());
    for spec in specs() {
        let request = ["COMMAND", "DOCS", spec.name];
        let (ours, theirs) = (decoded(&ours.call(&request)), decoded(&theirs.call(&request)));
        for field in ["since", "group"] {
            assert_eq!(doc_field(&ours, field), doc_field(&theirs, field), "{} of {}", field, spec.name);
        }
    }
}

/// The keys of every command, with different numbers of arguments.
#[test]
fn command_keys_are_those_of_redis() {
    let (server, redis) = (Server::start(1), RedisServer::start());
    let (mut ours, mut theirs) = (server.connect(), redis.connect());
    for spec in specs() {
        let parts: Vec<&str> = spec.name.split('|').collect();
        let least = usize::from(spec.arity.unsigned_abs()) - parts.len();
        for more in 0..4 {
            let arguments = (0..least + more).map(|number| format!("a{number}"));
            let words: Vec<String> = parts.iter().map(|part| (*part).to_owned()).chain(arguments).collect();
            for subcommand in ["GETKEYS", "GETKEYSANDFLAGS"] {
                let mut request = vec!["COMMAND".to_owned(), subcommand.to_owned()];
                request.extend(words.iter().cloned());
                assert_eq!(ours.ask(&request), theirs.ask(&request), "{request:?}");
            }
        }
    }
}

/// All commands and subcommands that the redis-server here has too.
fn specs() -> impl Iterator<Item = Spec> {
    let all = COMMANDS.iter().map(|command| *command.spec()).chain(SUBCOMMANDS.iter().copied());
    all.filter(|spec| !LATER.contains(&spec.name))
}

fn decoded(bytes: &[u8]) -> ReplyValue {
    decode_reply(bytes).expect("it is RESP").expect("it is whole").0
}

/// The elements of an array, a set or a map.
fn elements(value: ReplyValue) -> Vec<ReplyValue> {
    match value {
        ReplyValue::Array(Some(values)) | ReplyValue::Set(values) => values,
        ReplyValue::Map(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
        other => panic!("{other:?} has no elements"),
    }
}

fn is_text(value: &ReplyValue, wanted: &str) -> bool {
    matches!(value, ReplyValue::Bulk(Some(bytes)) if bytes == wanted.as_bytes())
}

/// One entry of COMMAND INFO in an order of its own: without notes, and of the subcommands only those of our table.
fn facts(entry: &ReplyValue) -> String {
    let is_notes = |pair: &[ReplyValue]| is_text(&pair[0], "notes");
    match entry {
        ReplyValue::Array(Some(fields)) if fields.len() == 10 => {
            let mut told: Vec<String> = fields[..9].iter().map(facts).collect();
            let ours = |entry: &&ReplyValue| match entry {
                ReplyValue::Array(Some(fields)) => SUBCOMMANDS
                    .iter()
                    .any(|spec| is_text(&fields[0], spec.name) && !LATER.contains(&spec.name)),
                _ => false,
            };
            let subcommands = elements(fields[9].clone());
            let mut subcommands: Vec<String> = subcommands.iter().filter(ours).map(facts).collect();
            subcommands.sort();
            told.push(subcommands.join("\n"));
            told.join("\n")
        }
        ReplyValue::Array(Some(fields)) if fields.len() >= 2 && fields.chunks(2).any(is_notes) => {
            let kept: Vec<String> =
                fields.chunks(2).filter(|pair| !is_notes(pair)).flatten().map(facts).collect();
            format!("[{}]", kept.join(" "))
        }
        ReplyValue::Map(pairs) => {
            let kept = pairs.iter().filter(|(key, _)| !is_text(key, "notes"));
            let kept: Vec<String> =
                kept.map(|(key, value)| format!("{} {}", facts(key), facts(value))).collect();
            format!("[{}]", kept.join(" "))
        }
        ReplyValue::Array(Some(values)) | ReplyValue::Set(values) => {
            format!("[{}]", values.iter().map(facts).collect::<Vec<_>>().join(" "))
        }
        other => format!("{other:?}"),
    }
}

/// A field of the only entry of COMMAND DOCS.
fn doc_field(docs: &ReplyValue, name: &str) -> ReplyValue {
    let fields = elements(elements(docs.clone()).swap_remove(1));
    let place = fields.iter().position(|field| is_text(field, name));
    fields[place.expect("the field is there") + 1].clone()
}

/// Subcommands that came after 7.0.
const LATER: [&str; 2] = ["client|no-touch", "client|setinfo"];

const CONNECTION: &str = "
    PING
    PING a
    PING a b
    ECHO a
    ECHO
    SELECT 3
    SELECT 16
    SELECT -1
    SELECT x
    SELECT
    AUTH x
    AUTH default x
    AUTH other x
    AUTH
    AUTH a b c
    HELLO x
    HELLO 1
    HELLO 4
    HELLO 3 NOPE
    HELLO 3 AUTH x
    HELLO 3 AUTH other x
    HELLO 3 SETNAME
    HELLO 2 SETNAME a~b
    HELLO 2 SETNAME a AUTH other x
    CLIENT GETNAME
    RESET
    RESET x
    CLIENT GETNAME
    TIME x
    NOSUCH
    NOSUCH a b c
    GET
    GET a b
    DEBUG SLEEP 0
    DEBUG
";

const CLIENT: &str = "
    CLIENT
    CLIENT nosuch
    CLIENT nosuch a b
    CLIENT ID x
    CLIENT INFO x
    CLIENT GETNAME
    CLIENT GETNAME x
    CLIENT SETNAME
    CLIENT SETNAME a~b
    CLIENT SETNAME ''
    CLIENT GETNAME
    CLIENT SETNAME you
    CLIENT SETNAME me
    CLIENT GETNAME
    CLIENT LIST x
    CLIENT LIST TYPE
    CLIENT LIST TYPE odd
    CLIENT LIST TYPE master
    CLIENT LIST TYPE replica
    CLIENT LIST TYPE slave
    CLIENT LIST TYPE pubsub
    CLIENT LIST TYPE normal ID 3
    CLIENT LIST ID
    CLIENT LIST ID x
    CLIENT LIST ID 999999 -1 888888
    CLIENT KILL
    CLIENT KILL 1.2.3.4:5
    CLIENT KILL ID
    CLIENT KILL ID 999999
    CLIENT KILL ID 0
    CLIENT KILL ID -1
    CLIENT KILL ID x
    CLIENT KILL ID 999999 ID 888888
    CLIENT KILL ADDR 1.2.3.4:5
    CLIENT KILL LADDR 1.2.3.4:5 TYPE normal
    CLIENT KILL TYPE odd
    CLIENT KILL TYPE pubsub
    CLIENT KILL TYPE master
    CLIENT KILL TYPE normal
    CLIENT KILL USER nobody
    CLIENT KILL USER default
    CLIENT KILL SKIPME maybe
    CLIENT KILL SKIPME yes
    CLIENT KILL SKIPME
    CLIENT KILL ID 999999 SKIPME
    CLIENT KILL odd 1
    CLIENT REPLY
    CLIENT REPLY odd
    CLIENT REPLY ON
    CLIENT REPLY ON x
    CLIENT NO-EVICT
    CLIENT NO-EVICT on
    CLIENT NO-EVICT OFF
    CLIENT NO-EVICT maybe
    CLIENT UNBLOCK
    CLIENT UNBLOCK 999999
    CLIENT UNBLOCK 999999 TIMEOUT
    CLIENT UNBLOCK 999999 error
    CLIENT UNBLOCK 999999 odd
    CLIENT UNBLOCK x
    CLIENT UNBLOCK x odd
    CLIENT UNBLOCK 999999 error x
    CLIENT GETREDIR
    CLIENT TRACKINGINFO
    CLIENT TRACKING
    CLIENT TRACKING OFF
    CLIENT TRACKING odd
    CLIENT CACHING YES
    CLIENT CACHING odd
    CLIENT CACHING
    CLIENT HELP x
";

const CONFIG: &str = "
    CONFIG
    CONFIG nosuch
    CONFIG GET
    CONFIG SET
    CONFIG SET timeout
    CONFIG SET timeout 1 maxclients
    CONFIG SET nosuch 1
    CONFIG SET NoSuch 1 timeout 3
    CONFIG SET timeout 3 NoSuch 1
    CONFIG SET timeout x
    CONFIG SET Timeout x
    CONFIG SET timeout -1
    CONFIG SET timeout 3000000000
    CONFIG SET databases 4
    CONFIG SET databases 4 nosuch 1
    CONFIG SET timeout x databases 4
    CONFIG SET timeout 1 timeout 1 databases 4
    CONFIG SET databases 4 timeout 1 timeout 1
    CONFIG SET timeout x nosuch 1
    CONFIG SET timeout 9 maxclients x
    CONFIG GET timeout
    CONFIG SET timeout 100 maxclients 5000
    CONFIG GET timeout
    CONFIG GET TimeOut
    CONFIG GET timeout TIMEOUT
    CONFIG GET time* timeout
    CONFIG GET timeou?
    CONFIG GET nosuch
    CONFIG GET databases
    CONFIG GET maxclients
    CONFIG SET timeout 0 maxclients 10000
    CONFIG SET maxclients 0
    CONFIG SET maxclients x
    CONFIG SET maxclients 5000000000
    CONFIG SET maxmemory bla
    CONFIG SET maxmemory -1
    CONFIG SET maxmemory 1mb maxmemory 2mb
    CONFIG SET save ''
    CONFIG GET save
    CONFIG SET appendonly no
    CONFIG GET appendonly
    CONFIG SET proto-max-bulk-len 10
    CONFIG SET proto-max-bulk-len 2mb
    CONFIG GET proto-max-bulk-len
    CONFIG SET proto-max-bulk-len 512mb
    CONFIG SET client-query-buffer-limit 10
    CONFIG SET client-query-buffer-limit 2gb
    CONFIG GET client-query-buffer-limit
    CONFIG SET client-query-buffer-limit 1073741824
    CONFIG GET client-output-buffer-limit
    CONFIG SET client-output-buffer-limit normal~1~2
    CONFIG SET client-output-buffer-limit odd~1~2~3
    CONFIG SET client-output-buffer-limit normal~x~2~3
    CONFIG SET client-output-buffer-limit normal~1mb~512kb~3
    CONFIG GET client-output-buffer-limit
    CONFIG SET client-output-buffer-limit slave~1mb~1k~3~normal~0~0~0
    CONFIG GET client-output-buffer-limit
    CONFIG SET client-output-buffer-limit replica~256mb~64mb~60
    CONFIG SET client-output-buffer-limit ''
    CONFIG GET client-output-*
    CONFIG RESETSTAT
    CONFIG RESETSTAT x
    CONFIG REWRITE
    CONFIG REWRITE x
    CONFIG HELP x
    FUNCTION
    FUNCTION nosuch
    FUNCTION FLUSH
    FUNCTION FLUSH async
    FUNCTION FLUSH odd
    FUNCTION FLUSH async x
    FUNCTION LIST
    FUNCTION LIST WITHCODE
    FUNCTION LIST WITHCODE WITHCODE
    FUNCTION LIST LIBRARYNAME
    FUNCTION LIST LIBRARYNAME x withcode
    FUNCTION LIST odd
    INFO nosuch
    INFO sentinel nosuch
    INFO cluster
    INFO modules
";

const STRANGERS: &str = "
    NOSUCH
    NOSUCH a b
    GET
    GET k
    CLIENT
    CLIENT nosuch
    CLIENT ID
    CONFIG GET
    CONFIG GET x
    HELLO
    HELLO 3
    HELLO 9
    HELLO x
    HELLO 3 SETNAME a~b
    HELLO 3 AUTH default wrong
    HELLO 3 AUTH default wrong odd
    HELLO 2 odd
    RESET
    RESET x
    PING
    AUTH wrong
    AUTH nobody wrong
    AUTH
    AUTH a b c
    COMMAND
    EXPIRE k x
    SET k v odd
    QUIT
    QUIT x y
";

const COMMAND: &str = "
    COMMAND nosuch
    COMMAND COUNT x
    COMMAND LIST x
    COMMAND LIST FILTERBY
    COMMAND LIST FILTERBY odd x
    COMMAND LIST odd ACLCAT x
    COMMAND LIST FILTERBY ACLCAT nosuch
    COMMAND LIST FILTERBY MODULE nosuch
    COMMAND LIST FILTERBY PATTERN GET
    COMMAND LIST FILTERBY PATTERN nosuch*
    COMMAND INFO nosuch
    COMMAND INFO client|nosuch nosuch|list
    COMMAND DOCS nosuch
    COMMAND GETKEYS
    COMMAND GETKEYS GET
    COMMAND GETKEYS GET a
    COMMAND GETKEYS GET a b
    COMMAND GETKEYS PING
    COMMAND GETKEYS PING a b
    COMMAND GETKEYS NOSUCH a
    COMMAND GETKEYS CONFIG nosuch a
    COMMAND GETKEYS CONFIG GET a
    COMMAND GETKEYS SET a b GET
    COMMAND GETKEYSANDFLAGS SET a b
    COMMAND GETKEYSANDFLAGS SET a b get EX 10
    COMMAND GETKEYSANDFLAGS SET get get EX 10
    COMMAND HELP x
";
