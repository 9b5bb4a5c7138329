// The sum of a column: all numbers of a value, by the vector unit.
//
// Hook `call`. Input: the key. The value: numbers (u32). The result is their sum. A loop in C would add them one by one; the
// helper adds a whole vector register of them at a time.

#include "adit_fn.h"

ADIT_CALL __u64 column_sum(const struct adit_call *call) {
    struct adit_view column;
    adit_get(call->input, call->input_end - call->input, 0, &column);
    return adit_sum_u32((const __u32 *)column.data, (__u64)(column.end - column.data) / sizeof(__u32));
}
