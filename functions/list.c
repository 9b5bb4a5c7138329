// A linked list that lies in the store: follows it for so many steps and adds up what its nodes carry.
//
// Hook `call`. Input: the key of the first node and the most steps, both u64. A node: the key of the next one and a number, both u64.
// The result is the sum. The walk ends early where a key is not there or its value is too short. One call does what would
// be as many requests of a client.

#include "adit_fn.h"

struct request {
    __u64 first;
    __u64 steps;
};

struct node {
    __u64 next;
    __u64 number;
};

ADIT_CALL __u64 list(const struct adit_call *call) {
    const struct request *request = (const void *)call->input;
    if ((const __u8 *)(request + 1) > call->input_end)
        return 0;
    // A key must lie in memory to be looked up: this one lies on the stack.
    __u64 key = request->first;
    __u64 sum = 0;
    for (__u64 left = request->steps; left > 0; left--) {
        struct adit_view view;
        adit_get(&key, sizeof key, 0, &view);
        // A key that is not there gives a view of nothing, so this covers both.
        const struct node *node = (const void *)view.data;
        if ((const __u8 *)(node + 1) > view.end)
            break;
        sum += node->number;
        key = node->next;
    }
    return sum;
}
