// Count, sum, least and greatest of all values of a bucket.
//
// Hook `aggregate`: all records go by, one for each call, and the state lives from the first to the last; it starts with zeros. A value
// is an i64; others are passed over. The state: count (u64), sum, least and greatest (i64 each).

#include "adit_fn.h"

struct state {
    __u64 count;
    __s64 sum;
    __s64 least;
    __s64 greatest;
};

ADIT_AGGREGATE __u64 aggregate(const struct adit_aggregate *record) {
    struct state *state = (void *)record->state;
    const __s64 *value = (const void *)record->value;
    if ((__u8 *)(state + 1) > record->state_end || (const __u8 *)(value + 1) > record->value_end)
        return 0;
    __s64 number = *value;
    if (state->count == 0 || number < state->least)
        state->least = number;
    if (state->count == 0 || number > state->greatest)
        state->greatest = number;
    state->sum += number;
    state->count++;
    return 1;
}
