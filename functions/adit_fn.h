/*
 * adit_fn.h: functions of Adit in C, to be compiled with clang 14 or later for the machine `bpf`:
 *
 *     clang -target bpf -mcpu=v3 -O2 -g -c function.c -o function.o
 *
 * This file is made from the table of helpers: a test of dataplane/function compares it.
 */
#ifndef ADIT_FN_H
#define ADIT_FN_H

#ifdef __cplusplus
extern "C" {
#endif

#ifndef __bpf__
#error "functions are compiled with clang -target bpf"
#endif

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;

/** Most bytes of a key. */
#define ADIT_KEY_BYTES_MAX 65536
/** Most bytes of a value. */
#define ADIT_VALUE_BYTES_MAX 536870912
/** Most views that adit_get_many sets. */
#define ADIT_VIEWS_MAX 16
/** Bytes of the stack that each function of a program has. */
#define ADIT_STACK_BYTES 512
/** Most bytes of all variables that are not constant. They begin anew with each call. */
#define ADIT_VARIABLES_BYTES_MAX 65536
/** The version of a record that this call has written. */
#define ADIT_STAGED 0xffffffffffffffffULL

/** Memory that may be read: from `data` up to the byte before `end`. Both are null if there is none. */
struct adit_view {
    const __u8 *data;
    const __u8 *end;
};

/**
 * What a function is given that a client calls: the bytes of the client.
 */
struct adit_call {
    const __u8 *input;
    const __u8 *input_end;
};

/**
 * What a function is given that sees records as they are read or scanned: a record, and the bytes
 * of who reads. It gives 0 if the record is not taken; what it emits is put in the place of the
 * value.
 */
struct adit_filter {
    const __u8 *key;
    const __u8 *key_end;
    const __u8 *value;
    const __u8 *value_end;
    __u64 version;
    const __u8 *input;
    const __u8 *input_end;
};

/**
 * What a function is given that sees all records of a bucket, one with each call: a record, the
 * bytes of who asks, and a state that lives from the first record to the last and is the answer.
 */
struct adit_aggregate {
    const __u8 *key;
    const __u8 *key_end;
    const __u8 *value;
    const __u8 *value_end;
    __u64 version;
    const __u8 *input;
    const __u8 *input_end;
    __u8 *state;
    __u8 *state_end;
};

/*
 * What stands before the functions that are called: it says by which hook. A function that is called by others of its program is
 * `static`; it may have five arguments.
 */
/** `ADIT_CALL long name(const struct adit_call *context)`. */
#define ADIT_CALL __attribute__((section("adit/call"), used))
/** `ADIT_FILTER long name(const struct adit_filter *context)`. */
#define ADIT_FILTER __attribute__((section("adit/filter"), used))
/** `ADIT_AGGREGATE long name(const struct adit_aggregate *context)`. */
#define ADIT_AGGREGATE __attribute__((section("adit/aggregate"), used))

/*
 * Helpers. Lengths are in bytes, counts in elements; elements are little-endian and need not be aligned. Memory that is written must
 * not overlap what is read, but for adit_copy. A function ends without a result, and nothing remains of it, if a helper is given keys
 * or values that are too long, or is asked for more work, output or writes than a call may have.
 */
#define ADIT_HELPER static __attribute__((unused))

/* Records */

/**
 * Looks up the value of a key. `view` is set to its bytes from `offset` on, as far as they lie in
 * one piece: all of a value up to 64 KiB, pieces of 64 KiB of a longer one. They stay as they are
 * until the function ends.
 * Gives the bytes of the whole value; -1 if there is no such key, and a view of nothing.
 */
ADIT_HELPER __s64 (*const adit_get)(const void *key, __u64 key_bytes, __u64 offset, struct adit_view *view) =
    (__s64 (*)(const void *, __u64, __u64, struct adit_view *))1;

/**
 * Looks up `count` keys of `key_bytes` each, one behind the other, at most `room` of them, which is a
 * constant. All are fetched at once: where records are not in the caches of the processor this is
 * many times faster than one by one. Sets `room` views, those of absent keys and behind `count` to
 * nothing. Gives how many keys there are.
 */
ADIT_HELPER __s64 (*const adit_get_many)(const void *keys, __u64 key_bytes, __u64 count, struct adit_view *views, __u64 room) =
    (__s64 (*)(const void *, __u64, __u64, struct adit_view *, __u64))2;

/**
 * Gives the version of a key: it grows with each write. 0 if there is no such key, ADIT_STAGED if
 * this call has written it.
 */
ADIT_HELPER __u64 (*const adit_version)(const void *key, __u64 key_bytes) =
    (__u64 (*)(const void *, __u64))3;

/**
 * Writes a value; it never expires. As all writes it is seen by this call at once, by others when
 * the function has succeeded, and by nobody if it has not. Gives 0.
 *
 * Only for hooks that may write.
 */
ADIT_HELPER __s64 (*const adit_put)(const void *key, __u64 key_bytes, const void *value, __u64 value_bytes) =
    (__s64 (*)(const void *, __u64, const void *, __u64))4;

/**
 * Writes a value if `version` is that of the key, as adit_version gives it: 0 if there must be no
 * such key. Gives 0; -1 if the version is another, and nothing is written.
 *
 * Only for hooks that may write.
 */
ADIT_HELPER __s64 (*const adit_put_if)(const void *key, __u64 key_bytes, const void *value, __u64 value_bytes, __u64 version) =
    (__s64 (*)(const void *, __u64, const void *, __u64, __u64))5;

/**
 * Deletes a key. Gives 1; 0 if there was none.
 *
 * Only for hooks that may write.
 */
ADIT_HELPER __s64 (*const adit_delete)(const void *key, __u64 key_bytes) =
    (__s64 (*)(const void *, __u64))6;

/**
 * Adds to the number that is the value of a key, in decimal digits as INCRBY and ADD have it; a key
 * that is not there counts as 0. `sum` is set to what it is then. Gives 0; -1 if the value is no
 * number of 64 bits, -2 if the sum is none: nothing is written, and `sum` is what it was, or 0.
 *
 * Only for hooks that may write.
 */
ADIT_HELPER __s64 (*const adit_add)(const void *key, __u64 key_bytes, __s64 number, __s64 *sum) =
    (__s64 (*)(const void *, __u64, __s64, __s64 *))7;

/* The call */

/**
 * Appends bytes to the output of the call. Gives 0.
 */
ADIT_HELPER __s64 (*const adit_emit)(const void *data, __u64 bytes) =
    (__s64 (*)(const void *, __u64))8;

/**
 * Gives the time in milliseconds since 1970. It stands still while the function runs.
 */
ADIT_HELPER __s64 (*const adit_now_ms)(void) =
    (__s64 (*)(void))9;

/* Sums */

/**
 * Gives the sum of `count` elements, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_sum_i8)(const __s8 *values, __u64 count) =
    (__s64 (*)(const __s8 *, __u64))32;

/**
 * Gives the sum of `count` elements, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_sum_i16)(const __s16 *values, __u64 count) =
    (__s64 (*)(const __s16 *, __u64))33;

/**
 * Gives the sum of `count` elements, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_sum_i32)(const __s32 *values, __u64 count) =
    (__s64 (*)(const __s32 *, __u64))34;

/**
 * Gives the sum of `count` elements, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_sum_i64)(const __s64 *values, __u64 count) =
    (__s64 (*)(const __s64 *, __u64))35;

/**
 * Gives the sum of `count` elements, cut to 64 bits.
 */
ADIT_HELPER __u64 (*const adit_sum_u8)(const __u8 *values, __u64 count) =
    (__u64 (*)(const __u8 *, __u64))36;

/**
 * Gives the sum of `count` elements, cut to 64 bits.
 */
ADIT_HELPER __u64 (*const adit_sum_u16)(const __u16 *values, __u64 count) =
    (__u64 (*)(const __u16 *, __u64))37;

/**
 * Gives the sum of `count` elements, cut to 64 bits.
 */
ADIT_HELPER __u64 (*const adit_sum_u32)(const __u32 *values, __u64 count) =
    (__u64 (*)(const __u32 *, __u64))38;

/**
 * Gives the sum of `count` elements, cut to 64 bits.
 */
ADIT_HELPER __u64 (*const adit_sum_u64)(const __u64 *values, __u64 count) =
    (__u64 (*)(const __u64 *, __u64))39;

/* Least elements */

/**
 * Gives the least of `count` elements; 127 of none.
 */
ADIT_HELPER __s64 (*const adit_min_i8)(const __s8 *values, __u64 count) =
    (__s64 (*)(const __s8 *, __u64))40;

/**
 * Gives the least of `count` elements; 32767 of none.
 */
ADIT_HELPER __s64 (*const adit_min_i16)(const __s16 *values, __u64 count) =
    (__s64 (*)(const __s16 *, __u64))41;

/**
 * Gives the least of `count` elements; 2147483647 of none.
 */
ADIT_HELPER __s64 (*const adit_min_i32)(const __s32 *values, __u64 count) =
    (__s64 (*)(const __s32 *, __u64))42;

/**
 * Gives the least of `count` elements; 2^63 - 1 of none.
 */
ADIT_HELPER __s64 (*const adit_min_i64)(const __s64 *values, __u64 count) =
    (__s64 (*)(const __s64 *, __u64))43;

/**
 * Gives the least of `count` elements; 255 of none.
 */
ADIT_HELPER __u64 (*const adit_min_u8)(const __u8 *values, __u64 count) =
    (__u64 (*)(const __u8 *, __u64))44;

/**
 * Gives the least of `count` elements; 65535 of none.
 */
ADIT_HELPER __u64 (*const adit_min_u16)(const __u16 *values, __u64 count) =
    (__u64 (*)(const __u16 *, __u64))45;

/**
 * Gives the least of `count` elements; 4294967295 of none.
 */
ADIT_HELPER __u64 (*const adit_min_u32)(const __u32 *values, __u64 count) =
    (__u64 (*)(const __u32 *, __u64))46;

/**
 * Gives the least of `count` elements; 2^64 - 1 of none.
 */
ADIT_HELPER __u64 (*const adit_min_u64)(const __u64 *values, __u64 count) =
    (__u64 (*)(const __u64 *, __u64))47;

/* Greatest elements */

/**
 * Gives the greatest of `count` elements; -128 of none.
 */
ADIT_HELPER __s64 (*const adit_max_i8)(const __s8 *values, __u64 count) =
    (__s64 (*)(const __s8 *, __u64))48;

/**
 * Gives the greatest of `count` elements; -32768 of none.
 */
ADIT_HELPER __s64 (*const adit_max_i16)(const __s16 *values, __u64 count) =
    (__s64 (*)(const __s16 *, __u64))49;

/**
 * Gives the greatest of `count` elements; -2147483648 of none.
 */
ADIT_HELPER __s64 (*const adit_max_i32)(const __s32 *values, __u64 count) =
    (__s64 (*)(const __s32 *, __u64))50;

/**
 * Gives the greatest of `count` elements; -2^63 of none.
 */
ADIT_HELPER __s64 (*const adit_max_i64)(const __s64 *values, __u64 count) =
    (__s64 (*)(const __s64 *, __u64))51;

/**
 * Gives the greatest of `count` elements; 0 of none.
 */
ADIT_HELPER __u64 (*const adit_max_u8)(const __u8 *values, __u64 count) =
    (__u64 (*)(const __u8 *, __u64))52;

/**
 * Gives the greatest of `count` elements; 0 of none.
 */
ADIT_HELPER __u64 (*const adit_max_u16)(const __u16 *values, __u64 count) =
    (__u64 (*)(const __u16 *, __u64))53;

/**
 * Gives the greatest of `count` elements; 0 of none.
 */
ADIT_HELPER __u64 (*const adit_max_u32)(const __u32 *values, __u64 count) =
    (__u64 (*)(const __u32 *, __u64))54;

/**
 * Gives the greatest of `count` elements; 0 of none.
 */
ADIT_HELPER __u64 (*const adit_max_u64)(const __u64 *values, __u64 count) =
    (__u64 (*)(const __u64 *, __u64))55;

/* Elements above a threshold, counted */

/**
 * Gives how many of `count` elements are greater than `threshold`.
 */
ADIT_HELPER __u64 (*const adit_count_above_i8)(const __s8 *values, __u64 count, __s64 threshold) =
    (__u64 (*)(const __s8 *, __u64, __s64))56;

/**
 * Gives how many of `count` elements are greater than `threshold`.
 */
ADIT_HELPER __u64 (*const adit_count_above_i16)(const __s16 *values, __u64 count, __s64 threshold) =
    (__u64 (*)(const __s16 *, __u64, __s64))57;

/**
 * Gives how many of `count` elements are greater than `threshold`.
 */
ADIT_HELPER __u64 (*const adit_count_above_i32)(const __s32 *values, __u64 count, __s64 threshold) =
    (__u64 (*)(const __s32 *, __u64, __s64))58;

/**
 * Gives how many of `count` elements are greater than `threshold`.
 */
ADIT_HELPER __u64 (*const adit_count_above_i64)(const __s64 *values, __u64 count, __s64 threshold) =
    (__u64 (*)(const __s64 *, __u64, __s64))59;

/**
 * Gives how many of `count` elements are greater than `threshold`.
 */
ADIT_HELPER __u64 (*const adit_count_above_u8)(const __u8 *values, __u64 count, __u64 threshold) =
    (__u64 (*)(const __u8 *, __u64, __u64))60;

/**
 * Gives how many of `count` elements are greater than `threshold`.
 */
ADIT_HELPER __u64 (*const adit_count_above_u16)(const __u16 *values, __u64 count, __u64 threshold) =
    (__u64 (*)(const __u16 *, __u64, __u64))61;

/**
 * Gives how many of `count` elements are greater than `threshold`.
 */
ADIT_HELPER __u64 (*const adit_count_above_u32)(const __u32 *values, __u64 count, __u64 threshold) =
    (__u64 (*)(const __u32 *, __u64, __u64))62;

/**
 * Gives how many of `count` elements are greater than `threshold`.
 */
ADIT_HELPER __u64 (*const adit_count_above_u64)(const __u64 *values, __u64 count, __u64 threshold) =
    (__u64 (*)(const __u64 *, __u64, __u64))63;

/* Elements equal to a number, counted */

/**
 * Gives how many of `count` elements equal `number`.
 */
ADIT_HELPER __u64 (*const adit_count_equal_i8)(const __s8 *values, __u64 count, __s64 number) =
    (__u64 (*)(const __s8 *, __u64, __s64))64;

/**
 * Gives how many of `count` elements equal `number`.
 */
ADIT_HELPER __u64 (*const adit_count_equal_i16)(const __s16 *values, __u64 count, __s64 number) =
    (__u64 (*)(const __s16 *, __u64, __s64))65;

/**
 * Gives how many of `count` elements equal `number`.
 */
ADIT_HELPER __u64 (*const adit_count_equal_i32)(const __s32 *values, __u64 count, __s64 number) =
    (__u64 (*)(const __s32 *, __u64, __s64))66;

/**
 * Gives how many of `count` elements equal `number`.
 */
ADIT_HELPER __u64 (*const adit_count_equal_i64)(const __s64 *values, __u64 count, __s64 number) =
    (__u64 (*)(const __s64 *, __u64, __s64))67;

/**
 * Gives how many of `count` elements equal `number`.
 */
ADIT_HELPER __u64 (*const adit_count_equal_u8)(const __u8 *values, __u64 count, __u64 number) =
    (__u64 (*)(const __u8 *, __u64, __u64))68;

/**
 * Gives how many of `count` elements equal `number`.
 */
ADIT_HELPER __u64 (*const adit_count_equal_u16)(const __u16 *values, __u64 count, __u64 number) =
    (__u64 (*)(const __u16 *, __u64, __u64))69;

/**
 * Gives how many of `count` elements equal `number`.
 */
ADIT_HELPER __u64 (*const adit_count_equal_u32)(const __u32 *values, __u64 count, __u64 number) =
    (__u64 (*)(const __u32 *, __u64, __u64))70;

/**
 * Gives how many of `count` elements equal `number`.
 */
ADIT_HELPER __u64 (*const adit_count_equal_u64)(const __u64 *values, __u64 count, __u64 number) =
    (__u64 (*)(const __u64 *, __u64, __u64))71;

/* Elements above a threshold, summed up */

/**
 * Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_sum_above_i8)(const __s8 *values, __u64 count, __s64 threshold) =
    (__s64 (*)(const __s8 *, __u64, __s64))72;

/**
 * Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_sum_above_i16)(const __s16 *values, __u64 count, __s64 threshold) =
    (__s64 (*)(const __s16 *, __u64, __s64))73;

/**
 * Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_sum_above_i32)(const __s32 *values, __u64 count, __s64 threshold) =
    (__s64 (*)(const __s32 *, __u64, __s64))74;

/**
 * Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_sum_above_i64)(const __s64 *values, __u64 count, __s64 threshold) =
    (__s64 (*)(const __s64 *, __u64, __s64))75;

/**
 * Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.
 */
ADIT_HELPER __u64 (*const adit_sum_above_u8)(const __u8 *values, __u64 count, __u64 threshold) =
    (__u64 (*)(const __u8 *, __u64, __u64))76;

/**
 * Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.
 */
ADIT_HELPER __u64 (*const adit_sum_above_u16)(const __u16 *values, __u64 count, __u64 threshold) =
    (__u64 (*)(const __u16 *, __u64, __u64))77;

/**
 * Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.
 */
ADIT_HELPER __u64 (*const adit_sum_above_u32)(const __u32 *values, __u64 count, __u64 threshold) =
    (__u64 (*)(const __u32 *, __u64, __u64))78;

/**
 * Gives the sum of those of `count` elements that are greater than `threshold`, cut to 64 bits.
 */
ADIT_HELPER __u64 (*const adit_sum_above_u64)(const __u64 *values, __u64 count, __u64 threshold) =
    (__u64 (*)(const __u64 *, __u64, __u64))79;

/* Elements above a threshold, found */

/**
 * Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,
 * which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If
 * there are more than that the function ends.
 */
ADIT_HELPER __u64 (*const adit_select_above_i8)(const __s8 *values, __u64 count, __s64 threshold, __u32 *indexes, __u64 room) =
    (__u64 (*)(const __s8 *, __u64, __s64, __u32 *, __u64))80;

/**
 * Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,
 * which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If
 * there are more than that the function ends.
 */
ADIT_HELPER __u64 (*const adit_select_above_i16)(const __s16 *values, __u64 count, __s64 threshold, __u32 *indexes, __u64 room) =
    (__u64 (*)(const __s16 *, __u64, __s64, __u32 *, __u64))81;

/**
 * Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,
 * which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If
 * there are more than that the function ends.
 */
ADIT_HELPER __u64 (*const adit_select_above_i32)(const __s32 *values, __u64 count, __s64 threshold, __u32 *indexes, __u64 room) =
    (__u64 (*)(const __s32 *, __u64, __s64, __u32 *, __u64))82;

/**
 * Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,
 * which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If
 * there are more than that the function ends.
 */
ADIT_HELPER __u64 (*const adit_select_above_i64)(const __s64 *values, __u64 count, __s64 threshold, __u32 *indexes, __u64 room) =
    (__u64 (*)(const __s64 *, __u64, __s64, __u32 *, __u64))83;

/**
 * Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,
 * which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If
 * there are more than that the function ends.
 */
ADIT_HELPER __u64 (*const adit_select_above_u8)(const __u8 *values, __u64 count, __u64 threshold, __u32 *indexes, __u64 room) =
    (__u64 (*)(const __u8 *, __u64, __u64, __u32 *, __u64))84;

/**
 * Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,
 * which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If
 * there are more than that the function ends.
 */
ADIT_HELPER __u64 (*const adit_select_above_u16)(const __u16 *values, __u64 count, __u64 threshold, __u32 *indexes, __u64 room) =
    (__u64 (*)(const __u16 *, __u64, __u64, __u32 *, __u64))85;

/**
 * Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,
 * which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If
 * there are more than that the function ends.
 */
ADIT_HELPER __u64 (*const adit_select_above_u32)(const __u32 *values, __u64 count, __u64 threshold, __u32 *indexes, __u64 room) =
    (__u64 (*)(const __u32 *, __u64, __u64, __u32 *, __u64))86;

/**
 * Writes the indexes of those of `count` elements that are greater than `threshold` to `indexes`,
 * which has room for `room` of them; the rest of it is set to 0. Gives how many there are. If
 * there are more than that the function ends.
 */
ADIT_HELPER __u64 (*const adit_select_above_u64)(const __u64 *values, __u64 count, __u64 threshold, __u32 *indexes, __u64 room) =
    (__u64 (*)(const __u64 *, __u64, __u64, __u32 *, __u64))87;

/* Products */

/**
 * Gives the sum of the products of `count` pairs of elements, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_dot_i8)(const __s8 *left, const __s8 *right, __u64 count) =
    (__s64 (*)(const __s8 *, const __s8 *, __u64))88;

/**
 * Gives the sum of the products of `count` pairs of elements, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_dot_i16)(const __s16 *left, const __s16 *right, __u64 count) =
    (__s64 (*)(const __s16 *, const __s16 *, __u64))89;

/**
 * Gives the sum of the products of `count` pairs of elements, cut to 64 bits.
 */
ADIT_HELPER __s64 (*const adit_dot_i32)(const __s32 *left, const __s32 *right, __u64 count) =
    (__s64 (*)(const __s32 *, const __s32 *, __u64))90;

/* Matrices */

/**
 * Multiplies a matrix, which lies row by row, with a vector of `columns` elements and writes `rows`
 * sums, cut to 32 bits. Gives 0.
 */
ADIT_HELPER __s64 (*const adit_gemv_i8)(const __s8 *matrix, __u64 rows, __u64 columns, const __s8 *vector, __s32 *sums) =
    (__s64 (*)(const __s8 *, __u64, __u64, const __s8 *, __s32 *))96;

/**
 * Multiplies a matrix, which lies row by row, with a vector of `columns` elements and writes `rows`
 * sums, cut to 64 bits. Gives 0.
 */
ADIT_HELPER __s64 (*const adit_gemv_i16)(const __s16 *matrix, __u64 rows, __u64 columns, const __s16 *vector, __s64 *sums) =
    (__s64 (*)(const __s16 *, __u64, __u64, const __s16 *, __s64 *))97;

/**
 * Multiplies a matrix, which lies row by row, with a vector of `columns` elements and writes `rows`
 * sums, cut to 64 bits. Gives 0.
 */
ADIT_HELPER __s64 (*const adit_gemv_i32)(const __s32 *matrix, __u64 rows, __u64 columns, const __s32 *vector, __s64 *sums) =
    (__s64 (*)(const __s32 *, __u64, __u64, const __s32 *, __s64 *))98;

/* Bytes */

/**
 * Compares bytes as memcmp does; where one is the beginning of the other the longer is greater.
 * Gives -1, 0 or 1 as `left` is less, equal or greater.
 */
ADIT_HELPER __s64 (*const adit_compare)(const void *left, __u64 left_bytes, const void *right, __u64 right_bytes) =
    (__s64 (*)(const void *, __u64, const void *, __u64))112;

/**
 * Copies bytes as memmove does: they may overlap. Gives 0.
 */
ADIT_HELPER __s64 (*const adit_copy)(void *to, const void *from, __u64 bytes) =
    (__s64 (*)(void *, const void *, __u64))113;

/**
 * Sets bytes to the lowest byte of `value`, as memset does. Gives 0.
 */
ADIT_HELPER __s64 (*const adit_fill)(void *to, __u64 value, __u64 bytes) =
    (__s64 (*)(void *, __u64, __u64))114;

/**
 * Gives where `part` first occurs in `data`, counted in bytes; -1 if it does not.
 */
ADIT_HELPER __s64 (*const adit_find)(const void *data, __u64 bytes, const void *part, __u64 part_bytes) =
    (__s64 (*)(const void *, __u64, const void *, __u64))115;

/**
 * Gives where the lowest byte of `value` first occurs in `data`; -1 if it does not.
 */
ADIT_HELPER __s64 (*const adit_find_byte)(const void *data, __u64 bytes, __u64 value) =
    (__s64 (*)(const void *, __u64, __u64))116;

/**
 * Gives the 64 bits of XXH3 of bytes and a seed: the same everywhere and for ever. Who knows the seed
 * can find collisions.
 */
ADIT_HELPER __u64 (*const adit_hash)(const void *data, __u64 bytes, __u64 seed) =
    (__u64 (*)(const void *, __u64, __u64))117;

/**
 * Gives the CRC32C of bytes that follow those whose CRC32C is `before`, which is 0 at the start.
 */
ADIT_HELPER __u64 (*const adit_crc32c)(const void *data, __u64 bytes, __u64 before) =
    (__u64 (*)(const void *, __u64, __u64))118;

/* Numbers with 16 binary places */

/**
 * Gives e to the power of `x`, both in units of 2^-16; 2^31 - 1 where it is more than that. It is
 * off by at most 0.501 units.
 */
ADIT_HELPER __s64 (*const adit_exp_q16)(__s64 x) =
    (__s64 (*)(__s64))128;

/**
 * Gives 1 / (1 + e to the power of -`x`), both in units of 2^-16. It is off by at most 0.501 units.
 */
ADIT_HELPER __s64 (*const adit_sigmoid_q16)(__s64 x) =
    (__s64 (*)(__s64))129;

/**
 * Gives the hyperbolic tangent of `x`, both in units of 2^-16. It is off by at most 0.501 units.
 */
ADIT_HELPER __s64 (*const adit_tanh_q16)(__s64 x) =
    (__s64 (*)(__s64))130;

#undef ADIT_HELPER

#ifdef __cplusplus
}
#endif

#endif
