//! Sessions with redis-cli: every command of the table, over TCP and the Unix socket, in RESP 2 and 3. The expected
//! texts are those of Redis 7.0; a redis-server is asked the same, so that they are not only what we believe.

mod support;

use adit_wire::resp::command::COMMANDS;
use support::Server;
use support::raw::info_number_of;
use support::redis::{RedisServer, cli_session, cli_text};

/// Runs a transcript in one session; every line must print what it should.
fn check(flags: &[&str], transcript: &[(&str, &str)]) {
    let lines: Vec<&str> = transcript.iter().map(|(line, _)| *line).collect();
    for ((line, expected), printed) in transcript.iter().zip(cli_session(flags, &lines)) {
        assert_eq!(&printed, expected, "redis-cli {flags:?}: {line}");
    }
}

/// Runs a transcript on a server over each of its sockets, in each protocol.
fn check_everywhere(server: &Server, transcript: &[(&str, &str)]) {
    let (port, unix) = (server.port.to_string(), server.unix.display().to_string());
    for socket in [["-p", &port], ["-s", &unix]] {
        for protocol in ["-2", "-3"] {
            check(&[socket[0], socket[1], protocol], &[("FLUSHALL", "OK")]);
            check(&[socket[0], socket[1], protocol], transcript);
        }
    }
}

#[test]
fn the_transcripts_are_what_redis_prints() {
    let redis = RedisServer::start();
    let port = redis.port.to_string();
    for protocol in ["-2", "-3"] {
        for transcript in [STRINGS, COUNTERS, EXPIRY, KEYS, ERRORS, CONNECTION] {
            check(&["-p", &port, protocol], &[("FLUSHALL", "OK")]);
            check(&["-p", &port, protocol], transcript);
        }
    }
}

fn transcripts(shards: u16) {
    let mut server = Server::start(shards);
    for transcript in [STRINGS, COUNTERS, EXPIRY, KEYS, ERRORS, CONNECTION] {
        check_everywhere(&server, transcript);
    }
    server.assert_alive("after the transcripts");
}

#[test]
fn redis_cli_prints_the_same_with_one_shard() {
    transcripts(1);
}

#[test]
fn redis_cli_prints_the_same_with_two_shards() {
    transcripts(2);
}

#[test]
fn hello_info_command_and_config_are_understood() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let port = server.port.to_string();
        let lines =
            ["HELLO 3", "INFO server", "INFO nosuchsection", "COMMAND COUNT", "CONFIG GET databases", "INFO"];
        let replies = cli_session(&["-p", &port], &lines);
        assert!(replies[0].contains("\"proto\" => (integer) 3"), "{}", replies[0]);
        assert!(replies[0].contains("\"role\" => \"master\""), "{}", replies[0]);
        assert!(
            replies[1].starts_with("# Server") && replies[1].contains("redis_version:7.0"),
            "{}",
            replies[1]
        );
        assert!(replies[1].contains(&format!("tcp_port:{port}")) && !replies[1].contains("# Clients"));
        assert!(replies[2].is_empty(), "{}", replies[2]);
        assert_eq!(replies[3], format!("(integer) {}", COMMANDS.len()));
        assert_eq!(replies[4], "1# \"databases\" => \"16\"");
        assert!(replies[5].contains(&format!("shards:{shards}")), "{}", replies[5]);
        let two =
            cli_session(&["-p", &port, "-2"], &["CONFIG GET max*s", "HELLO", "COMMAND INFO get nosuch"]);
        assert_eq!(two[0], "1) \"maxclients\"\n2) \"10000\"");
        assert!(two[1].contains("\"proto\"\n 6) (integer) 2"), "{}", two[1]);
        assert!(two[2].contains("1) \"get\"") && two[2].ends_with("2) (nil)"), "{}", two[2]);
    }
}

#[test]
fn a_password_is_asked_for() {
    for shards in [1, 2] {
        let server = Server::start_with(shards, &[], &[("ADIT_PASSWORD", "correct horse")]);
        let port = server.port.to_string();
        let lines: Vec<&str> = AUTH.iter().map(|(line, _)| *line).collect();
        let expected: String = AUTH.iter().map(|(_, expected)| format!("{expected}\n")).collect();
        assert_eq!(cli_text(&["-p", &port], &lines), expected);
        check(&["-p", &port, "-a", "correct horse", "--no-auth-warning"], &[("GET none", "(nil)")]);
        let mut connection = server.connect();
        connection.expect("INFO", "-NOAUTH Authentication required.|");
        let hello = connection.ask(&["HELLO", "3", "AUTH", "default", "correct horse", "SETNAME", "me"]);
        assert!(hello.starts_with("%7\r\n"), "{hello}");
        connection.expect("CLIENT GETNAME", "$2|me|");
        assert!(info_number_of(&mut connection, "connected_clients") >= 1);
    }
}

#[test]
fn redis_cli_scan_lists_every_key_and_pipe_loads_them() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let port = server.port.to_string();
        let requests: Vec<u8> = (0..3000)
            .flat_map(|n| support::raw::request(&["SET".to_owned(), format!("bulk:{n}"), n.to_string()]))
            .collect();
        let mut pipe = std::process::Command::new("redis-cli");
        pipe.args(["-p", &port, "--pipe"]);
        let output = support::run(pipe, &requests, "the package redis-tools");
        let said = support::text(&output.stdout);
        assert!(output.status.success() && said.contains("errors: 0, replies: 3000"), "{said}");
        let mut scan = std::process::Command::new("redis-cli");
        scan.args(["-p", &port, "--scan", "--pattern", "bulk:*"]);
        let output = support::run(scan, b"", "the package redis-tools");
        let mut keys: Vec<String> = support::text(&output.stdout).lines().map(str::to_owned).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 3000);
    }
}

const STRINGS: &[(&str, &str)] = &[
    ("SET a 1", "OK"),
    ("set a 2 xx get", "\"1\""),
    ("SET a 3 NX", "(nil)"),
    ("SET a 3 NX GET", "\"2\""),
    ("SET new 3 NX GET", "(nil)"),
    ("SET nokey 3 XX", "(nil)"),
    ("SET nokey 3 XX GET", "(nil)"),
    ("GET a", "\"2\""),
    ("GET new", "\"3\""),
    ("GET nokey", "(nil)"),
    ("SET empty \"\"", "OK"),
    ("GET empty", "\"\""),
    ("STRLEN empty", "(integer) 0"),
    ("SET binary \"\\x00\\r\\n\\xff\"", "OK"),
    ("GET binary", "\"\\x00\\r\\n\\xff\""),
    ("SET \"\" emptykey", "OK"),
    ("GET \"\"", "\"emptykey\""),
    ("SETNX a x", "(integer) 0"),
    ("SETNX b x", "(integer) 1"),
    ("GETSET b y", "\"x\""),
    ("GETSET c z", "(nil)"),
    ("GETDEL c", "\"z\""),
    ("GETDEL c", "(nil)"),
    ("APPEND b yy", "(integer) 3"),
    ("APPEND fresh 12345", "(integer) 5"),
    ("APPEND fresh \"\"", "(integer) 5"),
    ("GET b", "\"yyy\""),
    ("STRLEN b", "(integer) 3"),
    ("STRLEN nokey", "(integer) 0"),
    ("MGET a nokey b a", "1) \"2\"\n2) (nil)\n3) \"yyy\"\n4) \"2\""),
    ("TYPE a", "string"),
    ("TYPE nokey", "none"),
    ("ECHO \"two words\"", "\"two words\""),
];

const COUNTERS: &[(&str, &str)] = &[
    ("INCR n", "(integer) 1"),
    ("INCRBY n 41", "(integer) 42"),
    ("DECR n", "(integer) 41"),
    ("DECRBY n -9", "(integer) 50"),
    ("INCRBY n -50", "(integer) 0"),
    ("GET n", "\"0\""),
    ("SET n 9223372036854775806", "OK"),
    ("INCR n", "(integer) 9223372036854775807"),
    ("INCR n", "(error) ERR increment or decrement would overflow"),
    ("DECRBY n -1", "(error) ERR increment or decrement would overflow"),
    ("DECRBY n -9223372036854775808", "(error) ERR decrement would overflow"),
    ("SET n -9223372036854775808", "OK"),
    ("DECR n", "(error) ERR increment or decrement would overflow"),
    ("INCRBY n 9223372036854775808", "(error) ERR value is not an integer or out of range"),
    ("INCRBY n 1.5", "(error) ERR value is not an integer or out of range"),
    ("INCRBY n +1", "(error) ERR value is not an integer or out of range"),
    ("SET n \" 1\"", "OK"),
    ("INCR n", "(error) ERR value is not an integer or out of range"),
    ("SET n 01", "OK"),
    ("INCR n", "(error) ERR value is not an integer or out of range"),
    ("SET n \"\"", "OK"),
    ("INCR n", "(error) ERR value is not an integer or out of range"),
    ("SET n 5 EX 1000", "OK"),
    ("INCR n", "(integer) 6"),
    ("PERSIST n", "(integer) 1"),
];

const EXPIRY: &[(&str, &str)] = &[
    ("TTL nokey", "(integer) -2"),
    ("PTTL nokey", "(integer) -2"),
    ("EXPIRETIME nokey", "(integer) -2"),
    ("PEXPIRETIME nokey", "(integer) -2"),
    ("SET k v", "OK"),
    ("TTL k", "(integer) -1"),
    ("PTTL k", "(integer) -1"),
    ("EXPIRETIME k", "(integer) -1"),
    ("EXPIREAT k 33000000000", "(integer) 1"),
    ("EXPIRETIME k", "(integer) 33000000000"),
    ("PEXPIRETIME k", "(integer) 33000000000000"),
    ("PEXPIREAT k 33000000000500", "(integer) 1"),
    ("EXPIRETIME k", "(integer) 33000000001"),
    ("EXPIREAT k 32000000000 GT", "(integer) 0"),
    ("EXPIREAT k 34000000000 LT", "(integer) 0"),
    ("EXPIREAT k 34000000000 GT", "(integer) 1"),
    ("EXPIREAT k 32000000000 XX LT", "(integer) 1"),
    ("EXPIREAT k 32000000000 NX", "(integer) 0"),
    ("PERSIST k", "(integer) 1"),
    ("PERSIST k", "(integer) 0"),
    ("PERSIST nokey", "(integer) 0"),
    ("EXPIRE k 1000 GT", "(integer) 0"),
    ("EXPIRE k 1000 XX", "(integer) 0"),
    ("EXPIRE k 1000 LT", "(integer) 1"),
    ("EXPIRE k 1000 NX GT", "(error) ERR NX and XX, GT or LT options at the same time are not compatible"),
    ("EXPIRE k 1000 GT LT", "(error) ERR GT and LT options at the same time are not compatible"),
    ("EXPIRE k 1000 SOON", "(error) ERR Unsupported option SOON"),
    ("EXPIRE nokey 1000", "(integer) 0"),
    ("SET k w KEEPTTL", "OK"),
    ("PERSIST k", "(integer) 1"),
    ("SET k w EXAT 33000000000", "OK"),
    ("SET k x", "OK"),
    ("TTL k", "(integer) -1"),
    ("SET k x PXAT 33000000000000", "OK"),
    ("APPEND k y", "(integer) 2"),
    ("EXPIRETIME k", "(integer) 33000000000"),
    ("GETEX k", "\"xy\""),
    ("EXPIRETIME k", "(integer) 33000000000"),
    ("GETEX k EXAT 34000000000", "\"xy\""),
    ("EXPIRETIME k", "(integer) 34000000000"),
    ("GETEX k PERSIST", "\"xy\""),
    ("TTL k", "(integer) -1"),
    ("GETEX nokey EX 10", "(nil)"),
    ("GETSET k z", "\"xy\""),
    ("EXPIRE k -1", "(integer) 1"),
    ("GET k", "(nil)"),
    ("SETEX k 1000 v", "OK"),
    ("PSETEX k 1000000 v", "OK"),
    ("EXPIREAT k 1", "(integer) 1"),
    ("EXISTS k", "(integer) 0"),
    ("SET k v PX 1000000 NX", "OK"),
    ("SET k v EX 0", "(error) ERR invalid expire time in 'set' command"),
    ("SET k v PX -5", "(error) ERR invalid expire time in 'set' command"),
    ("SET k v EX 9223372036854775807", "(error) ERR invalid expire time in 'set' command"),
    ("SET k v EX ten", "(error) ERR value is not an integer or out of range"),
    ("SETEX k 0 v", "(error) ERR invalid expire time in 'setex' command"),
    ("PSETEX k -1 v", "(error) ERR invalid expire time in 'psetex' command"),
    ("GETEX k EX 0", "(error) ERR invalid expire time in 'getex' command"),
    ("EXPIRE k 9223372036854775807", "(error) ERR invalid expire time in 'expire' command"),
    ("PEXPIRE k 9223372036854775807", "(error) ERR invalid expire time in 'pexpire' command"),
    ("PEXPIRE k ten", "(error) ERR value is not an integer or out of range"),
];

const KEYS: &[(&str, &str)] = &[
    ("SET user:1 a", "OK"),
    ("SET user:2 b", "OK"),
    ("KEYS user:1*", "1) \"user:1\""),
    ("KEYS user:[^1]", "1) \"user:2\""),
    ("KEYS ?ser:2", "1) \"user:2\""),
    ("KEYS user:\\\\*", "(empty array)"),
    ("KEYS nothing", "(empty array)"),
    ("EXISTS user:1 user:1 nokey user:2", "(integer) 3"),
    ("TOUCH user:1 nokey", "(integer) 1"),
    ("DBSIZE", "(integer) 2"),
    ("SELECT 3", "OK"),
    ("DBSIZE", "(integer) 0"),
    ("GET user:1", "(nil)"),
    ("SET user:1 three", "OK"),
    ("SCAN 0 COUNT 100000 MATCH user:*", "1) \"0\"\n2) 1) \"user:1\""),
    ("SCAN 0 COUNT 100000 TYPE list", "1) \"0\"\n2) (empty array)"),
    ("SCAN 0 COUNT 100000 TYPE string", "1) \"0\"\n2) 1) \"user:1\""),
    ("SELECT 0", "OK"),
    ("UNLINK user:1 nokey user:1", "(integer) 1"),
    ("DEL user:2 user:2", "(integer) 1"),
    ("DEL user:2", "(integer) 0"),
    ("SET left here", "OK"),
    ("FLUSHDB", "OK"),
    ("DBSIZE", "(integer) 0"),
    ("SELECT 3", "OK"),
    ("DBSIZE", "(integer) 1"),
    ("FLUSHALL ASYNC", "OK"),
    ("DBSIZE", "(integer) 0"),
    ("FLUSHDB SYNC", "OK"),
    ("SELECT 0", "OK"),
];

const ERRORS: &[(&str, &str)] = &[
    ("NOSUCH a 'b c'", "(error) ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b c' "),
    ("GET", "(error) ERR wrong number of arguments for 'get' command"),
    ("get a b", "(error) ERR wrong number of arguments for 'get' command"),
    ("SET k", "(error) ERR wrong number of arguments for 'set' command"),
    ("MGET", "(error) ERR wrong number of arguments for 'mget' command"),
    ("SETEX k 1", "(error) ERR wrong number of arguments for 'setex' command"),
    ("SET k v NX XX", "(error) ERR syntax error"),
    ("SET k v EX", "(error) ERR syntax error"),
    ("SET k v EX 1 PX 1", "(error) ERR syntax error"),
    ("SET k v KEEPTTL EX 1", "(error) ERR syntax error"),
    ("SET k v WHATEVER", "(error) ERR syntax error"),
    ("GETEX k EX", "(error) ERR syntax error"),
    ("GETEX k PERSIST EX 1", "(error) ERR syntax error"),
    ("FLUSHDB NOW", "(error) ERR syntax error"),
    ("FLUSHALL ASYNC SYNC", "(error) ERR syntax error"),
    ("SCAN abc", "(error) ERR invalid cursor"),
    ("SCAN 0 COUNT 0", "(error) ERR syntax error"),
    ("SCAN 0 COUNT x", "(error) ERR value is not an integer or out of range"),
    ("SCAN 0 NOPE 1", "(error) ERR syntax error"),
    ("SCAN 0 MATCH", "(error) ERR syntax error"),
    ("SELECT 16", "(error) ERR DB index is out of range"),
    ("SELECT -1", "(error) ERR DB index is out of range"),
    ("SELECT x", "(error) ERR value is not an integer or out of range"),
    ("HELLO 9", "(error) NOPROTO unsupported protocol version"),
    ("HELLO x", "(error) ERR Protocol version is not an integer or out of range"),
    ("HELLO 3 NOPE", "(error) ERR Syntax error in HELLO option 'NOPE'"),
    ("PING a b", "(error) ERR wrong number of arguments for 'ping' command"),
    ("ECHO", "(error) ERR wrong number of arguments for 'echo' command"),
    (
        "AUTH word",
        "(error) ERR AUTH <password> called without any password configured for the default user. Are you sure your \
         configuration is correct?",
    ),
    ("AUTH nobody word", "(error) WRONGPASS invalid username-password pair or user is disabled."),
    ("AUTH a b c", "(error) ERR syntax error"),
    (
        "CLIENT SETNAME \"a b\"",
        "(error) ERR Client names cannot contain spaces, newlines or special characters.",
    ),
];

const CONNECTION: &[(&str, &str)] = &[
    ("PING", "PONG"),
    ("PING hello", "\"hello\""),
    ("CLIENT GETNAME", "(nil)"),
    ("CLIENT SETNAME me", "OK"),
    ("CLIENT GETNAME", "\"me\""),
    ("CLIENT NO-EVICT on", "OK"),
    ("AUTH default anything", "OK"),
];

const AUTH: &[(&str, &str)] = &[
    ("GET k", "(error) NOAUTH Authentication required."),
    ("AUTH wrong", "(error) WRONGPASS invalid username-password pair or user is disabled."),
    ("AUTH other 'correct horse'", "(error) WRONGPASS invalid username-password pair or user is disabled."),
    ("AUTH 'correct horse'", "OK"),
    ("SET k v", "OK"),
    ("GET k", "\"v\""),
    ("CONFIG GET requirepass", "1) \"requirepass\"\n2) \"(hidden)\""),
];
