// Views, variables, the stack and calls, as people write them, each with its wrong twins.

#include "adit_fn.h"

#define LENGTH(call) ((__u64)((call)->input_end - (call)->input))

/// accepted
ADIT_CALL long follows_a_list(const struct adit_call *call) {
    if (call->input + 8 > call->input_end)
        return -1;
    __u64 key = *(const __u64 *)call->input, sum = 0;
    for (int i = 0; i < 100; i++) {
        struct adit_view view;
        if (adit_get(&key, sizeof key, 0, &view) < 0 || view.data + 16 > view.end)
            break;
        sum += *(const __u64 *)view.data;
        key = *(const __u64 *)(view.data + 8);
    }
    return (long)sum;
}

/// guarded
ADIT_CALL long takes_records_for_long(const struct adit_call *call) {
    if (call->input + 8 > call->input_end)
        return -1;
    __u64 key = *(const __u64 *)call->input, sum = 0;
    for (int i = 0; i < 100; i++) {
        struct adit_view view;
        if (adit_get(&key, sizeof key, 0, &view) < 0)
            break;
        sum += *(const __u64 *)view.data;
        key = *(const __u64 *)(view.data + 8);
    }
    return (long)sum;
}

/// refused a pointer is compared
ADIT_CALL long checks_with_the_wrong_end(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    adit_get(&key, sizeof key, 0, &view);
    return view.data + 8 <= call->input_end ? (long)*(const __u64 *)view.data : 0;
}

/// guarded
ADIT_CALL long checks_the_other_view(const struct adit_call *call) {
    __u64 keys[2] = {LENGTH(call), 8};
    struct adit_view views[2];
    adit_get(&keys[0], sizeof keys[0], 0, &views[0]);
    adit_get(&keys[1], sizeof keys[1], 0, &views[1]);
    if (views[0].data + 8 > views[0].end)
        return 0;
    return (long)*(const __u64 *)views[1].data;
}

/// accepted
ADIT_CALL long looks_up_many(const struct adit_call *call) {
    const __u8 *at = call->input;
    __u64 sum = 0;
    while (at + 8 <= call->input_end) {
        struct adit_view views[16];
        __u64 count = (__u64)(call->input_end - at) / 8;
        if (count > 16)
            count = 16;
        adit_get_many(at, 8, count, views, 16);
        for (__u64 i = 0; i < count; i++)
            for (const __u8 *from = views[i].data; from + 4 <= views[i].end; from += 4)
                sum += *(const __u32 *)from;
        at += count * 8;
    }
    return (long)sum;
}

/// guarded
ADIT_CALL long looks_at_more_than_were_looked_up(const struct adit_call *call) {
    struct adit_view views[16];
    if (LENGTH(call) < 128)
        return -1;
    adit_get_many(call->input, 8, 16, views, 16);
    __u64 sum = 0, count = *(const __u32 *)call->input;
    for (__u64 i = 0; i < count; i++)
        if (views[i].data + 4 <= views[i].end)
            sum += *(const __u32 *)views[i].data;
    return (long)sum;
}

static __u32 table[1024];

/// accepted
ADIT_CALL long hash_table(const struct adit_call *call) {
    for (const __u8 *at = call->input; at + 4 <= call->input_end; at += 4)
        table[(*(const __u32 *)at * 2654435761u) >> 22]++;
    __u32 most = 0;
    for (int i = 0; i < 1024; i++)
        if (table[i] > most)
            most = table[i];
    return most;
}

/// guarded
ADIT_CALL long hash_table_of_twice_the_size(const struct adit_call *call) {
    for (const __u8 *at = call->input; at + 4 <= call->input_end; at += 4)
        table[(*(const __u32 *)at * 2654435761u) >> 21]++;
    return table[3];
}

/// accepted
ADIT_CALL long histogram_on_the_stack(const struct adit_call *call) {
    __u64 counts[16] = {};
    for (const __u8 *at = call->input; at < call->input_end; at++)
        counts[*at & 15]++;
    __u64 sum = 0;
    for (int i = 0; i < 16; i++)
        sum += counts[i] * counts[i];
    return (long)sum;
}

/// guarded
ADIT_CALL long histogram_of_less(const struct adit_call *call) {
    __u64 counts[16] = {};
    for (const __u8 *at = call->input; at < call->input_end; at++)
        counts[*at]++;
    __u64 sum = 0;
    for (int i = 0; i < 16; i++)
        sum += counts[i] * counts[i];
    return (long)sum;
}

/// accepted
ADIT_CALL long search_through_a_graph(const struct adit_call *call) {
    __u8 stack[64];
    __u32 top = 0;
    __u64 seen = 0;
    if (LENGTH(call) < 256)
        return -1;
    stack[top++] = 0;
    while (top > 0) {
        __u8 node = stack[--top] & 63;
        if (seen >> node & 1)
            continue;
        seen |= 1ull << node;
        for (int i = 0; i < 4; i++) {
            __u8 next = call->input[node * 4 + i] & 63;
            if (!(seen >> next & 1) && top < 64)
                stack[top++] = next;
        }
    }
    return (long)seen;
}

/// guarded
ADIT_CALL long search_that_overflows(const struct adit_call *call) {
    __u8 stack[64];
    __u32 top = 0;
    __u64 seen = 0;
    if (LENGTH(call) < 256)
        return -1;
    stack[top++] = 0;
    while (top > 0) {
        __u8 node = stack[--top] & 63;
        if (seen >> node & 1)
            continue;
        seen |= 1ull << node;
        for (int i = 0; i < 4; i++) {
            __u8 next = call->input[node * 4 + i] & 63;
            if (!(seen >> next & 1))
                stack[top++] = next;
        }
    }
    return (long)seen;
}

static __attribute__((noinline)) __u64 sum_of(const __u8 *at, const __u8 *end) {
    __u64 sum = 0;
    for (; at + 8 <= end; at += 8)
        sum += *(const __u64 *)at;
    return sum;
}

static __attribute__((noinline)) __u64 mix(__u64 a, __u64 b) {
    return (a ^ b) * 31;
}

static __attribute__((noinline)) void fill(__u64 *numbers, __u64 from) {
#pragma clang loop unroll(disable)
    for (int i = 0; i < 8; i++)
        numbers[i] = from + i;
}

/// accepted
ADIT_CALL long calls_in_a_loop(const struct adit_call *call) {
    __u64 sum = sum_of(call->input, call->input_end);
    for (const __u8 *at = call->input; at + 8 <= call->input_end; at += 8)
        sum = mix(sum, *(const __u64 *)at);
    return (long)sum;
}

/// accepted
ADIT_CALL long lends_its_stack(const struct adit_call *call) {
    __u64 numbers[8] = {};
    fill(numbers, LENGTH(call));
    __u64 sum = 0;
    for (int i = 0; i < 8; i++)
        sum += numbers[i];
    return (long)sum;
}

/// accepted
ADIT_CALL long sum_of_a_part(const struct adit_call *call) {
    const __u64 *numbers = (const void *)call->input;
    __u64 count = LENGTH(call) / 8;
    return count ? (long)adit_sum_u64(numbers, count) : 0;
}

/// guarded
ADIT_CALL long sum_of_too_much(const struct adit_call *call) {
    const __u64 *numbers = (const void *)call->input;
    return (long)adit_sum_u64(numbers, LENGTH(call) / 7);
}

/// refused the result would be a pointer
ADIT_CALL long returns_a_pointer(const struct adit_call *call) {
    return (long)call->input;
}

__u64 kept;

/// refused a pointer would be stored
ADIT_CALL long stores_a_pointer(const struct adit_call *call) {
    kept = (__u64)call->input;
    return 0;
}

/// refused memory is accessed through what is no pointer
ADIT_CALL long makes_a_pointer(const struct adit_call *call) {
    if (LENGTH(call) < 8)
        return -1;
    return *(const __u8 *)*(const __u64 *)call->input;
}

/// refused has to be a number
ADIT_CALL long gives_a_pointer_away(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    return adit_get(&key, sizeof key, (__u64)call->input, &view);
}

/// refused may be part of a pointer
ADIT_CALL long emits_a_pointer(const struct adit_call *call) {
    struct adit_view view = {call->input, call->input_end};
    adit_emit(&view, sizeof view);
    return 0;
}

/// refused this memory is read-only
ADIT_CALL long writes_to_the_input(const struct adit_call *call) {
    if (LENGTH(call) >= 1)
        *(__u8 *)call->input = 1;
    return 0;
}

/// accepted
ADIT_CALL long longest_record(const struct adit_call *call) {
    const __u8 *best = 0, *best_end = 0;
    __u64 most = 0;
    struct adit_view view;
    for (__u64 key = 0; key < 8; key++) {
        if (adit_get(&key, sizeof key, 0, &view) < 0)
            continue;
        if ((__u64)(view.end - view.data) > most) {
            most = view.end - view.data;
            best = view.data;
            best_end = view.end;
        }
    }
    if (!best || best + 8 > best_end)
        return (long)(call->input_end - call->input);
    return (long)*(const __u64 *)best;
}

/// refused a pointer is used that may be null
ADIT_CALL long longest_record_if_there_is_one(const struct adit_call *call) {
    const __u8 *best = 0;
    for (__u64 key = 0; key < 8; key++) {
        struct adit_view view;
        if (adit_get(&key, sizeof key, 0, &view) >= 0 && view.data + 8 <= view.end)
            best = view.data;
    }
    return (long)*(const __u64 *)best + (call->input_end - call->input);
}

/// accepted
ADIT_CALL long record_or_input(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    const __u8 *at = call->input, *end = call->input_end;
    if (adit_get(&key, sizeof key, 0, &view) >= 0) {
        at = view.data;
        end = view.end;
    }
    __u64 sum = 0;
    for (; at + 4 <= end; at += 4)
        sum += *(const __u32 *)at;
    return (long)sum;
}

/// guarded
ADIT_CALL long record_or_input_too_far(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    const __u8 *at = call->input, *end = call->input_end;
    if (adit_get(&key, sizeof key, 0, &view) >= 0) {
        at = view.data;
        end = view.end;
    }
    __u64 sum = 0;
    for (; at + 3 <= end; at += 4)
        sum += *(const __u32 *)at;
    return (long)sum;
}

struct point {
    __u32 x, y;
};

/// accepted
ADIT_CALL long record_or_default(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    struct point origin = {(__u32)(call->input_end - call->input), 2};
    const struct point *point = &origin;
    if (adit_get(&key, sizeof key, 0, &view) >= 0 && view.data + sizeof *point <= view.end)
        point = (const void *)view.data;
    __u64 sum = 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 10; i++)
        sum = sum * point->x + point->y;
    return (long)sum;
}

/// guarded
ADIT_CALL long short_record_or_default(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    struct point origin = {(__u32)(call->input_end - call->input), 2};
    const struct point *point = &origin;
    if (adit_get(&key, sizeof key, 0, &view) >= 0 && view.data + 4 <= view.end)
        point = (const void *)view.data;
    __u64 sum = 0;
#pragma clang loop unroll(disable)
    for (int i = 0; i < 10; i++)
        sum = sum * point->x + point->y;
    return (long)sum;
}

/// accepted
ADIT_CALL long list_from_the_input(const struct adit_call *call) {
    const __u8 *at = call->input, *end = call->input_end;
    struct adit_view view;
    __u64 sum = 0;
    while (at + 16 <= end) {
        __u64 key = *(const __u64 *)(at + 8);
        sum += *(const __u64 *)at;
        if (adit_get(&key, sizeof key, 0, &view) < 0)
            break;
        at = view.data;
        end = view.end;
    }
    return (long)sum;
}
