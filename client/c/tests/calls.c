// Every function as it is meant to be used: calls ADDR udp|tcp
#define _POSIX_C_SOURCE 200809L // poll
#include "check.h"

#include <poll.h>

enum { LONG_BYTES = 3 << 20 };

static adit_client client;

static void one_key(void) {
    char buffer[16];
    size_t len;
    uint64_t version, first;
    int64_t sum;
    struct adit_meta meta;
    struct adit_value value;

    EXPECT(adit_get(client, 1, KEY("key"), buffer, sizeof buffer, &len, NULL), ADIT_NOT_FOUND);
    OK(adit_put(client, 1, KEY("key"), "value", 5, NULL, &first));
    OK(adit_get(client, 1, KEY("key"), buffer, 5, &len, &meta));
    HOLDS(len == 5 && memcmp(buffer, "value", 5) == 0 && meta.version == first && meta.expiry_ms == 0);

    struct adit_put_options options = {.size = sizeof options, .condition = ADIT_IF_ABSENT};
    EXPECT(adit_put(client, 1, KEY("key"), "v", 1, &options, &version), ADIT_E_CONDITION_FAILED);
    HOLDS(version == first);
    options.condition = ADIT_IF_VERSION, options.version = first, options.expiry = ADIT_AFTER_MS, options.ttl_ms = 600000;
    OK(adit_put(client, 1, KEY("key"), "", 0, &options, &version));
    HOLDS(version > first);
    EXPECT(adit_put(client, 1, KEY("key"), "v", 1, &options, &first), ADIT_E_CONDITION_FAILED);
    HOLDS(version == first);
    OK(adit_get_value(client, 1, KEY("key"), &value));
    HOLDS(value.data && value.len == 0 && value.version == version && value.expiry_ms > 1600000000000);
    adit_value_free(&value);
    HOLDS(value.data == NULL && value.owner == NULL);
    OK(adit_touch(client, 1, KEY("key"), 0));
    OK(adit_append(client, 1, KEY("key"), "tail", 4, &version));
    HOLDS(version == 4);
    OK(adit_take(client, 1, KEY("key"), &value));
    HOLDS(value.len == 4 && memcmp(value.data, "tail", 4) == 0 && value.expiry_ms == 0);
    adit_value_free(&value);
    EXPECT(adit_take(client, 1, KEY("key"), &value), ADIT_NOT_FOUND);
    HOLDS(value.data == NULL && value.owner == NULL);
    EXPECT(adit_touch(client, 1, KEY("key"), 1), ADIT_NOT_FOUND);
    EXPECT(adit_delete(client, 1, KEY("key")), ADIT_NOT_FOUND);

    OK(adit_add(client, 1, KEY("number"), -7, &sum));
    HOLDS(sum == -7);
    OK(adit_add(client, 1, KEY("number"), INT64_MAX, NULL));
    EXPECT(adit_add(client, 1, KEY("number"), INT64_MAX, &sum), ADIT_E_OVERFLOW);
    HOLDS(sum == 0);
    OK(adit_put(client, 1, "", 0, "no number", 9, NULL, NULL));
    EXPECT(adit_add(client, 1, NULL, 0, 1, NULL), ADIT_E_NOT_AN_INTEGER);
    OK(adit_delete(client, 1, NULL, 0));
    OK(adit_delete(client, 1, KEY("number")));
}

static void several_keys(void) {
    struct adit_pair pairs[] = {{"a", 1, "one", 3}, {"b", 1, NULL, 0}};
    struct adit_slice keys[] = {{"b", 1}, {"c", 1}, {"a", 1}};
    struct adit_values values;
    uint16_t shards;
    int found = 0;

    OK(adit_multi_put(client, 2, pairs, 2, 1));
    EXPECT(adit_multi_put(client, 2, pairs, 2, 1), ADIT_E_CONDITION_FAILED);
    OK(adit_multi_get(client, 2, keys, 3, &values));
    HOLDS(values.count == 3 && values.items[0].data && values.items[0].len == 0 && !values.items[1].data);
    HOLDS(values.items[2].len == 3 && memcmp(values.items[2].data, "one", 3) == 0);
    adit_values_free(&values);
    HOLDS(values.count == 0 && values.items == NULL);

    OK(adit_shard_count(client, &shards));
    HOLDS(shards >= 1);
    for (uint16_t shard = 0; shard < shards; shard++) {
        uint64_t cursor = 0;
        struct adit_value text;
        do {
            OK(adit_scan(client, 2, shard, cursor, 10, &cursor, &values));
            found += (int)values.count;
            adit_values_free(&values);
        } while (cursor != 0);
        OK(adit_stats(client, shard, &text));
        HOLDS(text.len > 0 && text.data[text.len - 1] == '\n');
        adit_value_free(&text);
    }
    HOLDS(found == 2);
}

// Waits for one completion in a loop of its own, as a program with an event loop does.
static struct adit_completion next(void) {
    struct adit_completion done;
    size_t count = 0;
    struct pollfd ready = {.events = POLLIN};
    OK(adit_fd(client, &ready.fd));
    HOLDS(ready.fd >= 0);
    for (;;) {
        int32_t wait_ms;
        OK(adit_poll(client, &done, 1, 0, &count));
        if (count == 1)
            return done;
        OK(adit_next_event_ms(client, &wait_ms));
        HOLDS(poll(&ready, 1, wait_ms) >= 0);
    }
}

static struct adit_completion end_of(uint32_t opcode, uint64_t tag, int32_t error) {
    struct adit_completion done = next();
    HOLDS(done.tag == tag);
    HOLDS(done.opcode == opcode);
    EXPECT(done.error, error);
    return done;
}

static void submitted_one_by_one(void) {
    char buffer[8];
    struct adit_put_options absent = {.size = sizeof absent, .condition = ADIT_IF_ABSENT};
    struct adit_completion done;

    OK(adit_submit_put(client, 3, KEY("key"), "1", 1, NULL, 10));
    uint64_t version = end_of(ADIT_OP_PUT, 10, ADIT_OK).number;
    HOLDS(version > 0);
    OK(adit_submit_put(client, 3, KEY("key"), "1", 1, &absent, 11));
    HOLDS(end_of(ADIT_OP_PUT, 11, ADIT_E_CONDITION_FAILED).number == version);
    OK(adit_submit_add(client, 3, KEY("key"), -43, UINT64_MAX));
    HOLDS((int64_t)end_of(ADIT_OP_ADD, UINT64_MAX, ADIT_OK).number == -42);
    OK(adit_submit_append(client, 3, KEY("key"), "0", 1, 12));
    HOLDS(end_of(ADIT_OP_APPEND, 12, ADIT_OK).number == 4);
    OK(adit_submit_touch(client, 3, KEY("key"), 600000, 13));
    end_of(ADIT_OP_TOUCH, 13, ADIT_OK);

    OK(adit_submit_get(client, 3, KEY("key"), buffer, sizeof buffer, 14));
    done = end_of(ADIT_OP_GET, 14, ADIT_OK);
    HOLDS(done.value.data == (uint8_t *)buffer && done.value.len == 4 && memcmp(buffer, "-420", 4) == 0);
    HOLDS(done.value.expiry_ms > 0 && done.value.version > version && done.value.owner == NULL);
    adit_value_free(&done.value);
    OK(adit_submit_get(client, 3, KEY("key"), NULL, 0, 15));
    done = end_of(ADIT_OP_GET, 15, ADIT_OK);
    HOLDS(done.value.len == 4 && memcmp(done.value.data, "-420", 4) == 0);
    adit_value_free(&done.value);
    OK(adit_submit_get(client, 3, KEY("key"), buffer, 3, 16));
    done = end_of(ADIT_OP_GET, 16, ADIT_E_BUFFER_TOO_SMALL);
    HOLDS(done.value.data == NULL && done.value.len == 4);
    OK(adit_submit_take(client, 3, KEY("key"), 17));
    done = end_of(ADIT_OP_TAKE, 17, ADIT_OK);
    HOLDS(done.value.len == 4);
    adit_value_free(&done.value);
    OK(adit_submit_delete(client, 3, KEY("key"), 18));
    end_of(ADIT_OP_DELETE, 18, ADIT_NOT_FOUND);

    struct adit_pair pair = {"k", 1, "v", 1};
    struct adit_slice keys[] = {{"k", 1}, {"none", 4}};
    OK(adit_submit_multi_put(client, 3, &pair, 1, 0, 19));
    end_of(ADIT_OP_MULTI_PUT, 19, ADIT_OK);
    OK(adit_submit_multi_get(client, 3, keys, 2, 20));
    done = end_of(ADIT_OP_MULTI_GET, 20, ADIT_OK);
    HOLDS(done.values.count == 2 && done.values.items[0].len == 1 && !done.values.items[1].data);
    adit_values_free(&done.values);
}

// Completions come through lists that are shorter than what is complete, and calls that block come in between.
static void submitted_together(void) {
    enum { COUNT = 100 };
    int seen[COUNT] = {0}, total = 0;
    for (uint64_t tag = 0; tag < COUNT; tag++) {
        OK(adit_submit_add(client, 4, KEY("sum"), 1, tag));
        if (tag % 10 == 0)
            OK(adit_add(client, 4, KEY("other"), 1, NULL));
    }
    while (total < COUNT) {
        struct adit_completion done[7];
        size_t count;
        OK(adit_poll(client, done, 7, -1, &count));
        HOLDS(count >= 1 && count <= 7);
        for (size_t i = 0; i < count; i++) {
            EXPECT(done[i].error, ADIT_OK);
            HOLDS(seen[done[i].tag]++ == 0);
        }
        total += (int)count;
    }
    int64_t sum;
    OK(adit_add(client, 4, KEY("sum"), 0, &sum));
    HOLDS(sum == COUNT);
    OK(adit_add(client, 4, KEY("other"), 0, &sum));
    HOLDS(sum == COUNT / 10);
}

static void long_values(void) {
    char *sent = malloc(LONG_BYTES), *came = malloc(LONG_BYTES);
    size_t len;
    struct adit_completion done;
    HOLDS(sent && came);
    for (size_t at = 0; at < LONG_BYTES; at++)
        sent[at] = (char)(at * 7 >> 3);

    OK(adit_put(client, 5, KEY("long"), sent, LONG_BYTES, NULL, NULL));
    OK(adit_get(client, 5, KEY("long"), came, LONG_BYTES, &len, NULL));
    HOLDS(len == LONG_BYTES && memcmp(sent, came, len) == 0);
    EXPECT(adit_get(client, 5, KEY("long"), came, LONG_BYTES - 1, &len, NULL), ADIT_E_BUFFER_TOO_SMALL);
    HOLDS(len == LONG_BYTES);
    OK(adit_delete(client, 5, KEY("long")));

    OK(adit_submit_put(client, 5, KEY("long"), sent, LONG_BYTES, NULL, 1));
    end_of(ADIT_OP_PUT, 1, ADIT_OK);
    memset(came, 0, LONG_BYTES);
    OK(adit_submit_get(client, 5, KEY("long"), came, LONG_BYTES, 2));
    done = end_of(ADIT_OP_GET, 2, ADIT_OK);
    HOLDS(done.value.len == LONG_BYTES && memcmp(sent, came, LONG_BYTES) == 0);
    OK(adit_submit_get(client, 5, KEY("long"), NULL, 0, 3));
    done = end_of(ADIT_OP_GET, 3, ADIT_OK);
    HOLDS(done.value.len == LONG_BYTES && memcmp(sent, done.value.data, LONG_BYTES) == 0);
    // A value outlives its client, and may be freed after it.
    OK(adit_close(client));
    HOLDS(memcmp(sent, done.value.data, LONG_BYTES) == 0);
    adit_value_free(&done.value);
    free(sent);
    free(came);
}

static void streams(void) {
    enum { PIECE = 70001 };
    char *sent = malloc(LONG_BYTES), *came = malloc(LONG_BYTES + PIECE);
    uint64_t out, other, in, total, version;
    size_t len, at;
    struct adit_meta meta;
    struct adit_put_options absent = {.size = sizeof absent, .condition = ADIT_IF_ABSENT};
    HOLDS(sent && came);
    for (at = 0; at < LONG_BYTES; at++)
        sent[at] = (char)(at * 11 >> 4);

    OK(adit_write_begin(client, 6, KEY("long"), LONG_BYTES, NULL, &out));
    OK(adit_write_begin(client, 6, KEY("dropped"), LONG_BYTES, NULL, &other));
    for (at = 0; at < LONG_BYTES; at += PIECE) {
        OK(adit_write(client, out, sent + at, at + PIECE < LONG_BYTES ? PIECE : LONG_BYTES - at));
        EXPECT(adit_delete(client, 6, KEY("long")), ADIT_NOT_FOUND); // others in between
    }
    EXPECT(adit_write(client, out, "x", 1), ADIT_E_WRONG_LENGTH);
    OK(adit_write(client, other, sent, PIECE));
    OK(adit_stream_abort(client, other));
    OK(adit_write_end(client, out, &version));
    EXPECT(adit_write_end(client, out, NULL), ADIT_E_STREAM);
    EXPECT(adit_get(client, 6, KEY("dropped"), came, 1, &len, NULL), ADIT_NOT_FOUND);

    OK(adit_get(client, 6, KEY("long"), came, LONG_BYTES, &len, NULL));
    HOLDS(len == LONG_BYTES && memcmp(sent, came, len) == 0);
    memset(came, 0, LONG_BYTES);
    OK(adit_read_begin(client, 6, KEY("long"), &in, &total, &meta));
    HOLDS(total == LONG_BYTES && meta.version == version && meta.expiry_ms == 0);
    for (at = 0, len = 1; len > 0; at += len) {
        OK(adit_read(client, in, came + at, PIECE, &len));
        HOLDS(len <= PIECE && at + len <= LONG_BYTES);
    }
    HOLDS(at == LONG_BYTES && memcmp(sent, came, at) == 0);
    EXPECT(adit_read(client, in, came, 1, &len), ADIT_E_STREAM);
    OK(adit_read_begin(client, 6, KEY("long"), &in, &total, NULL));
    OK(adit_stream_abort(client, in));
    EXPECT(adit_read_begin(client, 6, KEY("none"), &in, &total, NULL), ADIT_NOT_FOUND);
    HOLDS(in == 0 && total == 0);

    OK(adit_write_begin(client, 6, KEY("long"), 3, &absent, &out));
    OK(adit_write(client, out, "new", 3));
    EXPECT(adit_write_end(client, out, &total), ADIT_E_CONDITION_FAILED);
    HOLDS(total == version);
    OK(adit_write_begin(client, 6, KEY("short"), 4, NULL, &out));
    OK(adit_write(client, out, "abc", 3));
    EXPECT(adit_write_end(client, out, NULL), ADIT_E_WRONG_LENGTH);
    OK(adit_write_begin(client, 6, KEY("empty"), 0, NULL, &out));
    OK(adit_write_end(client, out, NULL));
    OK(adit_read_begin(client, 6, KEY("empty"), &in, &total, NULL));
    OK(adit_read(client, in, came, 1, &len));
    HOLDS(total == 0 && len == 0);
    OK(adit_delete(client, 6, KEY("empty")));
    OK(adit_delete(client, 6, KEY("long")));
    free(sent);
    free(came);
}

int main(int argc, char **argv) {
    struct adit_config config = config_of(argc, argv);
    HOLDS(adit_abi_version() == ADIT_ABI_VERSION);
    HOLDS(strlen(adit_version()) >= 5);
    client = connect_with(&config);
    one_key();
    several_keys();
    submitted_one_by_one();
    submitted_together();
    streams();
    long_values();
    puts("calls: all as expected");
    return 0;
}
