//! `adit serve` and `adit kv` as people and scripts use them: what they print, what they refuse, how they end.

mod support;

use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

use support::raw::request;
use support::{Folder, Server, adit, run, text, wait_until};

fn output(arguments: &[&str]) -> Output {
    let mut command = adit();
    command.args(arguments);
    run(command, b"", "the package of this program")
}

/// Runs `adit kv` against a server; gives its exit code and what it printed on both streams.
fn kv(server: &Server, arguments: &[&str], input: &[u8]) -> (Option<i32>, String, String) {
    let mut command = adit();
    command.args(["kv", "--resp", &server.address()]).args(arguments);
    let output = run(command, input, "the package of this program");
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn expect_kv(server: &Server, arguments: &[&str], code: i32, stdout: &str, stderr: &str) {
    let (found, out, err) = kv(server, arguments, b"");
    assert_eq!((found, out.as_str()), (Some(code), stdout), "adit kv {arguments:?}: {err}");
    assert!(err.contains(stderr) && err.is_empty() == stderr.is_empty(), "adit kv {arguments:?}: {err}");
}

#[test]
fn kv_reads_and_writes() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        expect_kv(&server, &["set", "a", "hello"], 0, "", "");
        expect_kv(&server, &["get", "a"], 0, "hello\n", "");
        expect_kv(&server, &["get", "a", "--json"], 0, "\"hello\"\n", "");
        expect_kv(&server, &["get", "none"], 1, "", "adit: there is no key \"none\"");
        expect_kv(&server, &["set", "a", "x", "--if-absent"], 1, "", "the key \"a\" exists already");
        expect_kv(&server, &["set", "none", "x", "--if-present"], 1, "", "there is no key \"none\"");
        expect_kv(&server, &["set", "a", "x", "--if-present"], 0, "", "");
        expect_kv(&server, &["set", "b", "y", "--if-absent", "--json"], 0, "true\n", "");
        expect_kv(&server, &["set", "c", "z", "--ttl", "1000"], 0, "", "");
        let ttl = server.connect().ask(&["TTL", "c"]);
        assert!(ttl == ":1000\r\n" || ttl.starts_with(":9"), "{ttl}");
        expect_kv(&server, &["set", "c", "z", "--ttl", "0"], 1, "", "invalid expire time");
        expect_kv(&server, &["--bucket", "3", "set", "a", "three"], 0, "", "");
        expect_kv(&server, &["get", "a"], 0, "x\n", "");
        expect_kv(&server, &["--bucket", "3", "get", "a"], 0, "three\n", "");
        expect_kv(&server, &["--bucket", "99", "get", "a"], 1, "", "out of range");
        expect_kv(&server, &["del", "b"], 0, "1 key removed\n", "");
        expect_kv(&server, &["del", "a", "b", "c"], 0, "2 keys removed\n", "");
        expect_kv(&server, &["del", "a", "--json"], 0, "0\n", "");
        let (code, _, err) = kv(&server, &["set", "piped", "-"], b"from\nstdin");
        assert_eq!(code, Some(0), "{err}");
        expect_kv(&server, &["get", "piped", "--json"], 0, "\"from\\nstdin\"\n", "");
        let unix = format!("unix:{}", server.unix.display());
        let local = output(&["kv", "--resp", &unix, "get", "piped"]);
        assert_eq!(text(&local.stdout), "from\nstdin\n");
    }
}

#[test]
fn kv_scan_lists_keys() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        let mut connection = server.connect();
        let set = |n: usize| request(&["SET".to_owned(), format!("key:{n}"), "v".to_owned()]);
        connection.write(&(0..3_000).flat_map(set).collect::<Vec<_>>());
        (0..3_000).for_each(|_| assert_eq!(connection.reply(), b"+OK\r\n"));
        connection.expect("SET other v", "+OK|");
        let lines = |arguments: &[&str]| {
            let (code, out, err) = kv(&server, arguments, b"");
            assert_eq!(code, Some(0), "{err}");
            let mut lines: Vec<String> = out.lines().map(str::to_owned).collect();
            lines.sort();
            lines.dedup();
            lines
        };
        assert_eq!(lines(&["scan"]).len(), 3_001);
        assert_eq!(lines(&["scan", "key:*"]).len(), 3_000);
        assert_eq!(lines(&["scan", "key:*", "--limit", "7"]).len(), 7);
        assert_eq!(lines(&["scan", "o*r", "--json"]), ["\"other\""]);
        assert!(lines(&["scan", "nothing*"]).is_empty());
        assert_eq!(lines(&["scan", "key:1?"]).len(), 10);
    }
}

#[test]
fn kv_tells_what_is_wrong() {
    let server = Server::start_with(1, &[], &[("ADIT_PASSWORD", "secret")]);
    expect_kv(&server, &["get", "a"], 1, "", "NOAUTH");
    expect_kv(&server, &["--password", "wrong", "get", "a"], 1, "", "WRONGPASS");
    expect_kv(&server, &["--password", "secret", "set", "a", "v"], 0, "", "");
    let mut command = adit();
    command.args(["kv", "--resp", &server.address(), "get", "a"]).env("ADIT_PASSWORD", "secret");
    assert_eq!(text(&run(command, b"", "this program").stdout), "v\n");
    let address = server.address();
    drop(server);
    for target in [address.as_str(), "unix:/nowhere/adit.sock"] {
        let missing = output(&["kv", "--resp", target, "get", "a"]);
        let told = text(&missing.stderr);
        assert_eq!(missing.status.code(), Some(1), "{told}");
        assert!(told.contains(target) && told.contains("is `adit serve` running there?"), "{told}");
    }
    for wrong in [
        &["kv"][..],
        &["kv", "get"],
        &["kv", "get", "a", "b"],
        &["kv", "del"],
        &["kv", "--bucket", "x", "get", "a"],
    ] {
        assert_eq!(output(wrong).status.code(), Some(2), "{wrong:?}");
    }
    let both = output(&["kv", "set", "a", "b", "--if-absent", "--if-present"]);
    assert_eq!(both.status.code(), Some(2));
}

/// Runs `adit kv` over the native protocol, by UDP or TCP.
fn expect_native(server: &Server, arguments: &[&str], code: i32, stdout: &str, stderr: &str) {
    for tcp in [&[][..], &["--tcp"]] {
        let native = server.native.to_string();
        let line = [&["kv", "--native", &native], tcp, arguments].concat();
        let found = output(&line);
        let (out, err) = (text(&found.stdout), text(&found.stderr));
        assert_eq!((found.status.code(), out.as_str()), (Some(code), stdout), "adit {line:?}: {err}");
        assert!(err.contains(stderr) && err.is_empty() == stderr.is_empty(), "adit {line:?}: {err}");
    }
}

#[test]
fn kv_says_the_same_over_the_native_protocol() {
    for shards in [1, 2] {
        let server = Server::start(shards);
        expect_native(&server, &["set", "a", "hello"], 0, "", "");
        expect_native(&server, &["get", "a"], 0, "hello\n", "");
        expect_kv(&server, &["get", "a"], 0, "hello\n", "");
        expect_native(&server, &["get", "a", "--json"], 0, "\"hello\"\n", "");
        expect_native(&server, &["get", "none"], 1, "", "adit: there is no key \"none\"");
        expect_native(&server, &["set", "a", "x", "--if-absent"], 1, "", "the key \"a\" exists already");
        expect_native(&server, &["set", "none", "x", "--if-present"], 1, "", "there is no key \"none\"");
        expect_native(&server, &["set", "a", "x", "--if-present", "--json"], 0, "true\n", "");
        expect_native(&server, &["set", "c", "z", "--ttl", "1000"], 0, "", "");
        let ttl = server.connect().ask(&["TTL", "c"]);
        assert!(ttl == ":1000\r\n" || ttl.starts_with(":9"), "{ttl}");
        expect_native(&server, &["set", "c", "z", "--ttl", "0"], 1, "", "invalid expire time");
        expect_native(&server, &["--bucket", "3", "set", "a", "three"], 0, "", "");
        expect_native(&server, &["get", "a"], 0, "x\n", "");
        expect_native(&server, &["--bucket", "3", "get", "a"], 0, "three\n", "");
        expect_native(&server, &["--bucket", "99", "get", "a"], 1, "", "use 0 to 15");
        expect_native(&server, &["scan", "a*"], 0, "a\n", "");
        expect_native(&server, &["scan", "--limit", "0"], 0, "", "");
        expect_native(&server, &["scan", "?", "--limit", "1", "--bucket", "3", "--json"], 0, "\"a\"\n", "");
        expect_native(&server, &["del", "none", "--json"], 0, "0\n", "");
        let native = server.native.to_string();
        let removed = output(&["kv", "--native", &native, "del", "a", "b", "c"]);
        assert_eq!(text(&removed.stdout), "2 keys removed\n");
    }
}

#[test]
fn kv_tells_what_is_wrong_over_the_native_protocol() {
    let server = Server::start_with(1, &[], &[("ADIT_PASSWORD", "secret")]);
    expect_native(&server, &["get", "a"], 1, "", "tenant or password are wrong");
    expect_native(&server, &["--password", "wrong", "get", "a"], 1, "", "tenant or password are wrong");
    expect_native(&server, &["--password", "secret", "set", "a", "v"], 0, "", "");
    let native = server.native.to_string();
    drop(server);
    let missing = output(&["kv", "--native", &native, "get", "a"]);
    let told = text(&missing.stderr);
    assert_eq!(missing.status.code(), Some(1), "{told}");
    assert!(told.contains(&native) && told.contains("is `adit serve` running there?"), "{told}");
    let nowhere = text(&output(&["kv", "--native", "nowhere", "get", "a"]).stderr);
    assert!(nowhere.contains("nowhere is no address"), "{nowhere}");
    for wrong in
        [&["kv", "--tcp", "get", "a"][..], &["kv", "--native", &native, "--resp", "127.0.0.1:1", "get", "a"]]
    {
        assert_eq!(output(wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn wrong_flags_are_refused_with_what_to_do() {
    for flags in
        [&["--shards", "x"][..], &["--nosuch"], &["--memory", "lots"], &["--prefault", "maybe"], &["extra"]]
    {
        let refused = output(&[&["serve"], flags].concat());
        assert_eq!(refused.status.code(), Some(2), "{flags:?}: {}", text(&refused.stderr));
        assert!(!refused.stderr.is_empty() && refused.stdout.is_empty(), "{flags:?}");
    }
    for (flags, told) in [
        (&["--shards", "0"][..], "from 1 to 256"),
        (&["--shards", "257"], "from 1 to 256"),
        (&["--memory", "1MiB"], "need at least"),
        (&["--shards", "4", "--memory", "32MiB"], "need at least"),
        (&["--connections-max", "0"], "at least 1"),
        (&["--resp", "nowhere"], "127.0.0.1:7379"),
        (&["--resp", "off", "--native", "off"], "nobody could connect"),
        (&["--native", "nowhere"], "127.0.0.1:7379"),
        (&["--native-frame", "99"], "576 to 16384"),
        (&["--data", "/tmp/data"], "not available yet"),
        (&["--config", "/nowhere/adit.toml"], "cannot read /nowhere/adit.toml"),
        (&["--unix", "/nowhere/adit.sock"], "cannot listen on /nowhere/adit.sock"),
    ] {
        let mut line = vec!["serve"];
        for name in ["--resp", "--native"].into_iter().filter(|name| !flags.contains(name)) {
            line.extend([name, "127.0.0.1:0"]);
        }
        let refused = output(&[&line, flags].concat());
        let error = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{flags:?}: {error}");
        assert!(error.starts_with("adit: ") && error.contains(told), "{flags:?}: {error}");
    }
}

#[test]
fn bad_lines_of_a_configuration_file_are_named() {
    let folder = Folder::new();
    let path = folder.path("adit.toml");
    let file = path.display().to_string();
    for (lines, told) in [
        ("shard = 2", "unknown field `shard`"),
        ("shards = \"two\"", "shards"),
        ("shards = 2\nmemory = 5 MiB", "line 2"),
        ("memory = \"1KiB\"", "need at least"),
        ("shards = 2\nshards = 3", "duplicate key"),
        ("resp = \"7379\"", "give an address and a port"),
        ("password = \"\"", "leave it out"),
        ("\u{0}", "is not a configuration"),
    ] {
        std::fs::write(&path, lines).expect("a file of the test");
        let refused = output(&["serve", "--config", &file]);
        let error = text(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{lines}: {error}");
        assert!(error.contains(told), "{lines}: {error}");
    }
    // A good one, and a flag that wins over it.
    std::fs::write(&path, "shards = 2\nconnections-max = 7\nprefault = false\n").expect("a file of the test");
    let server = Server::start_with(1, &["--config", &file], &[]);
    assert!(server.banner.iter().any(|line| line.contains("with 1 shard(s)")), "{:?}", server.banner);
    server.connect().expect("CONFIG GET maxclients", "*2|$10|maxclients|$1|7|");
}

#[test]
fn an_address_in_use_is_told() {
    for shards in ["1", "2"] {
        let server = Server::start(2);
        let address = server.address();
        let unix = server.unix.display().to_string();
        let small = ["serve", "--memory", "64MiB", "--shards", shards];
        let second = output(&[&small[..], &["--resp", &address]].concat());
        let error = text(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{error}");
        assert!(
            error.contains(&format!("{address} is in use")) && error.contains("--resp 127.0.0.1:PORT"),
            "{error}"
        );
        let free = ["--resp", "127.0.0.1:0", "--native", "127.0.0.1:0"];
        let native = server.native.to_string();
        let second = output(&[&small[..], &free[..2], &["--native", &native]].concat());
        let error = text(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{error}");
        assert!(error.contains(&format!("{native} is in use")) && error.contains("--native off"), "{error}");
        let second = output(&[&small[..], &free, &["--unix", &unix]].concat());
        let error = text(&second.stderr);
        assert_eq!(second.status.code(), Some(1), "{error}");
        assert!(error.contains(&unix) && error.contains("choose another path"), "{error}");
        // The first one did not notice.
        server.connect().expect("PING", "+PONG|");
        server.connect_unix().expect("PING", "+PONG|");
    }
}

#[test]
fn a_stale_socket_file_is_replaced_and_a_plain_file_is_not() {
    let folder = Folder::new();
    let (stale, plain) = (folder.path("stale.sock"), folder.path("plain"));
    drop(UnixListener::bind(&stale).expect("a socket of the test"));
    std::fs::write(&plain, "precious").expect("a file of the test");
    let start = |path: &std::path::Path| {
        let mut command = adit();
        command.args(["serve", "--resp", "off", "--native", "off", "--memory", "64MiB", "--unix"]).arg(path);
        command
    };
    let refused = run(start(&plain), b"", "this program");
    assert_eq!(refused.status.code(), Some(1), "{}", text(&refused.stderr));
    assert_eq!(std::fs::read_to_string(&plain).expect("it is there"), "precious");
    let guard = support::Guard(start(&stale).stdout(Stdio::null()).spawn().expect("adit starts"));
    wait_until("the socket answers", || std::os::unix::net::UnixStream::connect(&stale).is_ok());
    support::Raw::unix(&stale).expect("PING", "+PONG|");
    // Killed, it leaves its file; the next one replaces it.
    drop(guard);
    assert!(stale.exists());
    let _next = support::Guard(start(&stale).stdout(Stdio::null()).spawn().expect("adit starts"));
    wait_until("the socket answers again", || std::os::unix::net::UnixStream::connect(&stale).is_ok());
    support::Raw::unix(&stale).expect("PING", "+PONG|");
}

#[test]
fn signals_end_it_with_clients_in_the_middle_of_things() {
    for (shards, signal) in [(1, "TERM"), (2, "TERM"), (1, "INT"), (2, "INT")] {
        let server = Server::start(shards);
        let unix = server.unix.clone();
        let mut idle: Vec<_> = (0..20).map(|_| server.connect()).collect();
        idle.iter_mut().for_each(|connection| connection.expect("PING", "+PONG|"));
        let mut half = server.connect_unix();
        half.write(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1000000\r\nxxxx");
        let mut keys = server.connect();
        let set = |n: usize| request(&["SET".to_owned(), format!("k:{n}"), "v".repeat(100)]);
        keys.write(&(0..1_000).flat_map(set).collect::<Vec<_>>());
        (0..1_000).for_each(|_| assert_eq!(keys.reply(), b"+OK\r\n"));
        // A pipeline that nobody reads, so the server is in the middle of it for sure.
        let mut deaf = server.connect();
        deaf.set_write_timeout(Some(std::time::Duration::from_millis(50)));
        let gets: Vec<u8> =
            (0..100_000).flat_map(|n| request(&["GET".to_owned(), format!("k:{}", n % 1_000)])).collect();
        let _ = deaf.try_write(&gets);
        keys.expect("PING", "+PONG|");
        server.signal(signal);
        let (code, printed, errors) = server.wait_end();
        assert_eq!(code, Some(0), "SIG{signal}: {errors}");
        assert_eq!(printed, [format!("SIG{signal}: closing connections"), "stopped".to_owned()], "{errors}");
        assert!(idle[0].rest().is_empty() && half.rest().is_empty());
        assert!(!unix.exists(), "the socket file goes with the server");
    }
}

#[test]
fn help_names_every_flag() {
    let help = output(&["serve", "--help"]);
    assert_eq!(help.status.code(), Some(0));
    let printed = text(&help.stdout);
    for flag in [
        "--config",
        "--shards",
        "--memory",
        "--prefault",
        "--data",
        "--resp",
        "--unix",
        "--native",
        "--nbd",
        "--api",
        "--connections-max",
        "--password",
    ] {
        assert!(printed.contains(flag), "{flag} is not in {printed}");
    }
    let mut command = Command::new(support::ADIT);
    command.args(["serve", "--help"]).env("ADIT_PASSWORD", "hush");
    assert!(
        !text(&run(command, b"", "this program").stdout).contains("hush"),
        "the password must not be shown"
    );
    let printed = text(&output(&["kv", "--help"]).stdout);
    for word in
        ["get", "set", "del", "scan", "--resp", "--native", "--tcp", "--bucket", "--password", "--json"]
    {
        assert!(printed.contains(word), "{word} is not in {printed}");
    }
    let printed = text(&output(&["--help"]).stdout);
    assert!(["serve", "kv", "perf"].iter().all(|word| printed.contains(word)), "{printed}");
    assert!(text(&output(&["--version"]).stdout).starts_with("adit "));
    assert_eq!(output(&[]).status.code(), Some(2), "without a subcommand it tells how to use it");
}

#[test]
fn a_server_ends_well_though_nobody_reads_its_output() {
    let mut command = adit();
    command.args(["serve", "--resp", "127.0.0.1:0", "--native", "off", "--memory", "64MiB"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let serves = lines.any(|line| line.unwrap().starts_with("serving Redis clients on "));
    drop(lines);
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let ended = child.wait_with_output().unwrap();
    assert!(serves && interrupted.success());
    assert_eq!((ended.status.code(), text(&ended.stderr)), (Some(0), String::new()));
}
