//! What concerns all shards: CLIENT LIST and KILL, CONFIG SET, INFO and its counters.

mod support;

use std::collections::BTreeMap;

use support::raw::info_number_of;
use support::{Raw, Server, wait_until};

/// Connections until every shard has some, each with its number.
fn connections_everywhere(server: &Server, shards: u64) -> Vec<(u64, Raw)> {
    let mut all: Vec<(u64, Raw)> = Vec::new();
    wait_until("every shard has connections", || {
        let mut connection = server.connect();
        let id = id_of(&mut connection);
        all.push((id, connection));
        all.len() >= 8
            && (0..shards).all(|shard| all.iter().filter(|(id, _)| id % shards == shard).count() > 1)
    });
    all
}

fn id_of(connection: &mut Raw) -> u64 {
    let reply = connection.ask(&["CLIENT", "ID"]);
    reply.trim().strip_prefix(':').and_then(|id| id.parse().ok()).expect("CLIENT ID is a number")
}

/// The lines of CLIENT LIST as fields.
fn list(connection: &mut Raw, options: &[&str]) -> Vec<BTreeMap<String, String>> {
    let reply = connection.ask(&[&["CLIENT", "LIST"], options].concat());
    let field = |word: &str| word.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    reply
        .lines()
        .map(|line| line.trim_start_matches("txt:"))
        .filter(|line| line.starts_with("id="))
        .map(|line| line.split(' ').filter_map(field).collect())
        .collect()
}

fn ids(lines: &[BTreeMap<String, String>]) -> Vec<u64> {
    lines.iter().map(|line| line["id"].parse().expect("an id")).collect()
}

#[test]
fn the_list_has_the_connections_of_every_shard() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut all = connections_everywhere(&server, u64::from(shards));
        let mut expected: Vec<u64> = all.iter().map(|(id, _)| *id).collect();
        expected.sort_unstable();
        let (_, mut asker) = all.remove(0);
        let (first, named) = (all[1].0, all[0].0);
        for (id, connection) in &mut all {
            if *id == named {
                connection.expect("CLIENT SETNAME somebody", "+OK|");
                connection.expect("SELECT 3", "+OK|");
                connection.ask(&["HELLO", "3"]);
            }
        }
        let asker = &mut asker;
        let lines = list(asker, &[]);
        assert_eq!(ids(&lines), expected, "in the order of their age");
        assert_eq!(ids(&list(asker, &["TYPE", "normal"])), expected);
        assert!(list(asker, &["TYPE", "pubsub"]).is_empty());
        let [a, b] = [first.to_string(), named.to_string()];
        assert_eq!(
            ids(&list(asker, &["ID", &b, "999999", &a, &b])),
            [named, first, named],
            "in the order asked"
        );
        let line = lines.iter().find(|line| line["id"] == b).expect("it is there");
        assert_eq!(
            (line["name"].as_str(), line["db"].as_str(), line["resp"].as_str()),
            ("somebody", "3", "3")
        );
        assert_eq!(
            (line["cmd"].as_str(), line["user"].as_str(), line["flags"].as_str()),
            ("hello", "default", "N")
        );
        assert!(line["laddr"].ends_with(&format!(":{}", server.port)) && line["addr"] != line["laddr"]);
        for (id, connection) in &mut all {
            let info = connection.ask(&["CLIENT", "INFO"]);
            assert!(info.contains(&format!("id={id} ")) && info.contains(" cmd=client|info "), "{info}");
            let number = id.to_string();
            let own = list(connection, &["ID", &number]);
            assert_eq!((own.len(), own[0]["cmd"].as_str()), (1, "client|list"));
        }
        let mut unix = server.connect_unix();
        let info = unix.ask(&["CLIENT", "INFO"]);
        assert!(info.contains(&format!(" laddr={}:0 ", server.unix.display())), "{info}");
    }
}

#[test]
fn kill_closes_connections_of_every_shard() {
    for shards in [1, 2] {
        let mut server = Server::start(shards);
        let mut all = connections_everywhere(&server, u64::from(shards));
        let mut asker = server.connect();
        let own = id_of(&mut asker);
        // One by its number, one by its address in the old form, one by both.
        let address = |connection: &mut Raw| {
            let line = list(connection, &[]).into_iter().find(|line| line["cmd"] == "client|list");
            line.expect("it lists itself")["addr"].clone()
        };
        let (id, mut first) = all.remove(0);
        assert_eq!(asker.ask(&["CLIENT", "KILL", "ID", &id.to_string()]), ":1\r\n");
        assert!(first.rest().is_empty());
        let (_, mut second) = all.remove(0);
        let killed = address(&mut second);
        assert_eq!(asker.ask(&["CLIENT", "KILL", &killed]), "+OK\r\n");
        assert!(second.rest().is_empty());
        assert_eq!(asker.ask(&["CLIENT", "KILL", &killed]), "-ERR No such client\r\n");
        let (id, mut third) = all.remove(0);
        let addr = address(&mut third);
        let wrong = ["CLIENT", "KILL", "ID", &own.to_string(), "ADDR", &addr].map(str::to_owned);
        assert_eq!(asker.ask(&wrong), ":0\r\n");
        let right =
            ["CLIENT", "KILL", "ADDR", &addr, "ID", &id.to_string(), "USER", "default"].map(str::to_owned);
        assert_eq!(asker.ask(&right), ":1\r\n");
        assert!(third.rest().is_empty());
        // All others, then itself: its reply comes first.
        let laddr = server.address();
        assert_eq!(
            asker.ask(&["CLIENT", "KILL", "LADDR", &laddr, "TYPE", "normal"]),
            format!(":{}\r\n", all.len())
        );
        assert!(all.iter_mut().all(|(_, connection)| connection.rest().is_empty()));
        assert_eq!(ids(&list(&mut asker, &[])), [own]);
        assert_eq!(asker.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"]), ":1\r\n");
        assert!(asker.rest().is_empty());
        let mut last = server.connect();
        let own = address(&mut last);
        assert_eq!(last.ask(&["CLIENT", "KILL", &own]), "+OK\r\n");
        assert!(last.rest().is_empty());
        server.assert_alive("after CLIENT KILL");
        wait_until("only one is connected", || server.info("connected_clients") == 1);
    }
}

/// More connections than one step looks at, in a list longer than the part of a reply that is encoded at once.
#[test]
fn a_long_list_is_whole() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut all: Vec<Raw> = (0..700).map(|_| server.connect()).collect();
        let mut expected: Vec<u64> = all.iter_mut().map(id_of).collect();
        expected.sort_unstable();
        for _ in 0..3 {
            assert_eq!(ids(&list(&mut all[0], &[])), expected);
        }
        // A pipeline of lists, and a list among other requests.
        let request = support::raw::request(&["CLIENT", "LIST"]);
        all[1].write(&[&request[..], b"PING\r\n", &request, b"PING\r\n"].concat());
        for _ in 0..2 {
            assert_eq!(support::text(&all[1].reply()).matches("id=").count(), 700);
            assert_eq!(all[1].reply(), b"+PONG\r\n");
        }
    }
}

#[test]
fn a_setting_holds_on_every_shard_at_once() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut all = connections_everywhere(&server, u64::from(shards));
        all[0].1.expect("CONFIG SET timeout 1000 proto-max-bulk-len 2mb", "+OK|");
        for (_, connection) in &mut all {
            connection.expect("CONFIG GET timeout", "*2|$7|timeout|$4|1000|");
            connection.expect("CONFIG GET proto-max-bulk-len", "*2|$18|proto-max-bulk-len|$7|2097152|");
        }
        // All or nothing.
        let refused = all[1].1.ask(&["CONFIG", "SET", "timeout", "5", "appendonly", "yes"]);
        assert!(
            refused
                .starts_with("-ERR CONFIG SET failed (possibly related to argument 'appendonly') - storing")
        );
        all[0].1.expect("CONFIG GET timeout", "*2|$7|timeout|$4|1000|");
        // What follows in the same pipeline sees it.
        let set = |value: &str| support::raw::request(&["CONFIG", "SET", "timeout", value]);
        let get = support::raw::request(&["CONFIG", "GET", "timeout"]);
        let pipeline = [set("1"), get.clone(), set("2"), get.clone(), set("0"), get].concat();
        all[0].1.write(&pipeline);
        for value in ["1", "2", "0"] {
            assert_eq!(all[0].1.reply(), b"+OK\r\n");
            assert!(all[0].1.reply().ends_with(format!("$1\r\n{value}\r\n").as_bytes()));
        }
        // A password that is set asks those who come now, wherever they come.
        all[0].1.expect("CONFIG SET requirepass secret", "+OK|");
        for _ in 0..8 {
            server.connect().expect("GET k", "-NOAUTH Authentication required.|");
        }
        all[0].1.expect("CONFIG SET maxclients 1 requirepass ''", "+OK|");
        for _ in 0..8 {
            let told = server.connect().rest_after_ping();
            assert!(support::text(&told).starts_with("-ERR max number of clients reached"), "{told:?}");
        }
        all[0].1.expect("CONFIG SET maxclients 1000", "+OK|");
        all[1].1.expect("PING", "+PONG|");
    }
}

fn section(connection: &mut Raw, name: &str) -> BTreeMap<String, String> {
    let text = connection.ask(&["INFO", name]);
    let line = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
    text.lines().filter_map(line).collect()
}

#[test]
fn info_counts_calls_and_errors_of_all_shards() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut all = connections_everywhere(&server, u64::from(shards));
        all[0].1.expect("CONFIG RESETSTAT", "+OK|");
        for (_, connection) in &mut all {
            connection.ask(&["SET", "text", "abc"]);
            connection.ask(&["INCR", "text"]);
            connection.ask(&["GET"]);
            connection.ask(&["NOSUCH"]);
            connection.ask(&["CLIENT", "NOSUCH"]);
            connection.ask(&["CLIENT", "KILL", "ID", "x"]);
            connection.ask(&["CLIENT", "GETNAME", "x"]);
            connection.ask(&["EXPIRE", "text", "x"]);
            connection.ask(&["HELLO", "9"]);
            for key in ["a", "b", "c", "d"] {
                connection.ask(&["GET", key]);
                connection.ask(&["INCR", "text", "x"]);
            }
        }
        let (asker, count) = (&mut all[1].1, 8);
        assert!(all_count(asker) >= count);
        let stats = section(asker, "CommandStats");
        let called = |name: &str, calls: u64, refused: u64, failed: u64| {
            let expected = format!(
                "calls={calls},usec=0,usec_per_call=0.00,rejected_calls={refused},failed_calls={failed}"
            );
            assert_eq!(stats[&format!("cmdstat_{name}")], expected, "{name}");
        };
        let count = all_count(asker);
        called("set", count, 0, 0);
        called("incr", count, 4 * count, count);
        called("get", 4 * count, count, 0);
        called("client|kill", count, 0, count);
        called("client|getname", 0, count, 0);
        called("expire", count, 0, count);
        called("hello", count, 0, count);
        called("config|resetstat", 1, 0, 0);
        let errors = section(asker, "errorstats");
        assert_eq!(errors["errorstat_NOPROTO"], format!("count={count}"));
        assert_eq!(errors["errorstat_ERR"], format!("count={}", 11 * count));
        assert_eq!(errors.len(), 2);
        assert_eq!(section(asker, "stats")["total_error_replies"], (12 * count).to_string());
        // And from 0 again.
        asker.expect("CONFIG RESETSTAT", "+OK|");
        assert_eq!(section(asker, "errorstats").len(), 0);
        assert_eq!(section(asker, "commandstats").len(), 2, "INFO and CONFIG RESETSTAT");
    }
}

/// Connections, that of the asker included.
fn all_count(asker: &mut Raw) -> u64 {
    info_number_of(asker, "connected_clients")
}

#[test]
fn info_is_lines_of_names_and_values() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut connection = server.connect();
        let default = connection.ask(&["INFO"]);
        let headers = |text: &str| {
            let names: Vec<String> =
                text.lines().filter_map(|line| line.strip_prefix("# ")).map(str::to_owned).collect();
            names.join(" ")
        };
        assert_eq!(
            headers(&default),
            "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster Shards Keyspace"
        );
        for line in default.lines().skip(1).filter(|line| !line.is_empty() && !line.starts_with("# ")) {
            let (name, _) = line.split_once(':').expect("a name and a value");
            assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{line}");
        }
        for (options, expected) in [
            (
                &["ALL"][..],
                "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats Errorstats \
                            Cluster Shards Keyspace",
            ),
            (
                &["everything", "cpu"],
                "Server Clients Memory Persistence Stats Replication CPU Modules Commandstats \
                                      Errorstats Cluster Shards Keyspace",
            ),
            (
                &["cpu", "default"],
                "Server Clients Memory Persistence Stats Replication CPU Modules Errorstats Cluster \
                                   Shards Keyspace",
            ),
            (&["keyspace", "CPU", "cpu", "nosuch"], "CPU Keyspace"),
            (&["commandSTATS"], "Commandstats"),
            (&["nosuch"], ""),
        ] {
            let text = connection.ask(&[&["INFO"], options].concat());
            assert_eq!(headers(&text), expected, "{options:?}");
        }
        let text = |name: &str, field: &str, connection: &mut Raw| section(connection, name)[field].clone();
        assert_eq!(text("server", "redis_mode", &mut connection), "standalone");
        assert_eq!(text("server", "run_id", &mut connection).len(), 40);
        assert_eq!(text("replication", "role", &mut connection), "master");
        assert_eq!(text("memory", "maxmemory_policy", &mut connection), "noeviction");
        assert!(text("server", "executable", &mut connection).ends_with("adit"));
        for name in [
            "process_id",
            "tcp_port",
            "uptime_in_seconds",
            "maxclients",
            "blocked_clients",
            "used_memory",
            "used_memory_peak",
            "used_memory_rss",
            "maxmemory",
            "loading",
            "expired_keys",
            "evicted_keys",
            "total_error_replies",
            "connected_slaves",
            "master_repl_offset",
            "instantaneous_ops_per_sec",
            "cluster_enabled",
            "arch_bits",
        ] {
            info_number_of(&mut connection, name);
        }
        assert!(
            info_number_of(&mut connection, "used_memory_peak")
                >= info_number_of(&mut connection, "used_memory")
        );
        wait_until("requests are told as a rate", || {
            (0..50).for_each(|_| connection.expect("PING", "+PONG|"));
            info_number_of(&mut connection, "instantaneous_ops_per_sec") > 0
        });
        connection.expect("SET k v EX 1000", "+OK|");
        wait_until("the key is counted", || {
            section(&mut connection, "keyspace")
                .get("db0")
                .is_some_and(|line| line == "keys=1,expires=1,avg_ttl=0")
        });
    }
}

/// DEBUG is for tests: it is refused without the flag; what sleeps is one connection, not its shard.
#[test]
fn debug_sleep_stops_one_connection_alone() {
    for shards in [1, 2] {
        let server = Server::start_with(shards, &["--debug-commands", "true"], &[]);
        let mut all = connections_everywhere(&server, u64::from(shards));
        let mut sleeper = server.connect();
        sleeper.send(&["DEBUG", "SLEEP", "1000"]);
        sleeper.write(b"PING\r\nPING\r\n");
        for (_, connection) in &mut all {
            (0..20).for_each(|_| connection.expect("PING", "+PONG|"));
        }
        // It is closed like any other, and one that wakes goes on in order.
        let killed = all[0].1.ask(&["CLIENT", "KILL", "TYPE", "normal"]);
        assert_eq!(killed, format!(":{}\r\n", all.len()));
        assert!(sleeper.rest().is_empty());
        let mut short = server.connect();
        let pipeline = [
            support::raw::request(&["DEBUG", "SLEEP", "0.02"]),
            b"PING\r\n".to_vec(),
            support::raw::request(&["DEBUG", "SLEEP", "0"]),
            b"PING 2\r\n".to_vec(),
        ];
        short.write(&pipeline.concat());
        let replies: Vec<Vec<u8>> = (0..4).map(|_| short.reply()).collect();
        assert_eq!(replies, [&b"+OK\r\n"[..], b"+PONG\r\n", b"+OK\r\n", b"$1\r\n2\r\n"]);
        short.expect("DEBUG SLEEP x", "-ERR value is not a valid float|");
        short.expect(
            "DEBUG NOSUCH",
            "-ERR unknown subcommand or wrong number of arguments for 'NOSUCH'. Try DEBUG HELP.|",
        );
    }
}

/// DEBUG SET-ACTIVE-EXPIRE: expired keys stay until somebody looks for them.
#[test]
fn expired_keys_wait_while_nobody_removes_them() {
    for shards in [1, 2] {
        let server = Server::start_with(shards, &["--debug-commands", "true"], &[]);
        let mut connection = server.connect();
        connection.expect("DEBUG SET-ACTIVE-EXPIRE 0", "+OK|");
        for n in 0..8 {
            connection.ask(&["SET", &format!("key:{n}"), "v", "PX", "20"]);
        }
        let mut slow = server.connect();
        slow.expect("DEBUG SLEEP 0.2", "+OK|");
        connection.expect("DBSIZE", ":8|");
        connection.expect("MGET key:0 key:1 key:2 key:3", "*4|$-1|$-1|$-1|$-1|");
        connection.expect("DEL key:4", ":0|");
        connection.expect("DEBUG SET-ACTIVE-EXPIRE 1", "+OK|");
        wait_until("they are removed", || connection.ask(&["DBSIZE"]) == ":0\r\n");
    }
}

/// Within a transaction, what all shards take part in is one call of several; the calls and errors are counted.
#[test]
fn transactions_hold_commands_about_all_shards() {
    for shards in [1, 2] {
        let mut server = Server::start(shards);
        let mut all = connections_everywhere(&server, u64::from(shards));
        let (id, mut asker) = all.remove(0);
        let [killed, own] = [all[0].0.to_string(), id.to_string()];
        asker.expect("CONFIG RESETSTAT", "+OK|");
        asker.expect("MULTI", "+OK|");
        for line in [
            "SET key 1",
            "CONFIG SET timeout 77",
            "CONFIG GET timeout",
            "CONFIG SET timeout x",
            "INCR key",
            &format!("CLIENT KILL ID {killed}"),
            &format!("CLIENT LIST ID {own}"),
            "CLIENT REPLY OFF",
            "GET none",
            "INCR key x",
        ] {
            let refused = line == "INCR key x";
            let expected =
                if refused { "-ERR wrong number of arguments for 'incr' command|" } else { "+QUEUED|" };
            asker.expect(line, expected);
        }
        asker.expect("EXEC", "-EXECABORT Transaction discarded because of previous errors.|");
        let list = ["CLIENT", "LIST", "ID", &own].map(str::to_owned);
        asker.expect("MULTI", "+OK|");
        for line in
            ["SET key 1", "CONFIG SET timeout 77", "CONFIG GET timeout", "CONFIG SET timeout x", "INCR key"]
        {
            asker.expect(line, "+QUEUED|");
        }
        assert!(asker.ask(&["CLIENT", "KILL", "ID", &killed]).starts_with("+QUEUED"));
        assert!(asker.ask(&list).starts_with("+QUEUED"));
        asker.expect("CLIENT REPLY OFF", "+QUEUED|");
        asker.expect("INFO commandstats", "+QUEUED|");
        let replies = asker.ask(&["EXEC"]);
        let failed = "-ERR CONFIG SET failed (possibly related to argument 'timeout') - argument couldn't be parsed into \
                      an integer";
        let begin = format!("*9|+OK|+OK|*2|$7|timeout|$2|77|{failed}|:2|:1|$");
        let replies = replies.replace("\r\n", "|");
        assert!(replies.starts_with(&begin), "{replies}");
        assert!(replies.contains(&format!("|id={own} ")) && replies.contains(" flags=N "), "{replies}");
        assert!(replies.contains("|-ERR this command is not available within a transaction|"), "{replies}");
        assert!(replies.contains("|cmdstat_multi:calls=2,"), "{replies}");
        assert!(all[0].1.rest().is_empty());
        all[1].1.expect("CONFIG GET timeout", "*2|$7|timeout|$2|77|");
        let stats = section(&mut asker, "commandstats");
        let called = |name: &str| stats[&format!("cmdstat_{name}")].split(',').next().map(str::to_owned);
        assert_eq!([called("set"), called("incr")], [1, 1].map(|count| Some(format!("calls={count}"))));
        assert_eq!(called("config|set"), Some("calls=2".to_owned()));
        let errors = section(&mut asker, "errorstats");
        assert_eq!([&errors["errorstat_ERR"], &errors["errorstat_EXECABORT"]], ["count=3", "count=1"]);
        asker.expect("RENAME none other", "-ERR no such key|");
        assert!(section(&mut asker, "commandstats")["cmdstat_rename"].ends_with("failed_calls=1"));
        // Its own end comes behind the replies.
        asker.expect("MULTI", "+OK|");
        assert!(asker.ask(&["CLIENT", "INFO"]).starts_with("+QUEUED"));
        let info = list_of(&mut all[1].1, id);
        assert_eq!((info["multi"].as_str(), info["flags"].as_str()), ("1", "x"));
        assert!(asker.ask(&["CLIENT", "KILL", "ID", &own, "SKIPME", "no"]).starts_with("+QUEUED"));
        asker.expect("PING", "+QUEUED|");
        let replies = asker.ask(&["EXEC"]).replace("\r\n", "|");
        assert!(replies.starts_with("*3|$") && replies.ends_with("|:1|+PONG|"), "{replies}");
        assert!(asker.rest().is_empty());
        server.assert_alive("after transactions");
    }
}

fn list_of(connection: &mut Raw, id: u64) -> BTreeMap<String, String> {
    list(connection, &["ID", &id.to_string()]).remove(0)
}
