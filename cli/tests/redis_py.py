"""redis-py against a running Adit: redis_py.py PORT UNIX_SOCKET. Plain asserts; the last line is "all done"."""

import json
import os
import pathlib
import random
import sys
import threading
import time

import redis

PORT, UNIX = int(sys.argv[1]), sys.argv[2]
DEADLINE_S = 120


def connect(**options):
    return redis.Redis(host="127.0.0.1", port=PORT, socket_timeout=DEADLINE_S, **options)


def expect_error(kind, call, *arguments, text="", **options):
    try:
        result = call(*arguments, **options)
    except kind as error:
        assert text in str(error), str(error)
    else:
        raise AssertionError(f"{call} gave {result!r} and no error")


def strings(r):
    assert r.ping() is True
    assert r.set("a", "1") is True
    assert r.set("a", "2", nx=True) is None
    assert r.set("a", "2", xx=True) is True
    assert r.set("a", "3", get=True) == b"2"
    assert r.get("a") == b"3" and r["a"] == b"3" and "a" in r
    assert r.get("none") is None
    assert r.incr("n") == 1 and r.incrby("n", 9) == 10 and r.decr("n", 3) == 7
    assert r.append("a", "45") == 3 and r.strlen("a") == 3
    assert r.getset("a", "x") == b"345" and r.getdel("a") == b"x" and r.exists("a") == 0
    assert r.setnx("b", "1") is True and r.setnx("b", "2") is False
    assert r.mget("b", "none", "b") == [b"1", None, b"1"]
    assert r.type("b") == b"string" and r.type("none") == b"none"
    assert r.echo("hello") == b"hello"
    assert r.delete("b", "n", "none") == 2
    expect_error(redis.ResponseError, r.incr, r.set("t", "text") and "t", text="not an integer")
    expect_error(redis.ResponseError, r.execute_command, "NOSUCH", "l", "1", text="unknown command")
    r.flushdb()


def binary(r):
    everything = bytes(range(256))
    assert r.set(everything, everything[::-1])
    assert r.get(everything) == everything[::-1]
    assert r.keys() == [everything]
    assert r.set("", "") and r.get("") == b""
    assert r.set("crlf", b"\r\n$5\r\nhello\r\n") and r.get("crlf") == b"\r\n$5\r\nhello\r\n"
    key = b"k" * 65_000
    assert r.set(key, "long") and r.get(key) == b"long" and r.delete(key) == 1
    r.flushdb()
    d = connect(decode_responses=True)
    d.set("grüße", "ÄÖÜ 🦀")
    assert d.get("grüße") == "ÄÖÜ 🦀" and d.keys("gr*") == ["grüße"]
    d.flushdb()


def pipelines(r):
    pipe = r.pipeline(transaction=False)
    for n in range(5_000):
        pipe.set(f"p:{n}", n)
        pipe.get(f"p:{n}")
    replies = pipe.execute()
    assert replies == [reply for n in range(5_000) for reply in (True, str(n).encode())]
    pipe = r.pipeline(transaction=False)
    pipe.incr("p:1").get("p:none").incr("p:1").delete("p:2", "p:3", "p:none").mget("p:2", "p:4").dbsize()
    assert pipe.execute() == [2, None, 3, 2, [None, b"4"], 4_998]
    pipe = r.pipeline(transaction=False)
    pipe.set("text", "x").incr("text").get("text")
    replies = pipe.execute(raise_on_error=False)
    assert replies[0] is True and isinstance(replies[1], redis.ResponseError) and replies[2] == b"x"
    assert r.flushdb() is True


def scans(r):
    keys = [f"scan:{n}" for n in range(10_000)]
    for start in range(0, len(keys), 1_000):
        pipe = r.pipeline(transaction=False)
        for key in keys[start : start + 1_000]:
            pipe.set(key, "v")
        pipe.execute()
    for count in (10, 1_000):
        found = list(r.scan_iter(match="scan:*", count=count))
        assert len(found) == 10_000 and set(found) == {key.encode() for key in keys}
    assert len(r.keys("scan:?")) == 10
    assert r.mget(keys) == [b"v"] * 10_000
    assert r.exists(*keys) == 10_000 and r.unlink(*keys[:5_000]) == 5_000 and r.dbsize() == 5_000
    assert r.flushall() is True and r.dbsize() == 0


def expiry(r):
    r.set("e", "v", ex=1_000)
    assert 990 <= r.ttl("e") <= 1_000 and 990_000 <= r.pttl("e") <= 1_000_000
    assert r.persist("e") is True and r.ttl("e") == -1 and r.ttl("none") == -2
    at = int(time.time()) + 5_000
    assert r.expireat("e", at) is True and r.expiretime("e") == at and r.pexpiretime("e") == at * 1_000
    assert r.expire("e", 100, gt=True) is False and r.expire("e", 100, lt=True) is True
    assert r.getex("e", persist=True) == b"v" and r.ttl("e") == -1
    r.set("soon", "v", px=20)
    start = time.monotonic()
    while r.get("soon") is not None:
        assert time.monotonic() - start < DEADLINE_S
    assert r.exists("soon") == 0
    expect_error(redis.ResponseError, r.set, "e", "v", ex=0, text="invalid expire time in 'set' command")
    r.flushdb()


def large(r):
    rng = random.Random(7)
    for size in (1_000_000, 20_000_000):
        value = rng.randbytes(size)
        for key in ("large", "large:2", "large:3"):
            assert r.set(key, value) is True
            assert r.strlen(key) == size and r.get(key) == value
            assert r.append(key, b"tail") == size + 4 and r.get(key) == value + b"tail"
        assert r.getset("large", "small") == value + b"tail" and r.get("large") == b"small"
        assert r.mget("large:2", "large", "large:3") == [value + b"tail", b"small", value + b"tail"]
        assert r.delete("large", "large:2", "large:3") == 3
    pipe = r.pipeline(transaction=False)
    values = [rng.randbytes(500_000 + n) for n in range(60)]
    for n, value in enumerate(values):
        pipe.set(f"many:{n}", value)
    assert pipe.execute() == [True] * 60
    for n in range(60):
        pipe.get(f"many:{n}")
        pipe.strlen(f"many:{n}")
    replies = pipe.execute()
    assert replies[0::2] == values and replies[1::2] == [len(value) for value in values]
    assert r.flushdb() is True


def pool(r):
    shared = redis.Redis(connection_pool=redis.ConnectionPool(host="127.0.0.1", port=PORT, max_connections=8))

    def work(number):
        for step in range(300):
            key = f"t:{number}:{step % 10}"
            shared.set(key, step)
            assert shared.get(key) == str(step).encode()
            shared.incr("shared")

    together(work, 8)
    assert shared.get("shared") == b"2400"
    assert r.flushdb() is True


def protocols(r):
    three = connect(protocol=3)
    assert three.set("k", "v") is True and three.get("k") == b"v" and three.get("none") is None
    assert three.mget("k", "none") == [b"v", None]
    assert three.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"} or three.config_get(
        "maxmemory-policy"
    ) == {b"maxmemory-policy": b"noeviction"}
    assert three.client_setname("me") and three.client_getname() in (b"me", "me")
    assert three.info("server")["redis_mode"] == "standalone"
    assert r.info()["connected_clients"] >= 1 and r.info("keyspace")["db0"]["keys"] == 1
    assert r.command_count() == len(r.command_list()) and r.client_id() > 0
    local = redis.Redis(unix_socket_path=UNIX, socket_timeout=DEADLINE_S)
    assert local.get("k") == b"v" and local.set("u", os.urandom(100_000)) and len(local.get("u")) == 100_000
    other = connect(db=5)
    assert other.get("k") is None and other.set("k", "five") and r.get("k") == b"v"
    assert other.flushdb() and other.dbsize() == 0 and r.dbsize() == 2
    r.flushall()


def documented(r):
    """docs/redis.md tells of every command that is there, and of none that is there that it is absent."""
    page = pathlib.Path(__file__).parents[2] / "docs" / "redis.md"
    rows = [line.split("|")[1:4] for line in page.read_text().splitlines() if line.startswith("| ")]
    there, absent = set(), set()
    for first, second, third in rows:
        if third.startswith(" absent"):
            absent.update(second.split())
        elif second.strip() == "absent":
            # A container is not absent if one of its subcommands is.
            absent.update(first.split() if first.split()[0] not in CONTAINERS else [])
        else:
            there.update(first.split())
    commands = {name.decode().upper() for name in r.command_list()}
    assert r.command_count() == len(commands)
    assert commands <= there | {"FUNCTION"}, f"not in docs/redis.md: {commands - there}"
    assert not absent & commands - {"FUNCTION"}, f"absent in docs/redis.md, but there: {absent & commands}"


def huge(r):
    document = json.dumps([{"id": n, "name": f"näme {n}", "tags": ["a", "b"] * 5} for n in range(700_000)])
    document = document.encode()[: 64 << 20]
    assert len(document) == 64 << 20
    for key in ("doc:1", "doc:2"):
        assert r.set(key, document) is True and r.strlen(key) == len(document)
    assert r.get("doc:1") == document
    assert r.mget("doc:2", "none", "doc:1") == [document, None, document]
    pipe = r.pipeline(transaction=False)
    replies = pipe.get("doc:1").set("doc:1", b"small").get("doc:2").get("doc:1").execute()
    assert replies == [document, True, document, b"small"]
    assert r.flushdb() is True


def many(r):
    assert r.mset({"a": 1, "b": "2", b"\xff": b"\x00"}) is True
    assert r.mget("a", "b", b"\xff") == [b"1", b"2", b"\x00"]
    assert r.msetnx({"c": 1, "a": 2}) is False and r.exists("c") == 0
    assert r.msetnx({"c": 1, "d": 2}) is True and r.get("d") == b"2"
    pairs = {f"many:{n}": str(n).encode() for n in range(5_000)}
    assert r.mset(pairs) is True and r.mget(list(pairs)) == list(pairs.values())
    assert r.msetnx(pairs) is False and r.dbsize() == 5_005
    r.flushdb()


def ranges(r):
    r.set("s", "Hello World")
    assert r.getrange("s", 0, 4) == b"Hello" and r.getrange("s", -5, -1) == b"World" and r.getrange("s", 5, 3) == b""
    assert r.setrange("s", 6, "Adit!") == 11 and r.get("s") == b"Hello Adit!"
    assert r.setrange("gap", 3, "x") == 4 and r.get("gap") == b"\x00\x00\x00x"
    assert r.setrange("none", 0, "") == 0 and r.exists("none") == 0
    expect_error(redis.ResponseError, r.setrange, "s", -1, "x", text="offset is out of range")
    expect_error(redis.ResponseError, r.setrange, "s", 512 << 20, "x", text="string exceeds maximum allowed size")
    model, rng = bytearray(random.Random(3).randbytes(300_000)), random.Random(4)
    r.set("large", bytes(model))
    for _ in range(50):
        start, part = rng.randrange(350_000), rng.randbytes(rng.randrange(1, 150_000))
        model += bytes(max(0, start + len(part) - len(model)))
        model[start : start + len(part)] = part
        assert r.setrange("large", start, part) == len(model)
        first, last = rng.randrange(len(model)), rng.randrange(len(model))
        assert r.getrange("large", first, last) == bytes(model[first : last + 1])
    assert r.get("large") == bytes(model)
    r.flushdb()


def floats(r):
    assert r.incrbyfloat("f", 10.5) == 10.5 and r.incrbyfloat("f", 0.1) == 10.6 and r.get("f") == b"10.6"
    assert r.incrbyfloat("f", "-10.6") == 0.0 and r.get("f") == b"0"
    assert r.incrbyfloat("f", "5.0e3") == 5000.0 and r.get("f") == b"5000"
    r.set("text", "x")
    expect_error(redis.ResponseError, r.incrbyfloat, "text", 1, text="value is not a valid float")
    expect_error(redis.ResponseError, r.incrbyfloat, "f", "inf", text="increment would produce NaN or Infinity")
    r.flushdb()


def subsequences(r):
    r.mset({"x": "ohmytext", "y": "mynewtext"})
    assert r.lcs("x", "y") == b"mytext" and r.lcs("x", "y", len=True) == 6 and r.lcs("x", "none") == b""
    found = r.lcs("x", "y", idx=True, minmatchlen=4, withmatchlen=True)
    assert found in ([b"matches", [[4, [4, 7], [5, 8]]], b"len", 6], [b"matches", [[[4, 7], [5, 8], 4]], b"len", 6])
    r.flushdb()


def names(r):
    r.set("from", "v", ex=100)
    assert r.rename("from", "to") is True and r.exists("from") == 0 and 90 < r.ttl("to") <= 100
    assert r.copy("to", "copy") is True and 90 < r.ttl("copy") <= 100 and r.get("copy") == b"v"
    r.set("other", "w")
    assert r.copy("other", "copy") is False and r.copy("other", "copy", replace=True) is True
    assert r.get("copy") == b"w" and r.ttl("copy") == -1
    assert r.renamenx("to", "copy") is False and r.renamenx("to", "new") is True
    expect_error(redis.ResponseError, r.rename, "none", "x", text="no such key")
    assert r.randomkey() in (b"copy", b"other", b"new")
    five = connect(db=5)
    assert r.copy("new", "new", destination_db=5) is True and five.get("new") == b"v" and 90 < five.ttl("new") <= 100
    assert r.move("other", 5) is True and r.exists("other") == 0 and five.get("other") == b"w"
    large = random.Random(5).randbytes(3_000_000)
    r.set("large", large)
    assert r.copy("large", "large:2") is True and r.append("large:2", b"x") == 3_000_001 and r.get("large") == large
    assert r.rename("large:2", "large") is True and r.get("large") == large + b"x"
    r.flushall()


def transactions(r):
    pipe = r.pipeline()
    assert pipe.set("a", 1).incr("a").get("a").mget("a", "none").execute() == [True, 2, b"2", [b"2", None]]
    replies = pipe.set("text", "x").incr("text").get("text").execute(raise_on_error=False)
    assert replies[0] is True and isinstance(replies[1], redis.ResponseError) and replies[2] == b"x"
    pipe.set("b", 1).execute_command("NOSUCH")
    # redis-py tells the error of the command that was not queued rather than the EXECABORT that followed.
    expect_error(redis.ResponseError, pipe.execute, text="unknown command")
    assert r.get("b") is None
    large = random.Random(6).randbytes(2_000_000)
    assert pipe.set("large", large).get("large").execute() == [True, large]
    for n in range(1_000):
        pipe.set(f"t:{n}", n)
    assert pipe.execute() == [True] * 1_000
    accounts = [f"account:{n}" for n in range(10)]
    r.mset({name: 1_000 for name in accounts})

    def work(number):
        own, rng = connect(), random.Random(number)
        for _ in range(150):
            source, target = rng.sample(accounts, 2)
            own.pipeline().decrby(source, 10).incrby(target, 10).execute()
            (seen,) = own.pipeline().mget(accounts).execute()
            assert sum(map(int, seen)) == 10_000, seen

    together(work, 8)
    r.flushdb()


def watches(r):
    with r.pipeline() as pipe:
        pipe.watch("w")
        r.set("w", "changed")
        pipe.multi()
        pipe.set("w", "mine")
        expect_error(redis.WatchError, pipe.execute)
    assert r.get("w") == b"changed"

    def count(pipe):
        value = int(pipe.get("count") or 0)
        pipe.multi()
        pipe.set("count", value + 1)

    def work(number):
        own = connect()
        for _ in range(50):
            own.transaction(count, "count")

    together(work, 4)
    assert r.get("count") == b"200"
    r.flushdb()


def together(work, threads_count):
    errors = []

    def guarded(number):
        try:
            work(number)
        except BaseException as error:  # Reported by the main thread, which fails.
            errors.append(error)

    threads = [threading.Thread(target=guarded, args=(number,)) for number in range(threads_count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors


def clients(r):
    victim = connect(client_name="victim")
    victim.set("k", "v")
    lines = r.client_list()
    (line,) = [line for line in lines if line["name"] == "victim"]
    assert int(line["id"]) == victim.client_id() and line["addr"].startswith("127.0.0.1:") and line["db"] == "0"
    assert r.client_kill_filter(_id=line["id"]) == 1
    # redis-py opens another connection for it.
    assert victim.get("k") == b"v" and victim.client_id() != int(line["id"])
    r.flushdb()


def configuration(r):
    before = r.config_get("maxmemory")
    assert r.config_set("maxmemory", 1) is True and r.config_get("maxmemory") == {"maxmemory": "1"}
    expect_error(redis.exceptions.OutOfMemoryError, r.set, "a", 1, text="used memory > 'maxmemory'")
    assert r.get("a") is None
    assert r.config_set("maxmemory", 0) is True and r.set("a", 1) is True
    assert r.config_set("maxmemory", before["maxmemory"]) is True
    expect_error(redis.ResponseError, r.config_set, "nosuch", 1, text="Unknown option")
    expect_error(redis.ResponseError, r.config_set, "maxmemory", "bla", text="argument must be a memory value")
    assert r.config_resetstat() is True
    r.flushdb()


def objects(r):
    r.mset({"n": 1234, "short": "text", "long": "x" * 100})
    assert [r.object("encoding", key) for key in ("n", "short", "long", "none")] == [b"int", b"embstr", b"raw", None]
    assert r.object("refcount", "long") == 1 and r.object("idletime", "n") < DEADLINE_S
    assert r.memory_usage("long") > 100 and r.memory_usage("none") is None
    seconds, microseconds = r.time()
    assert abs(time.time() - seconds) < DEADLINE_S and 0 <= microseconds < 1_000_000
    r.flushdb()


CONTAINERS = {"CLIENT", "COMMAND", "CONFIG", "MEMORY", "OBJECT"}

PARTS = (
    strings,
    binary,
    pipelines,
    scans,
    expiry,
    large,
    huge,
    pool,
    protocols,
    many,
    ranges,
    floats,
    subsequences,
    names,
    transactions,
    watches,
    clients,
    configuration,
    objects,
    documented,
)


def main():
    r = connect()
    r.flushall()
    for part in PARTS:
        start = time.monotonic()
        part(r)
        print(f"{part.__name__}: {time.monotonic() - start:.2f} s, redis-py {redis.__version__}")
    print("all done")


main()
