// ioredis against a running Adit: ioredis.mjs PORT LOCKED_PORT PASSWORD UNIX_SOCKET. Plain asserts; the last line is "all done".

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createRequire } from "node:module";
import { join } from "node:path";

const [PORT, LOCKED_PORT, PASSWORD, UNIX] = process.argv.slice(2);
const require = createRequire(join(process.env.ADIT_NODE_MODULES, "of-adit.cjs"));
const Redis = require("ioredis");
const RETRY_MS = 10;

const opened = [];

function connect(options = {}) {
    const redis = new Redis({ host: "127.0.0.1", port: Number(PORT), retryStrategy: () => RETRY_MS, ...options });
    // Without a listener an expected error would be printed; commands fail with it all the same.
    redis.on("error", () => {});
    opened.push(redis);
    return redis;
}

async function expectError(promise, pattern) {
    await assert.rejects(promise, (error) => pattern.test(error.message) || assert.fail(error.message));
}

async function strings(r) {
    assert.equal(await r.ping(), "PONG");
    assert.equal(await r.set("a", "1"), "OK");
    assert.equal(await r.set("a", "2", "NX"), null);
    assert.equal(await r.set("a", "2", "EX", 100, "XX", "GET"), "1");
    assert.equal(await r.get("a"), "2");
    assert.equal(await r.get("none"), null);
    assert.equal(await r.append("a", "34"), 3);
    assert.equal(await r.strlen("a"), 3);
    assert.equal(await r.getset("a", "x"), "234");
    assert.equal(await r.setnx("a", "y"), 0);
    assert.equal(await r.getdel("a"), "x");
    assert.equal(await r.exists("a", "a"), 0);
    await r.set("grüße", "ÄÖÜ 🦀");
    assert.equal(await r.get("grüße"), "ÄÖÜ 🦀");
    assert.deepEqual(await r.mget("grüße", "none", "grüße"), ["ÄÖÜ 🦀", null, "ÄÖÜ 🦀"]);
    assert.equal(await r.type("grüße"), "string");
    assert.deepEqual(await r.keys("gr*"), ["grüße"]);
    await expectError(r.call("NOSUCH", "a"), /^ERR unknown command/);
    await expectError(r.call("GET"), /wrong number of arguments for 'get' command/);
    assert.equal(await r.del("grüße", "none"), 1);
    assert.equal(await r.dbsize(), 0);
}

async function counters(r) {
    assert.equal(await r.incr("n"), 1);
    assert.equal(await r.incrby("n", 9), 10);
    assert.equal(await r.decr("n"), 9);
    assert.equal(await r.decrby("n", 10), -1);
    const clients = Array.from({ length: 8 }, () => connect());
    await Promise.all(clients.flatMap((client) => Array.from({ length: 500 }, () => client.incr("shared"))));
    assert.equal(await r.get("shared"), "4000");
    await r.set("text", "x");
    await expectError(r.incr("text"), /not an integer/);
    await r.flushdb();
}

async function expiry(r) {
    assert.equal(await r.set("e", "v", "EX", 1000), "OK");
    const ttl = await r.ttl("e");
    assert.ok(ttl > 990 && ttl <= 1000, `${ttl}`);
    assert.equal(await r.expire("e", 2000, "GT"), 1);
    assert.equal(await r.persist("e"), 1);
    assert.equal(await r.ttl("e"), -1);
    assert.equal(await r.pexpireat("e", 4_000_000_000_123), 1);
    assert.equal(await r.call("PEXPIRETIME", "e"), 4_000_000_000_123);
    await r.set("e", "w", "KEEPTTL");
    assert.equal(await r.call("PEXPIRETIME", "e"), 4_000_000_000_123);
    assert.equal(await r.getex("e", "PERSIST"), "w");
    assert.equal(await r.psetex("soon", 20, "v"), "OK");
    while ((await r.get("soon")) !== null);
    assert.equal(await r.exists("soon"), 0);
    await expectError(r.setex("e", 0, "v"), /invalid expire time in 'setex' command/);
    await r.flushdb();
}

async function buffers(r) {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    assert.equal(await r.set(every, every), "OK");
    assert.deepEqual(await r.getBuffer(every), every);
    assert.deepEqual(await r.keysBuffer("*"), [every]);
    assert.deepEqual(await r.mgetBuffer(every, "none"), [every, null]);
    for (const length of [0, 1, 16_384, 65_536, 65_537, 3_000_000, 20_000_000]) {
        const value = randomBytes(length);
        await r.set("large", value);
        assert.ok(value.equals(await r.getBuffer("large")), `${length} bytes`);
        assert.equal(await r.strlen("large"), length);
    }
    await r.flushdb();
}

async function pipelines(r) {
    const pipeline = r.pipeline();
    for (let n = 0; n < 5_000; n += 1) pipeline.set(`p:${n}`, n).get(`p:${n}`);
    const replies = await pipeline.exec();
    assert.equal(replies.length, 10_000);
    replies.forEach(([error, reply], index) => {
        assert.equal(error, null);
        assert.equal(reply, index % 2 === 0 ? "OK" : String((index - 1) / 2));
    });
    const mixed = await r.pipeline().set("text", "x").incr("text").get("text").exec();
    assert.equal(mixed[0][1], "OK");
    assert.match(mixed[1][0].message, /not an integer/);
    assert.deepEqual(mixed[2], [null, "x"]);
    const automatic = connect({ enableAutoPipelining: true });
    const values = await Promise.all(Array.from({ length: 5_000 }, (_, n) => automatic.get(`p:${n}`)));
    values.forEach((value, n) => assert.equal(value, String(n)));
    await r.flushdb();
}

async function scans(r) {
    const pipeline = r.pipeline();
    for (let n = 0; n < 10_000; n += 1) pipeline.set(`scan:${n}`, "v");
    await pipeline.set("other", "v").exec();
    for (const count of [10, 1_000]) {
        const found = new Set();
        for await (const keys of r.scanStream({ match: "scan:*", count })) keys.forEach((key) => found.add(key));
        assert.equal(found.size, 10_000);
    }
    const [cursor, keys] = await r.scan(0, "COUNT", 100_000, "TYPE", "list");
    assert.deepEqual([typeof cursor, keys], ["string", []]);
    assert.equal(await r.unlink(...Array.from({ length: 10_000 }, (_, n) => `scan:${n}`)), 10_000);
    await r.flushall();
}

async function databases(r) {
    const five = connect({ db: 5 });
    await Promise.all([r.set("k", "zero"), five.set("k", "five")]);
    assert.deepEqual([await r.get("k"), await five.get("k")], ["zero", "five"]);
    await five.select(6);
    assert.equal(await five.get("k"), null);
    await expectError(five.select(16), /DB index is out of range/);
    const prefixed = connect({ keyPrefix: "p:", db: 6 });
    await prefixed.set("k", "v");
    assert.deepEqual([await five.get("p:k"), await prefixed.mget("k", "none")], ["v", ["v", null]]);
    const local = new Redis(UNIX);
    opened.push(local);
    assert.equal(await local.get("k"), "zero");
    await r.flushall();
    assert.equal(await five.dbsize(), 0);
}

async function reconnects(r) {
    const client = connect({ db: 3, connectionName: "me" });
    await client.set("k", "v");
    const first = await client.client("ID");
    let ends = 0;
    client.on("close", () => (ends += 1));
    for (let round = 1; round <= 5; round += 1) {
        client.stream.destroy();
        // Waits in the client's own queue until it is connected again, to the same database under the same name.
        assert.equal(await client.get("k"), "v");
        assert.equal(await client.client("GETNAME"), "me");
        assert.equal(ends, round);
    }
    // Of two connections to different shards either may have the larger one.
    assert.notEqual(await client.client("ID"), first);
    assert.equal(await client.quit(), "OK");
    assert.equal(await r.get("k"), null);
    await r.flushall();
}

async function authentication() {
    const locked = { port: Number(LOCKED_PORT) };
    const right = connect({ ...locked, password: PASSWORD });
    assert.equal(await right.set("k", "v"), "OK");
    right.stream.destroy();
    assert.equal(await right.get("k"), "v");
    const named = connect({ ...locked, username: "default", password: PASSWORD });
    assert.equal(await named.get("k"), "v");
    const wrong = connect({ ...locked, password: "no" });
    const [error] = await once(wrong, "error");
    assert.match(error.message, /^WRONGPASS/);
    wrong.disconnect();
    const none = connect({ ...locked, enableReadyCheck: false });
    await expectError(none.get("k"), /^NOAUTH/);
    await expectError(none.auth("no"), /^WRONGPASS/);
    assert.equal(await none.auth("default", PASSWORD), "OK");
    assert.equal(await none.get("k"), "v");
    await none.flushall();
}

async function many(r) {
    assert.equal(await r.mset("a", 1, "b", "2"), "OK");
    assert.equal(await r.mset({ c: 3, d: 4 }), "OK");
    assert.equal(await r.mset(new Map([["e", Buffer.from([0, 255])]])), "OK");
    assert.deepEqual(await r.mget("a", "b", "c", "d", "none"), ["1", "2", "3", "4", null]);
    assert.deepEqual(await r.getBuffer("e"), Buffer.from([0, 255]));
    assert.equal(await r.msetnx("f", 1, "a", 2), 0);
    assert.equal(await r.exists("f"), 0);
    assert.equal(await r.msetnx("f", 1, "g", 2), 1);
    const pairs = Object.fromEntries(Array.from({ length: 2_000 }, (_, n) => [`many:${n}`, n]));
    await r.mset(pairs);
    assert.deepEqual(await r.mget(Object.keys(pairs)), Object.values(pairs).map(String));
    await r.flushdb();
}

async function ranges(r) {
    await r.set("s", "Hello World");
    assert.equal(await r.getrange("s", -5, -1), "World");
    assert.equal(await r.setrange("s", 6, "Adit!"), 11);
    assert.equal(await r.get("s"), "Hello Adit!");
    const value = randomBytes(1_000_000);
    await r.set("large", value);
    assert.ok(value.subarray(65_000, 200_001).equals(await r.getrangeBuffer("large", 65_000, 200_000)));
    assert.equal(await r.incrbyfloat("f", "10.5"), "10.5");
    assert.equal(await r.incrbyfloat("f", 0.1), "10.6");
    await r.flushdb();
}

async function names(r) {
    await r.set("from", "v", "EX", 100);
    assert.equal(await r.rename("from", "to"), "OK");
    assert.ok((await r.ttl("to")) > 90);
    assert.equal(await r.copy("to", "copy"), 1);
    assert.equal(await r.renamenx("copy", "to"), 0);
    await expectError(r.rename("none", "to"), /^ERR no such key/);
    assert.ok(["to", "copy"].includes(await r.randomkey()));
    assert.equal(await r.copy("to", "to", "DB", 4), 1);
    await r.flushall();
}

async function transactions(r) {
    const replies = await r.multi().set("a", "1").incr("a").get("a").mget("a", "none").exec();
    assert.deepEqual(replies, [[null, "OK"], [null, 2], [null, "2"], [null, ["2", null]]]);
    assert.deepEqual(await r.multi().exec(), []);
    const failing = await r.multi().set("text", "x").incr("text").get("text").exec();
    assert.match(failing[1][0].message, /not an integer/);
    assert.deepEqual(failing[2], [null, "x"]);
    await expectError(r.multi().set("b", "1").call("NOSUCH").exec(), /^EXECABORT/);
    assert.equal(await r.get("b"), null);
    const single = connect();
    assert.equal(await single.multi({ pipeline: false }), "OK");
    assert.equal(await single.set("c", Buffer.from([0, 255])), "QUEUED");
    assert.equal(await single.get("c"), "QUEUED");
    assert.equal((await single.exec()).length, 2);
    await single.multi({ pipeline: false });
    assert.equal(await single.discard(), "OK");
    // Transfers between accounts on any shard, by many at once: the sum stays, also for who looks meanwhile.
    const accounts = Array.from({ length: 10 }, (_, n) => `account:${n}`);
    await r.mset(Object.fromEntries(accounts.map((name) => [name, 1_000])));
    const transfer = async (client, step) => {
        const [from, to] = [accounts[step % 10], accounts[(step * 7 + 3) % 10]];
        await client.multi().decrby(from, 10).incrby(to, 10).exec();
        const [[error, seen]] = await client.multi().mget(accounts).exec();
        assert.equal(error, null);
        assert.equal(seen.reduce((sum, amount) => sum + Number(amount), 0), 10_000);
    };
    const clients = Array.from({ length: 8 }, () => connect());
    await Promise.all(clients.map(async (client, first) => {
        for (let step = 0; step < 200; step += 1) await transfer(client, step + first);
    }));
    await r.flushdb();
}

async function watches(r) {
    const [one, other] = [connect(), connect()];
    await one.watch("w", "x");
    await other.set("w", "changed");
    assert.equal(await one.multi().set("w", "mine").exec(), null);
    assert.equal(await r.get("w"), "changed");
    await one.watch("w");
    assert.deepEqual(await one.multi().set("w", "mine").exec(), [[null, "OK"]]);
    await one.watch("w");
    await other.set("w", "again");
    assert.equal(await one.unwatch(), "OK");
    assert.deepEqual(await one.multi().get("w").exec(), [[null, "again"]]);
    // Counting by reading, watching and writing, by many at once: no step is lost.
    const count = async (client) => {
        for (let done = 0; done < 50; ) {
            await client.watch("count");
            const next = Number(await client.get("count")) + 1;
            done += (await client.multi().set("count", next).exec()) === null ? 0 : 1;
        }
    };
    await Promise.all(Array.from({ length: 4 }, () => count(connect())));
    assert.equal(await r.get("count"), "200");
    await r.flushdb();
}

async function killed(r) {
    const client = connect({ connectionName: "victim" });
    await client.set("k", "v");
    assert.match(await r.client("LIST"), /name=victim/);
    assert.equal(await r.client("KILL", "ID", await client.client("ID")), 1);
    assert.equal(await client.get("k"), "v");
    await r.flushdb();
}

const PARTS = [
    strings, counters, expiry, buffers, pipelines, scans, databases, reconnects, authentication, many, ranges, names,
    transactions, watches, killed,
];

const r = connect();
await r.flushall();
for (const part of PARTS) {
    const start = Date.now();
    await part(r);
    console.log(`${part.name}: ${Date.now() - start} ms, ioredis ${require("ioredis/package.json").version}`);
}
opened.forEach((redis) => redis.disconnect());
console.log("all done");
