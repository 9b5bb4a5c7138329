// The sum of a column: all numbers of a value, by the vector unit.
//
// Hook `call`. Input: the key. The value: numbers (u32). The result is their sum. A loop in C would add them one by one; the
// helper adds a whole vector register of them at a time. A long value comes in pieces of 64 KiB.

#include "adit_fn.h"

ADIT_CALL __u64 column_sum(const struct adit_call *call) {
    __u64 sum = 0, offset = 0;
    __s64 bytes;
    do {
        struct adit_view piece;
        bytes = adit_get(call->input, call->input_end - call->input, offset, &piece);
        __u64 piece_bytes = piece.end - piece.data;
        sum += adit_sum_u32((const __u32 *)piece.data, piece_bytes / sizeof(__u32));
        offset += piece_bytes;
        // Behind the end a piece has no bytes.
        if (piece_bytes == 0)
            break;
    } while ((__s64)offset < bytes);
    return sum;
}
