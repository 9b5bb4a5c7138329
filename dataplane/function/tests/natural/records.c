// Records with lengths, searches and comparisons, as people write them, each with its wrong twins.

#include "adit_fn.h"

#define LENGTH(call) ((__u64)((call)->input_end - (call)->input))

/// accepted
ADIT_CALL long records(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    __u64 sum = 0;
    while (at + 2 <= end) {
        __u64 length = *(const __u16 *)at;
        at += 2;
        if (at + length > end)
            return -1;
        for (__u64 i = 0; i < length; i++)
            sum += at[i];
        at += length;
    }
    return (long)sum;
}

/// accepted
ADIT_CALL long records_by_what_is_left(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    __u64 sum = 0;
    while (at + 2 <= end) {
        __u64 length = *(const __u16 *)at;
        at += 2;
        if (length > (__u64)(end - at))
            return -1;
        for (__u64 i = 0; i < length; i++)
            sum += at[i];
        at += length;
    }
    return (long)sum;
}

/// guarded
ADIT_CALL long records_with_their_lengths_forgotten(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    __u64 sum = 0;
    while (at + 2 <= end) {
        __u64 length = *(const __u16 *)at;
        if (at + length > end)
            return -1;
        at += 2;
        for (__u64 i = 0; i < length; i++)
            sum += at[i];
        at += length;
    }
    return (long)sum;
}

/// refused it may point so far from its memory
ADIT_CALL long records_that_wrap(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    __u64 sum = 0;
    while (at + 8 <= end) {
        __u64 length = *(const __u64 *)at;
        if (at + length > end)
            return -1;
        sum += at[length - 1];
        at += length;
    }
    return (long)sum;
}

/// accepted
ADIT_CALL long search(const struct adit_call *call) {
    if (LENGTH(call) < 8)
        return -1;
    __u32 key = *(const __u32 *)call->input;
    const __u32 *keys = (const void *)(call->input + 8);
    __u64 low = 0, high = (LENGTH(call) - 8) / 4;
    while (low < high) {
        __u64 middle = (low + high) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return (long)low;
}

/// accepted
ADIT_CALL long search_with_words(const struct adit_call *call) {
    if (call->input + 8 > call->input_end)
        return -1;
    __u32 key = *(const __u32 *)call->input;
    const __u32 *keys = (const void *)(call->input + 8);
    __u32 low = 0, high = (__u64)(call->input_end - (const __u8 *)keys) / 4;
    while (low < high) {
        __u32 middle = low + (high - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/// guarded
ADIT_CALL long search_too_far(const struct adit_call *call) {
    if (LENGTH(call) < 8)
        return -1;
    __u32 key = *(const __u32 *)call->input;
    const __u32 *keys = (const void *)(call->input + 8);
    __u64 low = 0, high = (LENGTH(call) - 8) / 4;
    while (low <= high) {
        __u64 middle = (low + high) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else if (middle)
            high = middle - 1;
        else
            break;
    }
    return (long)low;
}

/// accepted
ADIT_CALL long two_walks(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    if (at + 8 > end)
        return -1;
    __u64 length = *(const __u32 *)at;
    at += 8;
    if (length > (__u64)(end - at))
        return -1;
    const __u8 *a = at, *b = at + length;
    while (a < at + length && b < end) {
        if (*a != *b)
            return *a < *b ? 1 : 2;
        a++;
        b++;
    }
    return 0;
}

/// accepted
ADIT_CALL long compares_with_a_record(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    if (adit_get(&key, sizeof key, 0, &view) < 0)
        return -1;
    const __u8 *a = view.data, *b = call->input;
    __u64 n = view.end - view.data, m = LENGTH(call), least = n < m ? n : m;
    for (__u64 i = 0; i < least; i++)
        if (a[i] != b[i])
            return (long)a[i] - b[i];
    return (long)(n - m);
}

/// guarded
ADIT_CALL long compares_with_the_longer_one(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    if (adit_get(&key, sizeof key, 0, &view) < 0)
        return -1;
    const __u8 *a = view.data, *b = call->input;
    __u64 n = view.end - view.data, m = LENGTH(call), most = n > m ? n : m;
    for (__u64 i = 0; i < most; i++)
        if (a[i] != b[i])
            return (long)a[i] - b[i];
    return (long)(n - m);
}

/// accepted
ADIT_CALL long machine(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    __u64 sum = 0;
    while (at + 2 <= end) {
        __u8 operation = at[0], by = at[1];
        at += 2;
        switch (operation) {
        case 0: sum += by; break;
        case 1: sum -= by; break;
        case 2: sum *= by; break;
        case 3: sum ^= by; break;
        case 4:
            if (at + 8 > end)
                return -1;
            sum += *(const __u64 *)at;
            at += 8;
            break;
        case 9: return (long)sum;
        default: return -1;
        }
    }
    return (long)sum;
}

/// guarded
ADIT_CALL long checks_with_a_sign(const struct adit_call *call) {
    if (LENGTH(call) < 8)
        return -1;
    long index = *(const long *)call->input;
    if (index >= (long)LENGTH(call))
        return -1;
    return call->input[index];
}

/// accepted
ADIT_CALL long checks_without_a_sign(const struct adit_call *call) {
    if (LENGTH(call) < 8)
        return -1;
    __u64 index = *(const __u64 *)call->input;
    if (index >= LENGTH(call))
        return -1;
    return call->input[index];
}

/// guarded
ADIT_CALL long index_that_is_cut_late(const struct adit_call *call) {
    if (LENGTH(call) < 8)
        return -1;
    __u64 index = *(const __u64 *)call->input;
    if ((__u32)index >= LENGTH(call))
        return -1;
    return call->input[index];
}
