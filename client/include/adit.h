// adit.h: a client of Adit, for C and C++. Link with `pkg-config --cflags --libs adit`.
//
// Generated from client/c/src by cbindgen; do not edit.
//
// CALLS. Every function that can fail returns a code: ADIT_OK, which is 0, or one of `enum adit_error`. The hundred says whose
// fault it is: 1xx the caller's (nothing was done), 2xx what is stored or the state of a shard does not allow it (nothing was
// done), 3xx a write was done once or not at all: look before writing again, 4xx nobody answers (nothing was done), 5xx a
// device failed. adit_error_text tells what a code means and what to do. A request that was not answered is sent again by
// itself until its deadline, and is applied once, however often it was sent.
//
// All calls on a client can give: ADIT_E_HANDLE, ADIT_E_IN_USE, ADIT_E_NULL, ADIT_E_ARGUMENT and ADIT_E_PANIC; those that name a
// key or a bucket ADIT_E_KEY_TOO_LONG and ADIT_E_NO_SUCH_BUCKET; those that are answered by a server also ADIT_E_REPLY_TOO_LONG,
// ADIT_E_BUSY, ADIT_E_DEADLINE, ADIT_E_SOCKET, ADIT_E_BAD_CREDENTIALS, and if they change something ADIT_E_OUT_OF_MEMORY,
// ADIT_E_UNCERTAIN, ADIT_E_SESSION_LOST and ADIT_E_DEVICE.
//
// BLOCKING. Functions block until the answer is there, or the deadline of the config has passed; adit_submit_... never block:
// they queue an operation, and adit_poll sends it, waits, and gives completions, in the order in which they come. Both kinds
// may be mixed. A signal does not end a wait.
//
// MEMORY. What is passed in is read during the call only, unless a function says otherwise; keys are always copied. What a
// function gives in an adit_value or adit_values is the library's: read it, and free it with adit_value_free or
// adit_values_free, in any thread, before or after the client is closed. Never free it otherwise, nor twice through a copy of
// the structure. A buffer given to adit_submit_get is the library's until its completion or adit_close. A pointer may be NULL where
// its function says so, or where its length is 0.
// Every pointer is checked for NULL and alignment, every length for its limit, every handle for being one; what cannot be
// checked is that memory is there and that no other thread changes it during the call.
//
// THREADS. A client is used by one thread at a time, whichever: a second one gets ADIT_E_IN_USE and changes nothing. Clients of
// different threads share nothing and never wait for each other. Have one for each thread. A closed client's handle is never
// given again.
//
// FORK. A child has no clients: their handles are ADIT_E_HANDLE there, and good in the parent. Connect after fork.
// SIGNALS. No function may be called in a signal handler. None changes a signal's disposition, raises SIGPIPE or starts a thread.
// CANCELLING. A thread must not be cancelled, nor leave by longjmp, within a call.
// FAULTS. A fault of the library is caught at its border: it is written to stderr, the client is closed, and the call gives
// ADIT_E_PANIC. The process goes on. Only when not even small memory can be had does it end, as with C++'s new.
//
// UNITS. Lengths are in bytes, times in milliseconds (_ms), expiry times in milliseconds since 1970-01-01 UTC. Keys have up to
// 64 KiB, values up to 512 MiB, buckets are 0 to 15. Keys and values are any bytes; strings (address, tenant, password) are
// UTF-8 and end with a zero. Versions of a key only grow.


#ifndef ADIT_H
#define ADIT_H

#include <stddef.h>
#include <stdint.h>

// Frames are UDP datagrams.
#define ADIT_UDP 0

// Frames are sent on TCP streams.
#define ADIT_TCP 1

// Waits by looking again and again instead of sleeping: a few microseconds faster, for a whole processor.
#define ADIT_BUSY_POLL 1

// The version of this interface. It grows when something is added; nothing is ever taken away or changed.
#define ADIT_ABI_VERSION 1

// The value is written, whatever was there.
#define ADIT_ALWAYS 0

// The value is written if the key does not exist.
#define ADIT_IF_ABSENT 1

// The value is written if the key exists.
#define ADIT_IF_PRESENT 2

// The value is written if the key has the version given: compare-and-swap.
#define ADIT_IF_VERSION 3

// The value never expires.
#define ADIT_NEVER 0

// The value expires when the one before it would have.
#define ADIT_KEEP 1

// The value expires after the milliseconds given.
#define ADIT_AFTER_MS 2

// A value that is submitted is copied up to this length.
#define ADIT_COPIED_BYTES_MAX 4096

// What a function gives. The hundred says whose fault it is; codes never change.
enum adit_error
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : int32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // It is done.
    ADIT_OK = 0,
    // As many operations are under way, or complete and not polled for, as the window allows: poll, then submit again.
    ADIT_E_FULL = 101,
    // The server has ended the session: connect again.
    ADIT_E_CLOSED = 102,
    // The server has no shard of this number.
    ADIT_E_NO_SUCH_SHARD = 103,
    // The reply is longer than `reply_bytes_max`, or than the memory left. A take has removed the key.
    ADIT_E_REPLY_TOO_LONG = 104,
    // Tenant and password together have more than 472 bytes.
    ADIT_E_CREDENTIALS_TOO_LONG = 105,
    // An operation on several keys has none.
    ADIT_E_NO_KEYS = 106,
    // More or fewer bytes of a value were written than were announced.
    ADIT_E_WRONG_LENGTH = 107,
    // The number is no stream of this client that goes in this direction, or not any more.
    ADIT_E_STREAM = 108,
    // The server says that the request is none: it may be of another version.
    ADIT_E_MALFORMED = 116,
    // The server does not know the operation.
    ADIT_E_UNKNOWN_OPCODE = 117,
    // The server speaks another version of the protocol.
    ADIT_E_UNSUPPORTED_VERSION = 118,
    // A key is longer than 64 KiB.
    ADIT_E_KEY_TOO_LONG = 119,
    // A value is longer than 512 MiB, or would be.
    ADIT_E_VALUE_TOO_LONG = 120,
    // An operation on several keys, or its reply, is too long: use fewer keys at a time.
    ADIT_E_TOO_LARGE = 121,
    // There is no such bucket: they are 0 to 15.
    ADIT_E_NO_SUCH_BUCKET = 122,
    // Tenant or password are wrong.
    ADIT_E_BAD_CREDENTIALS = 123,
    // A pointer is NULL that must not be. Nothing was done.
    ADIT_E_NULL = 140,
    // The number is no client: it was never one, is closed, or belongs to the process that forked this one.
    ADIT_E_HANDLE = 141,
    // Another thread is in a call with this client. Nothing was done.
    ADIT_E_IN_USE = 142,
    // The value is longer than the buffer. The length that was given back says how long it is.
    ADIT_E_BUFFER_TOO_SMALL = 143,
    // An argument is out of its range, a pointer not aligned, a string too long or not UTF-8. Nothing was done.
    ADIT_E_ARGUMENT = 144,
    // This process has 1,024 clients.
    ADIT_E_TOO_MANY_CLIENTS = 145,
    // A fault of the library was caught. The client is closed; what it had under way may have been done or not. Please report
    // what the library wrote to stderr.
    ADIT_E_PANIC = 190,
    // The key does not exist.
    ADIT_NOT_FOUND = 248,
    // The condition of a put does not hold.
    ADIT_E_CONDITION_FAILED = 249,
    // The value is not a decimal number of 64 bits.
    ADIT_E_NOT_AN_INTEGER = 250,
    // The sum does not fit 64 bits.
    ADIT_E_OVERFLOW = 251,
    // The memory of the shard is full.
    ADIT_E_OUT_OF_MEMORY = 252,
    // The shard was busy until the deadline. Nothing was done.
    ADIT_E_BUSY = 253,
    // The shard has forgotten the session, as it does when it is restarted: the write was done, or not.
    ADIT_E_SESSION_LOST = 301,
    // The deadline passed before the answer came: the write was done, or not.
    ADIT_E_UNCERTAIN = 302,
    // The client was closed before the answer came: the write was done, or not.
    ADIT_E_UNCERTAIN_CLOSED = 303,
    // Nobody answered before the deadline. Nothing was done.
    ADIT_E_DEADLINE = 401,
    // The kernel refused a socket.
    ADIT_E_SOCKET = 402,
    // The shard gave up a value in the middle. Nothing was done: begin again.
    ADIT_E_GAVE_UP = 403,
    // The device of the shard failed: the write is not durable.
    ADIT_E_DEVICE = 580,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum adit_error adit_error;
#else
typedef int32_t adit_error;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// Which operation a completion is of.
enum adit_opcode
#if defined(__cplusplus) || __STDC_VERSION__ >= 202311L
  : uint32_t
#endif // defined(__cplusplus) || __STDC_VERSION__ >= 202311L
 {
    // Of `adit_submit_get`.
    ADIT_OP_GET = 16,
    // Of `adit_submit_put`.
    ADIT_OP_PUT = 17,
    // Of `adit_submit_delete`.
    ADIT_OP_DELETE = 18,
    // Of `adit_submit_take`.
    ADIT_OP_TAKE = 19,
    // Of `adit_submit_add`.
    ADIT_OP_ADD = 20,
    // Of `adit_submit_append`.
    ADIT_OP_APPEND = 21,
    // Of `adit_submit_touch`.
    ADIT_OP_TOUCH = 22,
    // Of `adit_submit_multi_get`.
    ADIT_OP_MULTI_GET = 23,
    // Of `adit_submit_multi_put`.
    ADIT_OP_MULTI_PUT = 24,
};
#ifndef __cplusplus
#if __STDC_VERSION__ >= 202311L
typedef enum adit_opcode adit_opcode;
#else
typedef uint32_t adit_opcode;
#endif // __STDC_VERSION__ >= 202311L
#endif // __cplusplus

// How a client reaches its server. Zero or NULL stands for the default, but for `size`.
struct adit_config {
    // `sizeof(struct adit_config)`: later versions have more behind the last field.
    size_t size;
    // A shard of the server, as "HOST:PORT", a host of IPv6 in brackets; it tells where the others are. Default "127.0.0.1:7400". A host
    // that is a name is looked up, which may block.
    const char *address;
    // `ADIT_UDP`, the default, or `ADIT_TCP`.
    int32_t transport;
    // How long a call may take, in milliseconds. Default 5,000.
    uint32_t deadline_ms;
    // The tenant. Default "default".
    const char *tenant;
    // Its password. Default: none.
    const char *password;
    // Operations that may be submitted and not polled for, 1 to 1,024. Default 256.
    uint32_t window;
    // Bytes of the longest datagram, 576 to 16,384. Default 1,472, which fits Ethernet.
    uint32_t frame_bytes;
    // Bytes of the longest reply that is taken. Default and most: 537,919,488 (513 MiB).
    uint32_t reply_bytes_max;
    // `ADIT_BUSY_POLL` or 0.
    uint32_t flags;
};

// A client: a number, as a file descriptor is. 0 is never one.
typedef uint64_t adit_client;

// A value. What a function wrote here is freed with `adit_value_free`, also after a failure, when there is nothing.
struct adit_value {
    // The bytes. They are the library's: read them until they are freed.
    const uint8_t *data;
    // How many there are.
    size_t len;
    // The version of the key.
    uint64_t version;
    // When the key expires, in milliseconds since 1970; 0 for never.
    uint64_t expiry_ms;
    // What the library frees. NULL if the bytes are the caller's.
    void *owner;
};

// One of several values or keys.
struct adit_item {
    // The bytes, NULL if the key does not exist. They are the library's.
    const uint8_t *data;
    // How many there are.
    size_t len;
};

// Several values or keys. What a function wrote here is freed with `adit_values_free`, also after a failure, when there is
// nothing.
struct adit_values {
    // How many there are.
    size_t count;
    // The items. They are the library's: read them until they are freed.
    const struct adit_item *items;
    // What the library frees.
    void *owner;
};

// What is known of a value beside its bytes.
struct adit_meta {
    // The version of the key.
    uint64_t version;
    // When the key expires, in milliseconds since 1970; 0 for never.
    uint64_t expiry_ms;
};

// When a value is written, and when it expires. All zero, but for `size`, is always and never.
struct adit_put_options {
    // `sizeof(struct adit_put_options)`: later versions have more behind the last field.
    size_t size;
    // `ADIT_ALWAYS`, `ADIT_IF_ABSENT`, `ADIT_IF_PRESENT` or `ADIT_IF_VERSION`.
    uint32_t condition;
    // `ADIT_NEVER`, `ADIT_KEEP` or `ADIT_AFTER_MS`.
    uint32_t expiry;
    // Of `ADIT_IF_VERSION`.
    uint64_t version;
    // Of `ADIT_AFTER_MS`: in milliseconds, 1 at least.
    uint64_t ttl_ms;
};

// Bytes of the caller: a key.
struct adit_slice {
    // The bytes.
    const void *data;
    // How many there are.
    size_t len;
};

// A key of the caller with its value.
struct adit_pair {
    // The key.
    const void *key;
    // Its bytes.
    size_t key_len;
    // The value.
    const void *value;
    // Its bytes.
    size_t value_len;
};

// The end of an operation that was submitted.
struct adit_completion {
    // What it was submitted with.
    uint64_t tag;
    // A code, `ADIT_OK` or another.
    int32_t error;
    // Which operation it was: one of `enum adit_opcode`.
    uint32_t opcode;
    // Of put the version, of add the sum (cast it to `int64_t`), of append the length; else 0.
    uint64_t number;
    // Of get and take. Free it with `adit_value_free`, which is harmless if the bytes are in the caller's buffer, or if there are
    // none. In `ADIT_E_BUFFER_TOO_SMALL` its `len` is what is needed.
    struct adit_value value;
    // Of multi-get. Free them with `adit_values_free`.
    struct adit_values values;
};

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

// Fills in the defaults, `size` too. NULL is `ADIT_E_NULL`. Does not block.
int32_t adit_config_init(struct adit_config *config);

// Opens a session with a server. `config` may be NULL: all defaults. Its strings are copied. The client is written to
// `client`, 0 if there is none. Blocks for the deadline at most, and for as long as looking up a name takes.
//
// Errors: `ADIT_E_ARGUMENT` if the config is wrong or its address cannot be looked up, `ADIT_E_DEADLINE` if nobody answers
// there, `ADIT_E_SOCKET`, `ADIT_E_BAD_CREDENTIALS`, `ADIT_E_CREDENTIALS_TOO_LONG`, `ADIT_E_TOO_MANY_CLIENTS`.
int32_t adit_connect(const struct adit_config *config,
                     adit_client *client);

// Closes a client: the handle is wrong from now on. What was submitted and did not complete is dropped without a completion,
// done or not; the caller's buffers are the caller's again when this returns. Values that were received stay until they are
// freed. Blocks for a second at most, until the shards have heard of it.
int32_t adit_close(adit_client client);

// What a code means, and what to do. It ends with a zero, is never NULL, and is never freed. Does not block.
const char *adit_error_text(int32_t code);

// The version of this interface, `ADIT_ABI_VERSION` in the header: the library may have a higher one than the program was
// compiled with, not a lower one. Does not block.
uint32_t adit_abi_version(void);

// The version of the library, as "0.1.0". It is never freed. Does not block.
const char *adit_version(void);

// Frees a value, and makes it empty: NULL, an empty one and one that is freed already are left as they are. A copy of the
// structure is not a second value. Does not block; any thread may do it, also after the client is closed.
void adit_value_free(struct adit_value *value);

// The same for several.
void adit_values_free(struct adit_values *values);

// Reads the value of a key into a buffer of `capacity` bytes. `*len` is its length, also in `ADIT_E_BUFFER_TOO_SMALL`, where
// nothing is written to the buffer; 0 in other errors. `meta` may be NULL.
//
// Errors: `ADIT_NOT_FOUND`, `ADIT_E_BUFFER_TOO_SMALL`, and those of all calls.
int32_t adit_get(adit_client client,
                 uint32_t bucket,
                 const void *key,
                 size_t key_len,
                 void *buffer,
                 size_t capacity,
                 size_t *len,
                 struct adit_meta *meta);

// Reads the value of a key into memory of the library: free it with `adit_value_free`.
//
// Errors: `ADIT_NOT_FOUND`, and those of all calls.
int32_t adit_get_value(adit_client client,
                       uint32_t bucket,
                       const void *key,
                       size_t key_len,
                       struct adit_value *value);

// Reads the value of a key and removes the key. Free the value with `adit_value_free`.
//
// Errors: `ADIT_NOT_FOUND`, and those of all calls.
int32_t adit_take(adit_client client,
                  uint32_t bucket,
                  const void *key,
                  size_t key_len,
                  struct adit_value *value);

// Writes the value of a key. `options` may be NULL: always, and it never expires. `version` may be NULL; it is the version
// that was written, in `ADIT_E_CONDITION_FAILED` the one that is there (0 for none), in other errors 0.
//
// Errors: `ADIT_E_CONDITION_FAILED`, `ADIT_E_OUT_OF_MEMORY`, and those of all calls.
int32_t adit_put(adit_client client,
                 uint32_t bucket,
                 const void *key,
                 size_t key_len,
                 const void *value,
                 size_t value_len,
                 const struct adit_put_options *options,
                 uint64_t *version);

// Removes a key.
//
// Errors: `ADIT_NOT_FOUND`, and those of all calls.
int32_t adit_delete(adit_client client, uint32_t bucket, const void *key, size_t key_len);

// Lets a key expire after so many milliseconds, never with 0.
//
// Errors: `ADIT_NOT_FOUND`, and those of all calls.
int32_t adit_touch(adit_client client, uint32_t bucket, const void *key, size_t key_len, uint64_t ttl_ms);

// Adds to the decimal number that a value is, 0 without the key. `sum` may be NULL.
//
// Errors: `ADIT_E_NOT_AN_INTEGER`, `ADIT_E_OVERFLOW`, and those of all calls.
int32_t adit_add(adit_client client,
                 uint32_t bucket,
                 const void *key,
                 size_t key_len,
                 int64_t number,
                 int64_t *sum);

// Adds bytes at the end of a value; without the key they are the value. `len` may be NULL; it is the new length.
//
// Errors: `ADIT_E_VALUE_TOO_LONG`, `ADIT_E_OUT_OF_MEMORY`, and those of all calls.
int32_t adit_append(adit_client client,
                    uint32_t bucket,
                    const void *key,
                    size_t key_len,
                    const void *tail,
                    size_t tail_len,
                    uint64_t *len);

// The values of `count` keys at one moment: one item for each key, in their order, whose `data` is NULL if the key does not
// exist. Free them with `adit_values_free`.
//
// Errors: `ADIT_E_NO_KEYS`, `ADIT_E_TOO_LARGE` if the keys are more than 1 MiB together or the values more than 64 MiB, and
// those of all calls.
int32_t adit_multi_get(adit_client client,
                       uint32_t bucket,
                       const struct adit_slice *keys,
                       size_t count,
                       struct adit_values *values);

// Writes `count` values at one moment, which never expire; nothing if `if_absent` is not 0 and any of the keys exists.
//
// Errors: `ADIT_E_CONDITION_FAILED`, `ADIT_E_NO_KEYS`, `ADIT_E_TOO_LARGE` if all are more than 1 MiB together, and those of all
// calls.
int32_t adit_multi_put(adit_client client,
                       uint32_t bucket,
                       const struct adit_pair *pairs,
                       size_t count,
                       int32_t if_absent);

// Some of the keys of a shard, about `keys_max` (1 at least), perhaps none. Begin with cursor 0, go on with `*next`, end when
// that is 0; then go on with the next shard, up to `adit_shard_count`. Keys that exist from the first call to the last are
// there, some perhaps twice. Free the keys with `adit_values_free`.
//
// Errors: `ADIT_E_NO_SUCH_SHARD`, and those of all calls.
int32_t adit_scan(adit_client client,
                  uint32_t bucket,
                  uint16_t shard,
                  uint64_t cursor,
                  uint32_t keys_max,
                  uint64_t *next,
                  struct adit_values *keys);

// Number of shards of the server. Does not block.
int32_t adit_shard_count(adit_client client, uint16_t *count);

// The counters of a shard: lines of name, space, number, without a zero at the end. Free them with `adit_value_free`.
//
// Errors: `ADIT_E_NO_SUCH_SHARD`, and those of all calls.
int32_t adit_stats(adit_client client,
                   uint16_t shard,
                   struct adit_value *text);

// Submits reading a value: into `buffer`, which is the library's from now until the completion, or into memory of the library
// if `buffer` is NULL; then the value of the completion is freed with `adit_value_free`.
//
// Errors of submitting, here and below: `ADIT_E_FULL`, or what is wrong with an argument; then there will be no
// completion. What else can go wrong is in the completion.
int32_t adit_submit_get(adit_client client,
                        uint32_t bucket,
                        const void *key,
                        size_t key_len,
                        void *buffer,
                        size_t capacity,
                        uint64_t tag);

// Submits reading a value and removing its key. The value of the completion is freed with `adit_value_free`.
int32_t adit_submit_take(adit_client client, uint32_t bucket, const void *key, size_t key_len, uint64_t tag);

// Submits writing a value. A value of up to `ADIT_COPIED_BYTES_MAX` bytes is copied; a longer one is sent from where it lies,
// which must not change until the completion, or `adit_close`. `options` may be NULL. The number of the completion is the version, in `ADIT_E_CONDITION_FAILED`
// the one that is there.
int32_t adit_submit_put(adit_client client,
                        uint32_t bucket,
                        const void *key,
                        size_t key_len,
                        const void *value,
                        size_t value_len,
                        const struct adit_put_options *options,
                        uint64_t tag);

// Submits removing a key. The completion has `ADIT_NOT_FOUND` if it does not exist.
int32_t adit_submit_delete(adit_client client,
                           uint32_t bucket,
                           const void *key,
                           size_t key_len,
                           uint64_t tag);

// Submits that a key expires after so many milliseconds, never with 0.
int32_t adit_submit_touch(adit_client client,
                          uint32_t bucket,
                          const void *key,
                          size_t key_len,
                          uint64_t ttl_ms,
                          uint64_t tag);

// Submits adding to a number. The number of the completion is the sum: cast it to `int64_t`.
int32_t adit_submit_add(adit_client client,
                        uint32_t bucket,
                        const void *key,
                        size_t key_len,
                        int64_t number,
                        uint64_t tag);

// Submits adding bytes at the end of a value, which are copied or not as those of `adit_submit_put`. The number of the completion is the new length.
int32_t adit_submit_append(adit_client client,
                           uint32_t bucket,
                           const void *key,
                           size_t key_len,
                           const void *tail,
                           size_t tail_len,
                           uint64_t tag);

// Submits reading values at one moment. Those of the completion are freed with `adit_values_free`.
int32_t adit_submit_multi_get(adit_client client,
                              uint32_t bucket,
                              const struct adit_slice *keys,
                              size_t count,
                              uint64_t tag);

// Submits writing values at one moment, nothing if `if_absent` is not 0 and any of the keys exists.
int32_t adit_submit_multi_put(adit_client client,
                              uint32_t bucket,
                              const struct adit_pair *pairs,
                              size_t count,
                              int32_t if_absent,
                              uint64_t tag);

// Sends what was submitted, and waits until something is complete: up to `timeout_ms`, not at all with 0, until something is
// with -1. Writes up to `capacity` completions, and to `*count` how many. With -1 and nothing submitted it returns at
// once with 0. An operation completes within its deadline, whatever happens.
//
// Errors: those of arguments. A failed operation is not one of this call.
int32_t adit_poll(adit_client client,
                  struct adit_completion *completions,
                  size_t capacity,
                  int32_t timeout_ms,
                  size_t *count);

// Begins to write a value of `total_len` bytes in pieces: `adit_write` them, then `adit_write_end`. Until then nothing is
// written, and other calls may come in between, a few hundred at most. `options` may be NULL. Does not block.
//
// The deadline holds for each call. A shard gives up a value of which nothing came for 60 seconds: who needs longer for a piece
// begins again.
//
// Errors: `ADIT_E_VALUE_TOO_LONG`, `ADIT_E_FULL` if operations and streams take all the window but one, and those of all calls.
int32_t adit_write_begin(adit_client client,
                         uint32_t bucket,
                         const void *key,
                         size_t key_len,
                         uint64_t total_len,
                         const struct adit_put_options *options,
                         uint64_t *stream);

// Gives the next `len` bytes of a value, which are the caller's again when this returns. Blocks while more than 2 MiB wait to be
// sent.
//
// Errors: `ADIT_E_WRONG_LENGTH` if these are more bytes than were announced: none is taken, and the stream goes on.
// `ADIT_E_STREAM`. With any other error that is not one of arguments the stream has ended and nothing is written;
// `ADIT_E_GAVE_UP` says to begin again.
int32_t adit_write(adit_client client,
                   uint64_t stream,
                   const void *data,
                   size_t len);

// Writes a value whose bytes were all given, and ends the stream, whatever comes of it. `version` may be NULL; it is the version
// that was written, in `ADIT_E_CONDITION_FAILED` the one that is there, in other errors 0.
//
// Errors: `ADIT_E_WRONG_LENGTH` if bytes are missing, `ADIT_E_CONDITION_FAILED`, `ADIT_E_GAVE_UP`, `ADIT_E_STREAM`, and those of
// all calls.
int32_t adit_write_end(adit_client client,
                       uint64_t stream,
                       uint64_t *version);

// Begins to read a value in pieces, all of one version, whatever is written meanwhile: `adit_read` until it gives 0 bytes. Blocks
// until the value begins to come. `meta` may be NULL.
//
// Errors: `ADIT_NOT_FOUND`, `ADIT_E_FULL` as for `adit_write_begin`, and those of all calls.
int32_t adit_read_begin(adit_client client,
                        uint32_t bucket,
                        const void *key,
                        size_t key_len,
                        uint64_t *stream,
                        uint64_t *total_len,
                        struct adit_meta *meta);

// Reads the next bytes of a value, as many as have come and `buffer` has room for; blocks until there is at least one. With
// `*len` 0 it was all, and the stream has ended. `capacity` is 1 at least.
//
// Errors: `ADIT_E_STREAM`. With any other error that is not one of arguments the stream has ended; `ADIT_E_GAVE_UP` says
// to begin again.
int32_t adit_read(adit_client client,
                  uint64_t stream,
                  void *buffer,
                  size_t capacity,
                  size_t *len);

// Ends a stream before its end: nothing is written. Does not block.
//
// Errors: `ADIT_E_STREAM`.
int32_t adit_stream_abort(adit_client client, uint64_t stream);

// The file descriptor for the caller's own `poll`, `epoll` or `select`: wait for input on it, no longer than
// `adit_next_event_ms` says, then call `adit_poll` with a time-out of 0 until it gives no more completions. It is the library's,
// stays the same, and is closed with the client. Does not block.
int32_t adit_fd(adit_client client,
                int32_t *fd);

// How many milliseconds the caller's loop may wait for input before it calls `adit_poll`; -1 if there is nothing to wait for
// but input. Ask for it each time before waiting. Does not block.
int32_t adit_next_event_ms(adit_client client,
                           int32_t *ms);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* ADIT_H */
