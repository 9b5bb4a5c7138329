// How many people are within so many hops of one: a search through a graph of friends, level by level.
//
// Hook `call`. Input: the number of the first person and the hops, both u32. The store: under the number of a person (u32), the numbers of
// his friends (u32 each). The result is the count without the first person. Numbers of NODES and above are passed over.
//
// Variables are part of the function and made anew for each call. People whose friends are still to be looked at stand in one
// queue, so that 16 neighbouring keys are looked up at a time: the store fetches them from memory side by side.

#include "adit_fn.h"

enum { NODES = 4096, BATCH = 16 };

struct request {
    __u32 first;
    __u32 hops;
};

// The queue ends with room for a batch, so that one may start at each place.
static __u32 queue[NODES + BATCH];
static __u64 seen[NODES / 64];

ADIT_CALL __u64 friends(const struct adit_call *call) {
    const struct request *request = (const void *)call->input;
    if ((const __u8 *)(request + 1) > call->input_end || request->first >= NODES)
        return 0;
    queue[0] = request->first;
    seen[request->first / 64] |= 1ull << (request->first % 64);

    __u32 head = 0, tail = 1;
    for (__u32 hops = request->hops; hops > 0 && head < tail; hops--) {
        __u32 level_end = tail;
        while (head < level_end && head < NODES) {
            struct adit_view friends[BATCH];
            __u32 count = level_end - head;
            if (count > BATCH)
                count = BATCH;
            adit_get_many(&queue[head], sizeof queue[0], count, friends, BATCH);
            head += count;
            for (__u32 i = 0; i < count; i++) {
                const __u32 *friend = (const void *)friends[i].data;
                for (; (const __u8 *)(friend + 1) <= friends[i].end; friend++) {
                    __u32 node = *friend;
                    if (node >= NODES || tail >= NODES)
                        continue;
                    __u64 bit = 1ull << (node % 64);
                    if (seen[node / 64] & bit)
                        continue;
                    seen[node / 64] |= bit;
                    queue[tail++] = node;
                }
            }
        }
    }
    return tail - 1;
}
