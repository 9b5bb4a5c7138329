// Where a number stands in a sorted value, without sending the value.
//
// Hook `call`. Input: the number (u32), then the key. The value: numbers (u32), ascending. The result is the index of the number, or
// -1 (all bits set) if it is not there.

#include "adit_fn.h"

// Bytes of a piece of a long value.
#define PIECE 65536

ADIT_CALL __u64 binary_search(const struct adit_call *call) {
    const __u32 *wanted = (const void *)call->input;
    const __u8 *key = (const __u8 *)(wanted + 1);
    if (key > call->input_end)
        return -1;
    struct adit_view view;
    __s64 bytes = adit_get(key, call->input_end - key, 0, &view);
    // A long value comes in pieces of 64 KiB: the one where the number would stand begins with the last number that is not above it.
    __u64 start = 0, behind = bytes > 0 ? bytes : 0;
    while (behind - start > PIECE) {
        __u64 middle = start + (behind - start) / 2 / PIECE * PIECE;
        if (middle == start)
            middle = start + PIECE;
        adit_get(key, call->input_end - key, middle, &view);
        if (view.data + sizeof(__u32) > view.end || *(const __u32 *)view.data > *wanted)
            behind = middle;
        else
            start = middle;
    }
    adit_get(key, call->input_end - key, start, &view);
    const __u32 *numbers = (const void *)view.data;
    __u32 low = 0, high = (__u64)(view.end - view.data) / sizeof(__u32);
    while (low < high) {
        __u32 middle = low + (high - low) / 2;
        if (numbers[middle] < *wanted)
            low = middle + 1;
        else
            high = middle;
    }
    const __u32 *found = numbers + low;
    if ((const __u8 *)(found + 1) > view.end || *found != *wanted)
        return -1;
    return start / sizeof(__u32) + low;
}
