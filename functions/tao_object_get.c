// An object of a social graph, as TAO (Bronson et al., USENIX ATC 2013, section 3) keeps it: a number, a type, and data.
//
// Hook `call`. Input: the number of the object and the type that it must have, both u64. The store: under the number, the type
// (u64) and the data behind it. The result is 1 and the data is emitted; 0, if there is no such object.

#include "adit_fn.h"

struct request {
    __u64 object;
    __u64 type;
};

ADIT_CALL __u64 tao_object_get(const struct adit_call *call) {
    const struct request *request = (const void *)call->input;
    if ((const __u8 *)(request + 1) > call->input_end)
        return 0;
    struct adit_view object;
    // The number is looked up where it lies, in the input.
    adit_get(&request->object, sizeof request->object, 0, &object);
    const __u64 *type = (const void *)object.data;
    const __u8 *data = (const __u8 *)(type + 1);
    if (data > object.end || *type != request->type)
        return 0;
    adit_emit(data, object.end - data);
    return 1;
}
