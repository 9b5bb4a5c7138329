"""redis-py against a running Adit: redis_py.py PORT UNIX_SOCKET. Plain asserts; the last line is "all done"."""

import os
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
    expect_error(redis.ResponseError, r.execute_command, "LPUSH", "l", "1", text="unknown command")
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
    errors = []

    def work(number):
        try:
            for step in range(300):
                key = f"t:{number}:{step % 10}"
                shared.set(key, step)
                assert shared.get(key) == str(step).encode()
                shared.incr("shared")
        except Exception as error:  # Reported by the main thread, which fails.
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors, errors
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


def main():
    r = connect()
    r.flushall()
    for part in (strings, binary, pipelines, scans, expiry, large, pool, protocols):
        start = time.monotonic()
        part(r)
        print(f"{part.__name__}: {time.monotonic() - start:.2f} s, redis-py {redis.__version__}")
    print("all done")


main()
