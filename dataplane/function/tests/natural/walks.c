// Walks over the input, as people write them, each with its wrong twins. The line above a function says what becomes of it.

#include "adit_fn.h"

#define LENGTH(call) ((__u64)((call)->input_end - (call)->input))

/// accepted
ADIT_CALL long pointer_walk(const struct adit_call *call) {
    __u64 sum = 0;
    for (const __u8 *at = call->input; at + 8 <= call->input_end; at += 8)
        sum += *(const __u64 *)at;
    return (long)sum;
}

/// guarded
ADIT_CALL long pointer_walk_too_far(const struct adit_call *call) {
    __u64 sum = 0;
    for (const __u8 *at = call->input; at + 7 <= call->input_end; at += 8)
        sum += *(const __u64 *)at;
    return (long)sum;
}

/// guarded
ADIT_CALL long pointer_walk_without_check(const struct adit_call *call) {
    __u64 sum = 0;
    for (const __u8 *at = call->input; *(const __u64 *)at; at += 8)
        sum += *(const __u64 *)at;
    return (long)sum;
}

/// guarded
ADIT_CALL long checked_before_the_step(const struct adit_call *call) {
    __u64 sum = 0;
    const __u8 *at = call->input;
    while (at + 8 <= call->input_end) {
        at += 8;
        sum += *(const __u64 *)at;
    }
    return (long)sum;
}

/// guarded
ADIT_CALL long looks_before_the_start(const struct adit_call *call) {
    __u64 sum = 0;
    for (const __u8 *at = call->input; at + 8 <= call->input_end; at += 8)
        sum += *(at - 1);
    return (long)sum;
}

/// accepted
ADIT_CALL long index_walk(const struct adit_call *call) {
    const __u64 *numbers = (const void *)call->input;
    __u64 sum = 0;
    for (__u64 i = 0; i < LENGTH(call) / 8; i++)
        sum += numbers[i];
    return (long)sum;
}

/// guarded
ADIT_CALL long index_walk_too_far(const struct adit_call *call) {
    const __u64 *numbers = (const void *)call->input;
    __u64 sum = 0;
    for (__u64 i = 0; i <= LENGTH(call) / 8; i++)
        sum += numbers[i];
    return (long)sum;
}

/// guarded
ADIT_CALL long index_walk_of_larger_steps(const struct adit_call *call) {
    const __u64 *numbers = (const void *)call->input;
    __u64 sum = 0;
    for (__u64 i = 0; i < LENGTH(call) / 4; i++)
        sum += numbers[i];
    return (long)sum;
}

/// accepted
ADIT_CALL long index_walk_of_words(const struct adit_call *call) {
    const __u64 *numbers = (const void *)call->input;
    __u32 count = LENGTH(call) / 8;
    __u64 sum = 0;
    for (__u32 i = 0; i < count; i++)
        sum += numbers[i];
    return (long)sum;
}

/// accepted
ADIT_CALL long index_walk_of_integers(const struct adit_call *call) {
    const __u64 *numbers = (const void *)call->input;
    int count = LENGTH(call) / 8;
    __u64 sum = 0;
    for (int i = 0; i < count; i++)
        sum += numbers[i];
    return (long)sum;
}

/// accepted
ADIT_CALL long byte_walk(const struct adit_call *call) {
    __u64 sum = 0;
    for (__u64 i = 0; i < LENGTH(call); i++)
        sum += call->input[i];
    return (long)sum;
}

/// accepted
ADIT_CALL long backwards(const struct adit_call *call) {
    __u64 sum = 0;
    for (const __u8 *at = call->input_end; at > call->input;)
        sum = sum * 31 + *--at;
    return (long)sum;
}

/// guarded
ADIT_CALL long backwards_too_far(const struct adit_call *call) {
    __u64 sum = 0;
    for (const __u8 *at = call->input_end; at >= call->input;)
        sum = sum * 31 + *--at;
    return (long)sum;
}

/// accepted
ADIT_CALL long behind_a_header(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    if (at + 8 > end)
        return -1;
    __u32 least = *(const __u32 *)at;
    __u64 sum = 0;
    for (at += 8; at + 8 <= end; at += 8)
        if (*(const __u32 *)at > least)
            sum += *(const __u32 *)(at + 4);
    return (long)sum;
}

/// accepted
ADIT_CALL long rows_and_columns(const struct adit_call *call) {
    __u64 sum = 0, rows = LENGTH(call) / 16;
    for (__u64 row = 0; row < rows; row++)
#pragma clang loop unroll(disable)
        for (__u64 column = 0; column < 16; column++)
            sum += call->input[row * 16 + column] * column;
    return (long)sum;
}

/// guarded
ADIT_CALL long rows_and_too_many_columns(const struct adit_call *call) {
    __u64 sum = 0, rows = LENGTH(call) / 16;
    for (__u64 row = 0; row < rows; row++)
#pragma clang loop unroll(disable)
        for (__u64 column = 0; column < 17; column++)
            sum += call->input[row * 16 + column] * column;
    return (long)sum;
}

/// accepted
ADIT_CALL long rows_of_a_width(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    if (at + 8 > end)
        return -1;
    __u64 width = *(const __u32 *)at, sum = 0;
    for (at += 8; at + width <= end && width; at += width)
        for (__u64 i = 0; i < width; i++)
            sum += at[i] * i;
    return (long)sum;
}

/// accepted
ADIT_CALL long matrix(const struct adit_call *call) {
    const signed char *numbers = (const void *)call->input;
    if (LENGTH(call) < 64 + 16 * 64)
        return -1;
    long best = 0;
    for (int row = 0; row < 16; row++) {
        int sum = 0;
        for (int i = 0; i < 64; i++)
            sum += numbers[64 + row * 64 + i] * numbers[i];
        if (sum > best)
            best = sum;
    }
    return best;
}

/// guarded
ADIT_CALL long matrix_of_less(const struct adit_call *call) {
    const signed char *numbers = (const void *)call->input;
    if (LENGTH(call) < 64 + 16 * 64 - 1)
        return -1;
    long best = 0;
    for (int row = 0; row < 16; row++) {
        int sum = 0;
        for (int i = 0; i < 64; i++)
            sum += numbers[64 + row * 64 + i] * numbers[i];
        if (sum > best)
            best = sum;
    }
    return best;
}
