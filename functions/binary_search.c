// Where a number stands in a sorted value, without sending the value.
//
// Hook `call`. Input: the number (u32), then the key. The value: numbers (u32), ascending. The result is the index of the number, or
// -1 (all bits set) if it is not there.

#include "adit_fn.h"

ADIT_CALL __u64 binary_search(const struct adit_call *call) {
    const __u32 *wanted = (const void *)call->input;
    const __u8 *key = (const __u8 *)(wanted + 1);
    if (key > call->input_end)
        return -1;
    struct adit_view view;
    adit_get(key, call->input_end - key, 0, &view);
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
    return low;
}
