// Moves an amount from one account to another, or does nothing.
//
// Hook `call`. Input: the keys of the two accounts and the amount, u64 each. The value of an account: what is in it, an i64. The result
// is 1 if the amount was moved; 0 if there is not so much in the first account, too much in the second, or one is not there.
//
// Writes are staged: they reach the store together when the function returns, and not at all if it is stopped.

#include "adit_fn.h"

struct request {
    __u64 from;
    __u64 to;
    __s64 amount;
};

ADIT_CALL __u64 transfer(const struct adit_call *call) {
    const struct request *request = (const void *)call->input;
    if ((const __u8 *)(request + 1) > call->input_end || request->amount < 0)
        return 0;
    struct adit_view from, to;
    adit_get(&request->from, sizeof request->from, 0, &from);
    adit_get(&request->to, sizeof request->to, 0, &to);
    const __s64 *here = (const void *)from.data;
    const __s64 *there = (const void *)to.data;
    if ((const __u8 *)(here + 1) > from.end || (const __u8 *)(there + 1) > to.end)
        return 0;
    __s64 sum;
    if (*here < request->amount || __builtin_add_overflow(*there, request->amount, &sum))
        return 0;
    __s64 left = *here - request->amount;
    adit_put(&request->from, sizeof request->from, &left, sizeof left);
    // The second account is read anew, as it may be the first one: reads see what the call has staged.
    adit_get(&request->to, sizeof request->to, 0, &to);
    there = (const void *)to.data;
    if ((const __u8 *)(there + 1) > to.end)
        return 0;
    sum = *there + request->amount;
    adit_put(&request->to, sizeof request->to, &sum, sizeof sum);
    return 1;
}
