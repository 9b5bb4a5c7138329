// Associations of an object of a social graph, as TAO (Bronson et al., USENIX ATC 2013, section 3) keeps them: those of one
// type, newest first, from a position on.
//
// Hook `call`. Input: the object and the type (u64), the position and the most associations (u32). The store: under object and
// type (16 bytes), associations of 16 bytes: the other object and the time, both u64. They are emitted as they stand; the
// result is their number.

#include "adit_fn.h"

struct request {
    __u64 object;
    __u64 type;
    __u32 position;
    __u32 limit;
};

struct association {
    __u64 object;
    __u64 time;
};

ADIT_CALL __u64 tao_assoc_range(const struct adit_call *call) {
    const struct request *request = (const void *)call->input;
    if ((const __u8 *)(request + 1) > call->input_end)
        return 0;
    struct adit_view list;
    // Object and type, as they lie in the input, are the key. Only the part from the position on is asked for.
    adit_get(request, 16, request->position * sizeof(struct association), &list);
    __u64 count = (__u64)(list.end - list.data) / sizeof(struct association);
    if (count > request->limit)
        count = request->limit;
    adit_emit(list.data, count * sizeof(struct association));
    return count;
}
