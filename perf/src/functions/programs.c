// The loops that `adit perf functions` compares engines by, written once: for machine bpf they are functions of Adit, for all others they are
// functions over memory, which `peer.c` and the example `engines` call.

#ifdef __bpf__
#include "adit_fn.h"
#define FUNCTION(name) ADIT_CALL __u64 name(const struct adit_call *call)
#define INPUT const __u8 *p = call->input, *end = call->input_end
#else
typedef signed char __s8;
typedef unsigned char __u8;
typedef int __s32;
typedef unsigned int __u32;
typedef unsigned long long __u64;
#define FUNCTION(name) __attribute__((visibility("default"), noinline)) __u64 name(const __u8 *p, const __u8 *end)
#define INPUT (void)p, (void)end
#endif

// Nothing: what a call costs.
FUNCTION(empty) {
    INPUT;
    return 0;
}

// Two fields of a record.
FUNCTION(projection) {
    INPUT;
    if (p + 32 > end)
        return 0;
    return *(const __u32 *)(p + 4) + *(const __u64 *)(p + 16);
}

// The sum of numbers of 8 bytes.
FUNCTION(sum) {
    INPUT;
    __u64 sum = 0;
    for (; p + 8 <= end; p += 8)
        sum += *(const __u64 *)p;
    return sum;
}

// The sum of those numbers of 4 bytes that are above the first one.
FUNCTION(filter) {
    INPUT;
    if (p + 4 > end)
        return 0;
    __u32 least = *(const __u32 *)p;
    __u64 sum = 0;
    for (p += 4; p + 4 <= end; p += 4) {
        __u32 number = *(const __u32 *)p;
        if (number > least)
            sum += number;
    }
    return sum;
}

// A layer of a net: 16 sums over 64 products of 8 bits; the index of the greatest.
FUNCTION(dense) {
    INPUT;
    if (p + 64 + 16 * 64 > end)
        return 0;
    const __s8 *input = (const __s8 *)p, *weights = input + 64;
    __s32 greatest = -1;
    __u64 index = 0;
    for (int row = 0; row < 16; row++) {
        __s32 sum = 0;
        for (int column = 0; column < 64; column++)
            sum += input[column] * weights[row * 64 + column];
        if (sum > greatest) {
            greatest = sum;
            index = row;
        }
    }
    return index;
}

#ifdef __bpf__
// It never ends.
FUNCTION(endless) {
    INPUT;
    for (__u64 i = 0;; i++)
        __asm__ volatile("" : "+r"(i));
}

// The same by helpers, which use the vector units.
FUNCTION(sum_helper) {
    INPUT;
    return adit_sum_u64((const __u64 *)p, (__u64)(end - p) / 8);
}

FUNCTION(filter_helper) {
    INPUT;
    return adit_sum_above_u32((const __u32 *)p, (__u64)(end - p) / 4, 0x80000000);
}

FUNCTION(dense_helper) {
    INPUT;
    if (p + 64 + 16 * 64 > end)
        return 0;
    __s32 sums[16];
    adit_gemv_i8((const __s8 *)p + 64, 16, 64, (const __s8 *)p, sums);
    __s32 greatest = -1;
    __u64 index = 0;
    for (int row = 0; row < 16; row++)
        if (sums[row] > greatest) {
            greatest = sums[row];
            index = row;
        }
    return index;
}

FUNCTION(max_helper) {
    INPUT;
    return adit_max_u32((const __u32 *)p, (__u64)(end - p) / 4);
}

FUNCTION(count_helper) {
    INPUT;
    return adit_count_above_u8(p, end - p, 100);
}

FUNCTION(crc_helper) {
    INPUT;
    return adit_crc32c(p, end - p, 0);
}

// 16 chains of records side by side: the key of the next record of each chain is the start of its value. As many rounds as the input says, behind the 16
// first keys.
FUNCTION(chains) {
    INPUT;
    if (p + 17 * 8 > end)
        return 0;
    __u64 keys[16];
    for (int i = 0; i < 16; i++)
        keys[i] = ((const __u64 *)p)[i];
    for (__u64 rounds = ((const __u64 *)p)[16]; rounds > 0; rounds--) {
        struct adit_view views[16];
        adit_get_many(keys, 8, 16, views, 16);
        for (int i = 0; i < 16; i++) {
            if (views[i].data + 8 > views[i].end)
                return i;
            keys[i] = *(const __u64 *)views[i].data;
        }
    }
    return keys[0];
}
#endif
