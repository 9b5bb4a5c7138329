// The records with the greatest scores of a bucket, greatest first.
//
// Hook `aggregate`. A key is a number, a value a score, both u64. The state is a table of (score, key), as long as
// there is room: 160 bytes of state give the ten greatest. A score of 0 is an empty place.

#include "adit_fn.h"

struct place {
    __u64 score;
    __u64 key;
};

ADIT_AGGREGATE __u64 top_k(const struct adit_aggregate *record) {
    const __u64 *key = (const void *)record->key;
    const __u64 *score = (const void *)record->value;
    if ((const __u8 *)(key + 1) > record->key_end || (const __u8 *)(score + 1) > record->value_end)
        return 0;
    struct place next = {*score, *key};
    // What is pushed out of a place moves down to the next one.
    struct place *place = (void *)record->state;
    for (; (__u8 *)(place + 1) <= record->state_end; place++) {
        if (place->score >= next.score)
            continue;
        struct place out = *place;
        *place = next;
        next = out;
        if (next.score == 0)
            break;
    }
    return 1;
}
