// Everything that can be done wrong and that a library can notice: misuse ADDR udp|tcp. Each gives its code, and changes nothing.
#define _POSIX_C_SOURCE 200809L
#include "check.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static adit_client client;
static char buffer[64];
static size_t len;
static uint64_t number;
static int64_t sum;
static struct adit_value value;
static struct adit_values values;
static struct adit_completion done[4];

// All calls with something that is no client.
static void no_client(adit_client wrong, int32_t code) {
    const struct adit_slice key = {"k", 1};
    const struct adit_pair pair = {"k", 1, "v", 1};
    uint16_t shards;
    int32_t fd;
    EXPECT(adit_get(wrong, 0, "k", 1, buffer, sizeof buffer, &len, NULL), code);
    EXPECT(adit_get_value(wrong, 0, "k", 1, &value), code);
    EXPECT(adit_take(wrong, 0, "k", 1, &value), code);
    EXPECT(adit_put(wrong, 0, "k", 1, "v", 1, NULL, NULL), code);
    EXPECT(adit_delete(wrong, 0, "k", 1), code);
    EXPECT(adit_touch(wrong, 0, "k", 1, 0), code);
    EXPECT(adit_add(wrong, 0, "k", 1, 1, &sum), code);
    EXPECT(adit_append(wrong, 0, "k", 1, "v", 1, NULL), code);
    EXPECT(adit_multi_get(wrong, 0, &key, 1, &values), code);
    EXPECT(adit_multi_put(wrong, 0, &pair, 1, 0), code);
    EXPECT(adit_scan(wrong, 0, 0, 0, 1, &number, &values), code);
    EXPECT(adit_shard_count(wrong, &shards), code);
    EXPECT(adit_stats(wrong, 0, &value), code);
    EXPECT(adit_submit_get(wrong, 0, "k", 1, NULL, 0, 0), code);
    EXPECT(adit_submit_put(wrong, 0, "k", 1, "v", 1, NULL, 0), code);
    EXPECT(adit_submit_delete(wrong, 0, "k", 1, 0), code);
    EXPECT(adit_submit_take(wrong, 0, "k", 1, 0), code);
    EXPECT(adit_submit_touch(wrong, 0, "k", 1, 0, 0), code);
    EXPECT(adit_submit_add(wrong, 0, "k", 1, 1, 0), code);
    EXPECT(adit_submit_append(wrong, 0, "k", 1, "v", 1, 0), code);
    EXPECT(adit_submit_multi_get(wrong, 0, &key, 1, 0), code);
    EXPECT(adit_submit_multi_put(wrong, 0, &pair, 1, 0, 0), code);
    EXPECT(adit_poll(wrong, done, 4, 0, &len), code);
    EXPECT(adit_fd(wrong, &fd), code);
    EXPECT(adit_next_event_ms(wrong, &fd), code);
    EXPECT(adit_write_begin(wrong, 0, "k", 1, 1, NULL, &number), code);
    EXPECT(adit_write(wrong, 1, "v", 1), code);
    EXPECT(adit_write_end(wrong, 1, NULL), code);
    EXPECT(adit_read_begin(wrong, 0, "k", 1, &number, &number, NULL), code);
    EXPECT(adit_read(wrong, 1, buffer, 1, &len), code);
    EXPECT(adit_stream_abort(wrong, 1), code);
    EXPECT(adit_close(wrong), code);
}

static void null_pointers(void) {
    const struct adit_slice key = {"k", 1}, no_key = {NULL, 1};
    const struct adit_pair pair = {"k", 1, "v", 1}, no_pair = {"k", 1, NULL, 1};
    EXPECT(adit_connect(NULL, NULL), ADIT_E_NULL);
    EXPECT(adit_config_init(NULL), ADIT_E_NULL);
    EXPECT(adit_get(client, 0, NULL, 1, buffer, sizeof buffer, &len, NULL), ADIT_E_NULL);
    EXPECT(adit_get(client, 0, "k", 1, NULL, 1, &len, NULL), ADIT_E_NULL);
    EXPECT(adit_get(client, 0, "k", 1, buffer, sizeof buffer, NULL, NULL), ADIT_E_NULL);
    EXPECT(adit_get_value(client, 0, NULL, 1, &value), ADIT_E_NULL);
    EXPECT(adit_get_value(client, 0, "k", 1, NULL), ADIT_E_NULL);
    EXPECT(adit_take(client, 0, "k", 1, NULL), ADIT_E_NULL);
    EXPECT(adit_put(client, 0, NULL, 1, "v", 1, NULL, NULL), ADIT_E_NULL);
    EXPECT(adit_put(client, 0, "k", 1, NULL, 1, NULL, NULL), ADIT_E_NULL);
    EXPECT(adit_delete(client, 0, NULL, 1), ADIT_E_NULL);
    EXPECT(adit_touch(client, 0, NULL, 1, 0), ADIT_E_NULL);
    EXPECT(adit_add(client, 0, NULL, 1, 1, &sum), ADIT_E_NULL);
    EXPECT(adit_append(client, 0, "k", 1, NULL, 1, NULL), ADIT_E_NULL);
    EXPECT(adit_multi_get(client, 0, NULL, 1, &values), ADIT_E_NULL);
    EXPECT(adit_multi_get(client, 0, &no_key, 1, &values), ADIT_E_NULL);
    EXPECT(adit_multi_get(client, 0, &key, 1, NULL), ADIT_E_NULL);
    EXPECT(adit_multi_put(client, 0, NULL, 1, 0), ADIT_E_NULL);
    EXPECT(adit_multi_put(client, 0, &no_pair, 1, 0), ADIT_E_NULL);
    EXPECT(adit_scan(client, 0, 0, 0, 1, NULL, &values), ADIT_E_NULL);
    EXPECT(adit_scan(client, 0, 0, 0, 1, &number, NULL), ADIT_E_NULL);
    EXPECT(adit_shard_count(client, NULL), ADIT_E_NULL);
    EXPECT(adit_stats(client, 0, NULL), ADIT_E_NULL);
    EXPECT(adit_submit_get(client, 0, NULL, 1, NULL, 0, 0), ADIT_E_NULL);
    EXPECT(adit_submit_put(client, 0, "k", 1, NULL, 1, NULL, 0), ADIT_E_NULL);
    EXPECT(adit_submit_delete(client, 0, NULL, 1, 0), ADIT_E_NULL);
    EXPECT(adit_submit_take(client, 0, NULL, 1, 0), ADIT_E_NULL);
    EXPECT(adit_submit_touch(client, 0, NULL, 1, 0, 0), ADIT_E_NULL);
    EXPECT(adit_submit_add(client, 0, NULL, 1, 1, 0), ADIT_E_NULL);
    EXPECT(adit_submit_append(client, 0, "k", 1, NULL, 1, 0), ADIT_E_NULL);
    EXPECT(adit_submit_multi_get(client, 0, NULL, 1, 0), ADIT_E_NULL);
    EXPECT(adit_submit_multi_put(client, 0, &pair + 1, 0, 0, 0), ADIT_E_NO_KEYS);
    EXPECT(adit_submit_multi_put(client, 0, NULL, 1, 0, 0), ADIT_E_NULL);
    EXPECT(adit_poll(client, NULL, 4, 0, &len), ADIT_E_NULL);
    EXPECT(adit_poll(client, done, 4, 0, NULL), ADIT_E_NULL);
    EXPECT(adit_fd(client, NULL), ADIT_E_NULL);
    EXPECT(adit_next_event_ms(client, NULL), ADIT_E_NULL);
    EXPECT(adit_write_begin(client, 0, "k", 1, 1, NULL, NULL), ADIT_E_NULL);
    EXPECT(adit_write_begin(client, 0, NULL, 1, 1, NULL, &number), ADIT_E_NULL);
    EXPECT(adit_read_begin(client, 0, "k", 1, NULL, &number, NULL), ADIT_E_NULL);
    EXPECT(adit_read_begin(client, 0, "k", 1, &number, NULL, NULL), ADIT_E_NULL);
    EXPECT(adit_read(client, 1, NULL, 1, &len), ADIT_E_NULL);
    EXPECT(adit_read(client, 1, buffer, 1, NULL), ADIT_E_NULL);
    adit_value_free(NULL);
    adit_values_free(NULL);
}

// Lengths that are longer than what is there are refused before anything is read.
static void lengths_and_ranges(void) {
    const struct adit_slice key = {"k", 1}, endless = {"k", SIZE_MAX};
    struct adit_put_options options = {.size = sizeof options};
    EXPECT(adit_get(client, 0, "k", 65537, buffer, 1, &len, NULL), ADIT_E_KEY_TOO_LONG);
    EXPECT(adit_get(client, 0, "k", SIZE_MAX, buffer, 1, &len, NULL), ADIT_E_KEY_TOO_LONG);
    EXPECT(adit_get(client, 0, "k", 1, buffer, SIZE_MAX, &len, NULL), ADIT_E_ARGUMENT);
    EXPECT(adit_get(client, 0, "k", 1, buffer, (size_t)PTRDIFF_MAX + 1, &len, NULL), ADIT_E_ARGUMENT);
    EXPECT(adit_get(client, 16, "k", 1, buffer, 1, &len, NULL), ADIT_E_NO_SUCH_BUCKET);
    EXPECT(adit_get(client, 0, "k", 1, buffer, 1, (size_t *)(void *)(buffer + 1), NULL), ADIT_E_ARGUMENT);
    EXPECT(adit_put(client, 0, "k", 1, "v", (512u << 20) + 1, NULL, NULL), ADIT_E_VALUE_TOO_LONG);
    EXPECT(adit_put(client, 0, "k", 1, "v", SIZE_MAX, NULL, NULL), ADIT_E_VALUE_TOO_LONG);
    EXPECT(adit_append(client, 0, "k", 1, "v", SIZE_MAX, NULL), ADIT_E_VALUE_TOO_LONG);
    EXPECT(adit_put(client, UINT32_MAX, "k", 1, "v", 1, NULL, NULL), ADIT_E_NO_SUCH_BUCKET);
    EXPECT(adit_multi_get(client, 0, &key, 0, &values), ADIT_E_NO_KEYS);
    EXPECT(adit_multi_get(client, 0, &key, SIZE_MAX, &values), ADIT_E_ARGUMENT);
    EXPECT(adit_multi_get(client, 0, &key, SIZE_MAX / sizeof key + 2, &values), ADIT_E_ARGUMENT);
    EXPECT(adit_multi_get(client, 0, &endless, 1, &values), ADIT_E_KEY_TOO_LONG);
    EXPECT(adit_multi_put(client, 0, NULL, 0, 0), ADIT_E_NO_KEYS);
    EXPECT(adit_scan(client, 0, 0, 0, 0, &number, &values), ADIT_E_ARGUMENT);
    EXPECT(adit_scan(client, 0, UINT16_MAX, 0, 1, &number, &values), ADIT_E_NO_SUCH_SHARD);
    EXPECT(adit_stats(client, UINT16_MAX, &value), ADIT_E_NO_SUCH_SHARD);
    EXPECT(adit_poll(client, done, 0, 0, &len), ADIT_E_ARGUMENT);
    EXPECT(adit_poll(client, done, SIZE_MAX, 0, &len), ADIT_E_ARGUMENT);
    EXPECT(adit_poll(client, done, 4, -2, &len), ADIT_E_ARGUMENT);
    options.condition = 4;
    EXPECT(adit_put(client, 0, "k", 1, "v", 1, &options, NULL), ADIT_E_ARGUMENT);
    options.condition = ADIT_ALWAYS, options.expiry = ADIT_AFTER_MS;
    EXPECT(adit_put(client, 0, "k", 1, "v", 1, &options, NULL), ADIT_E_ARGUMENT);
    options.expiry = ADIT_NEVER, options.size = 0;
    EXPECT(adit_put(client, 0, "k", 1, "v", 1, &options, NULL), ADIT_E_ARGUMENT);
    EXPECT(adit_submit_put(client, 0, "k", 1, "v", 1, &options, 0), ADIT_E_ARGUMENT);
    EXPECT(adit_delete(client, 0, "k", 1), ADIT_NOT_FOUND); // nothing of all that was written
}

static int32_t connecting(struct adit_config config) {
    adit_client refused = 7;
    int32_t code = adit_connect(&config, &refused);
    HOLDS(refused == 0);
    return code;
}

static void configs(struct adit_config config) {
    char password[473] = {0}, long_address[400] = {0};
    memset(password, 'p', sizeof password - 1);
    memset(long_address, '1', sizeof long_address - 1);
#define WITH(field, wrong, code)                    \
    do {                                            \
        struct adit_config changed = config;        \
        changed.field = wrong;                      \
        EXPECT(connecting(changed), code);          \
    } while (0)
    WITH(size, 0, ADIT_E_ARGUMENT);
    WITH(size, sizeof config - 1, ADIT_E_ARGUMENT);
    WITH(size, SIZE_MAX, ADIT_E_ARGUMENT);
    WITH(address, "127.0.0.1", ADIT_E_ARGUMENT);
    WITH(address, "127.0.0.1:\xff", ADIT_E_ARGUMENT);
    WITH(address, long_address, ADIT_E_ARGUMENT);
    WITH(transport, 2, ADIT_E_ARGUMENT);
    WITH(window, 1025, ADIT_E_ARGUMENT);
    WITH(frame_bytes, 575, ADIT_E_ARGUMENT);
    WITH(reply_bytes_max, UINT32_MAX, ADIT_E_ARGUMENT);
    WITH(flags, 2, ADIT_E_ARGUMENT);
    WITH(password, password, ADIT_E_CREDENTIALS_TOO_LONG); // with "default" 479 bytes
    WITH(tenant, "nobody", ADIT_E_BAD_CREDENTIALS);
    _Alignas(8) char crooked[sizeof config + 1];
    adit_client refused;
    memcpy(crooked + 1, &config, sizeof config);
    EXPECT(adit_connect((const struct adit_config *)(const void *)(crooked + 1), &refused), ADIT_E_ARGUMENT);
    EXPECT(adit_connect(&config, (adit_client *)(void *)(crooked + 1)), ADIT_E_ARGUMENT);
}

// A server that ends each connection at once: the process that asks must not die of it.
static void rude_server(struct adit_config config) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t place_len = sizeof place;
    char address[32];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    HOLDS(bind(listener, (struct sockaddr *)&place, sizeof place) == 0 && listen(listener, 4) == 0);
    HOLDS(getsockname(listener, (struct sockaddr *)&place, &place_len) == 0);
    pid_t child = fork();
    HOLDS(child >= 0);
    while (child == 0) {
        struct linger now = {.l_onoff = 1};
        int stream = accept(listener, NULL, NULL);
        setsockopt(stream, SOL_SOCKET, SO_LINGER, &now, sizeof now);
        close(stream);
    }
    snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(place.sin_port));
    config.address = address, config.transport = ADIT_TCP, config.deadline_ms = 700;
    EXPECT(connecting(config), ADIT_E_DEADLINE);
    config.transport = ADIT_UDP;
    EXPECT(connecting(config), ADIT_E_DEADLINE);
    HOLDS(kill(child, SIGKILL) == 0 && waitpid(child, NULL, 0) == child);
    close(listener);
}

static void too_small(void) {
    OK(adit_put(client, 0, KEY("six"), "sixsix", 6, NULL, NULL));
    memset(buffer, '.', sizeof buffer);
    EXPECT(adit_get(client, 0, KEY("six"), buffer, 5, &len, NULL), ADIT_E_BUFFER_TOO_SMALL);
    HOLDS(len == 6 && buffer[0] == '.');
    EXPECT(adit_get(client, 0, KEY("six"), NULL, 0, &len, NULL), ADIT_E_BUFFER_TOO_SMALL);
    HOLDS(len == 6);
    OK(adit_get_value(client, 0, KEY("six"), &value));
    adit_value_free(&value);
    adit_value_free(&value);
    OK(adit_multi_get(client, 0, &(struct adit_slice){"six", 3}, 1, &values));
    adit_values_free(&values);
    adit_values_free(&values);
}

// Numbers that are no streams, those of others, and those that go the other way.
static void wrong_streams(struct adit_config config) {
    uint64_t in, out, other, total;
    OK(adit_write_begin(client, 0, KEY("s"), 4, NULL, &out));
    OK(adit_read_begin(client, 0, KEY("six"), &in, &total, NULL));
    for (uint64_t stream = 0; stream < out + in + 10; stream++) {
        if (stream != out)
            EXPECT(adit_write(client, stream, "v", 1), ADIT_E_STREAM);
        if (stream != in)
            EXPECT(adit_read(client, stream, buffer, 1, &len), ADIT_E_STREAM);
        if (stream != out)
            EXPECT(adit_write_end(client, stream, NULL), ADIT_E_STREAM);
        if (stream != out && stream != in)
            EXPECT(adit_stream_abort(client, stream), ADIT_E_STREAM);
    }
    EXPECT(adit_write(client, UINT64_MAX, "v", 1), ADIT_E_STREAM);
    EXPECT(adit_write(client, out, NULL, 1), ADIT_E_NULL);
    EXPECT(adit_write(client, out, "v", SIZE_MAX), ADIT_E_VALUE_TOO_LONG);
    EXPECT(adit_read(client, in, buffer, 0, &len), ADIT_E_ARGUMENT);
    EXPECT(adit_read(client, in, buffer, SIZE_MAX, &len), ADIT_E_ARGUMENT);
    EXPECT(adit_write_begin(client, 0, KEY("s"), (512u << 20) + 1, NULL, &other), ADIT_E_VALUE_TOO_LONG);
    EXPECT(adit_write_begin(client, 0, KEY("s"), UINT64_MAX, NULL, &other), ADIT_E_VALUE_TOO_LONG);
    OK(adit_write(client, out, "four", 4));
    OK(adit_read(client, in, buffer, sizeof buffer, &len));
    HOLDS(len == 6);
    OK(adit_write_end(client, out, NULL));
    OK(adit_stream_abort(client, in));

    // Streams leave room for an operation, which would wait for ever otherwise.
    config.window = 2;
    adit_client narrow = connect_with(&config);
    OK(adit_write_begin(narrow, 0, KEY("s"), 4, NULL, &out));
    EXPECT(adit_write_begin(narrow, 0, KEY("s"), 4, NULL, &other), ADIT_E_FULL);
    EXPECT(adit_read_begin(narrow, 0, KEY("six"), &other, &total, NULL), ADIT_E_FULL);
    OK(adit_get(narrow, 0, KEY("six"), buffer, sizeof buffer, &len, NULL));
    OK(adit_submit_get(narrow, 0, KEY("six"), buffer, sizeof buffer, 1));
    EXPECT(adit_submit_get(narrow, 0, KEY("six"), buffer, sizeof buffer, 2), ADIT_E_FULL);
    EXPECT(adit_write(client, out, "v", 1), ADIT_E_STREAM); // that of another client
    OK(adit_close(narrow));
}

// A window of four: a fifth is refused until one of them was polled for.
static void full_window(struct adit_config config) {
    config.window = 4;
    adit_client narrow = connect_with(&config);
    OK(adit_poll(narrow, done, 4, -1, &len));
    HOLDS(len == 0);
    for (uint64_t tag = 0; tag < 4; tag++)
        OK(adit_submit_add(narrow, 0, KEY("n"), 1, tag));
    EXPECT(adit_submit_add(narrow, 0, KEY("n"), 1, 4), ADIT_E_FULL);
    OK(adit_add(narrow, 0, KEY("n"), 1, &sum)); // what blocks finds room
    EXPECT(adit_submit_add(narrow, 0, KEY("n"), 1, 4), ADIT_E_FULL);
    OK(adit_poll(narrow, done, 1, -1, &len));
    HOLDS(len == 1);
    OK(adit_submit_add(narrow, 0, KEY("n"), 1, 4));
    for (size_t left = 4; left > 0; left -= len)
        OK(adit_poll(narrow, done, 4, -1, &len));
    OK(adit_add(narrow, 0, KEY("n"), 0, &sum));
    HOLDS(sum == 6);
    OK(adit_close(narrow));
}

// Buffers are the caller's again after closing: valgrind sees it if not.
static void closed_in_the_middle(const struct adit_config *config) {
    enum { BYTES = 1 << 20 };
    adit_client busy = connect_with(config);
    char *sent = malloc(BYTES), *room = malloc(BYTES);
    HOLDS(sent && room);
    memset(sent, 's', BYTES);
    OK(adit_submit_put(busy, 0, KEY("cut"), sent, BYTES, NULL, 1));
    OK(adit_submit_get(busy, 0, KEY("six"), room, BYTES, 2));
    OK(adit_submit_get(busy, 0, KEY("six"), NULL, 0, 3));
    OK(adit_poll(busy, done, 1, 0, &len));
    if (len == 1)
        adit_value_free(&done[0].value);
    OK(adit_close(busy));
    free(sent);
    free(room);
    no_client(busy, ADIT_E_HANDLE);
    adit_client next = connect_with(config);
    HOLDS(next != busy);
    no_client(busy, ADIT_E_HANDLE);
    OK(adit_close(next));
    EXPECT(adit_close(next), ADIT_E_HANDLE);
}

static atomic_int is_seen;

static void *waiting(void *nothing) {
    while (!atomic_load(&is_seen))
        OK(adit_poll(client, done, 4, 20, &len));
    return nothing;
}

// While one thread waits in adit_poll, all calls of another are refused; later it may use the client itself.
static void two_threads(void) {
    pthread_t thread;
    uint16_t shards;
    HOLDS(pthread_create(&thread, NULL, waiting, NULL) == 0);
    for (int seen = 0; seen < 20;) {
        int32_t code = adit_shard_count(client, &shards);
        HOLDS(code == ADIT_OK || code == ADIT_E_IN_USE);
        seen += code == ADIT_E_IN_USE;
    }
    atomic_store(&is_seen, 1);
    HOLDS(pthread_join(thread, NULL) == 0);
    OK(adit_shard_count(client, &shards));
}

static void forked(const struct adit_config *config) {
    pid_t child = fork();
    HOLDS(child >= 0);
    if (child == 0) {
        no_client(client, ADIT_E_HANDLE);
        adit_client own = connect_with(config);
        OK(adit_get(own, 0, KEY("six"), buffer, sizeof buffer, &len, NULL));
        OK(adit_close(own));
        _exit(0);
    }
    int status;
    HOLDS(waitpid(child, &status, 0) == child);
    HOLDS(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    OK(adit_get(client, 0, KEY("six"), buffer, sizeof buffer, &len, NULL));
}

int main(int argc, char **argv) {
    struct adit_config config = config_of(argc, argv);
    const adit_client wrong[] = {0, 1, 42, 1024, 2047, (adit_client)1 << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        no_client(wrong[i], ADIT_E_HANDLE);
    client = connect_with(&config);
    no_client(client + 1, ADIT_E_HANDLE);
    no_client(client + 1024, ADIT_E_HANDLE);
    null_pointers();
    lengths_and_ranges();
    configs(config);
    rude_server(config);
    too_small();
    wrong_streams(config);
    full_window(config);
    closed_in_the_middle(&config);
    two_threads();
    forked(&config);
    OK(adit_close(client));
    no_client(client, ADIT_E_HANDLE);
    HOLDS(strlen(adit_error_text(12345)) > 0);
    puts("misuse: all refused");
    return 0;
}
