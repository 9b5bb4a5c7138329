// Small functions with the habits of real ones, for the corpus of the fuzzer: the shorter a program the more of its changes are tried.

#include "adit_fn.h"

#define NOT_INLINED static __attribute__((noinline))

// Walks by pointer, by index, by length.

ADIT_CALL __u64 walk(const struct adit_call *call) {
    __u64 sum = 0;
    for (const __u8 *at = call->input; at + 8 <= call->input_end; at += 8)
        sum += *(const __u64 *)at;
    return sum;
}

ADIT_CALL __u64 walk_back(const struct adit_call *call) {
    __u64 sum = 0;
    for (const __u8 *at = call->input_end; at > call->input; at--)
        sum = sum * 31 + at[-1];
    return sum;
}

ADIT_CALL __u64 walk_until(const struct adit_call *call) {
    const __u8 *at = call->input;
    while (at != call->input_end && *at != ' ')
        at++;
    return at - call->input;
}

ADIT_CALL __u64 index_bytes(const struct adit_call *call) {
    __u64 count = call->input_end - call->input, sum = 0;
    for (__u64 index = 0; index < count; index++)
        sum += call->input[index];
    return sum;
}

ADIT_CALL __u64 index_words(const struct adit_call *call) {
    const __u32 *words = (const void *)call->input;
    __u32 count = (__u64)(call->input_end - call->input) / 4, sum = 0;
    for (__u32 index = 0; index < count; index++)
        sum += words[index];
    return sum;
}

ADIT_CALL __s64 index_signed(const struct adit_call *call) {
    int count = (int)(call->input_end - call->input);
    __s64 sum = 0;
    for (int index = count - 1; index >= 0; index--)
        sum += (signed char)call->input[index];
    return sum;
}

ADIT_CALL __u64 pairs(const struct adit_call *call) {
    __u64 count = (__u64)(call->input_end - call->input) / 16, best = 0;
    const __u64 *numbers = (const void *)call->input;
    for (__u64 index = 0; index < count; index++)
        if (numbers[2 * index] > numbers[2 * index + 1])
            best = index;
    return best;
}

ADIT_CALL __u64 records(const struct adit_call *call) {
    const __u8 *at = call->input;
    __u64 count = 0;
    while (at + 2 <= call->input_end) {
        __u64 bytes = *(const __u16 *)at;
        at += 2;
        if (bytes > (__u64)(call->input_end - at))
            break;
        if (bytes > 0)
            count += at[bytes - 1];
        at += bytes;
    }
    return count;
}

ADIT_CALL __u64 field_at(const struct adit_call *call) {
    const __u8 *start = call->input;
    if (start + 4 > call->input_end)
        return 0;
    __u64 offset = *(const __u16 *)start, bytes = *(const __u16 *)(start + 2);
    if (start + 4 + offset + bytes > call->input_end)
        return 1;
    __u64 sum = 0;
    for (__u64 index = 0; index < bytes; index++)
        sum += start[4 + offset + index];
    return sum;
}

ADIT_CALL __u64 nested(const struct adit_call *call) {
    __u64 count = call->input_end - call->input, equal = 0;
    for (__u64 left = 0; left < count; left++)
        for (__u64 right = left + 1; right < count; right++)
            equal += call->input[left] == call->input[right];
    return equal;
}

ADIT_FILTER __u64 same(const struct adit_filter *filter) {
    const __u8 *left = filter->value, *right = filter->input;
    while (left < filter->value_end && right < filter->input_end) {
        if (*left++ != *right++)
            return 0;
    }
    return 1;
}

ADIT_FILTER __u64 halves(const struct adit_filter *filter) {
    const __u32 *sorted = (const void *)filter->value;
    __u32 low = 0, high = (__u64)(filter->value_end - filter->value) / 4;
    while (low < high) {
        __u32 middle = low + (high - low) / 2;
        if (sorted[middle] < filter->version)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// The stack, variables and constants.

ADIT_CALL __u64 histogram(const struct adit_call *call) {
    __u32 counts[16] = {0};
    for (const __u8 *at = call->input; at < call->input_end; at++)
        counts[*at & 15]++;
    __u64 most = 0;
    for (int index = 1; index < 16; index++)
        if (counts[index] > counts[most])
            most = index;
    return most;
}

ADIT_CALL __u64 ring(const struct adit_call *call) {
    __u64 last[8] = {0}, next = 0;
    for (const __u8 *at = call->input; at + 8 <= call->input_end; at += 8)
        last[next++ % 8] = *(const __u64 *)at;
    return last[next % 8];
}

ADIT_CALL __u64 queue(const struct adit_call *call) {
    __u16 waiting[32];
    __u32 head = 0, tail = 0;
    for (const __u8 *at = call->input; at < call->input_end && tail < 32; at++)
        waiting[tail++] = *at;
    __u64 sum = 0;
    while (head < tail)
        sum += waiting[head++];
    return sum;
}

__u64 table[16];
__u8 seen[32];

ADIT_CALL __u64 hash_table(const struct adit_call *call) {
    for (const __u8 *at = call->input; at + 4 <= call->input_end; at += 4) {
        __u32 key = *(const __u32 *)at;
        table[key * 2654435769u >> 28] += key;
    }
    return table[3] + table[12];
}

ADIT_CALL __u64 bitmap(const struct adit_call *call) {
    __u64 count = 0;
    for (const __u8 *at = call->input; at < call->input_end; at++) {
        __u8 bit = 1 << (*at & 7);
        if (seen[*at >> 3] & bit)
            count++;
        seen[*at >> 3] |= bit;
    }
    return count;
}

static const __u16 primes[8] = {2, 3, 5, 7, 11, 13, 17, 19};

ADIT_CALL __u64 weigh(const struct adit_call *call) {
    __u64 sum = 0, index = 0;
    for (const __u8 *at = call->input; at < call->input_end; at++)
        sum += *at * primes[index++ & 7];
    return sum;
}

ADIT_CALL __u64 kinds(const struct adit_call *call) {
    if (call->input + 9 > call->input_end)
        return 0;
    switch (call->input[0]) {
    case 0: return *(const __u64 *)(call->input + 1);
    case 1: return *(const __u32 *)(call->input + 5);
    case 2: return (__u64) * (const __s16 *)(call->input + 3);
    case 3: return call->input[8];
    case 4: return primes[call->input[1] % 8];
    default: return 1;
    }
}

// Functions of the program.

NOT_INLINED __u64 sum_of(const __u8 *at, const __u8 *end) {
    __u64 sum = 0;
    for (; at + 4 <= end; at += 4)
        sum += *(const __u32 *)at;
    return sum;
}

NOT_INLINED void put_both(__u64 *place, __u64 first, __u64 second) {
    place[0] = first;
    place[1] = second;
}

NOT_INLINED const __u8 *skip(const __u8 *at, const __u8 *end) {
    return at + 8 <= end ? at + 8 : end;
}

ADIT_CALL __u64 call_with_pointers(const struct adit_call *call) {
    __u64 both[2];
    put_both(both, sum_of(call->input, call->input_end), call->input_end - call->input);
    return both[0] ^ both[1];
}

ADIT_FILTER __u64 call_twice(const struct adit_filter *filter) {
    return sum_of(filter->value, filter->value_end) > sum_of(filter->input, filter->input_end);
}

ADIT_CALL __u64 call_for_pointer(const struct adit_call *call) {
    const __u8 *at = skip(skip(call->input, call->input_end), call->input_end);
    return at < call->input_end ? *at : 0;
}

// The store, and other helpers.

ADIT_CALL __u64 look_up(const struct adit_call *call) {
    __u64 key = 7;
    struct adit_view view;
    adit_get(&key, sizeof key, 0, &view);
    __u64 sum = 0;
    for (const __u8 *at = view.data; at + 2 <= (const __u8 *)view.end; at += 2)
        sum += *(const __u16 *)at;
    return sum;
}

ADIT_CALL __u64 look_up_input(const struct adit_call *call) {
    struct adit_view view;
    if (adit_get(call->input, call->input_end - call->input, 0, &view) < 8)
        return 0;
    const __u8 *data = view.data;
    return data + 8 <= (const __u8 *)view.end ? *(const __u64 *)data : 1;
}

ADIT_CALL __u64 follow(const struct adit_call *call) {
    __u32 key = 1, steps = 0;
    struct adit_view view;
    do {
        adit_get(&key, sizeof key, 0, &view);
        const __u8 *data = view.data;
        if (data + 4 > (const __u8 *)view.end)
            break;
        key = *(const __u32 *)data;
    } while (++steps < 20);
    return steps;
}

ADIT_CALL __u64 look_up_many(const struct adit_call *call) {
    __u32 keys[4] = {1, 2, 3, 4};
    struct adit_view views[4];
    adit_get_many(keys, 4, 4, views, 4);
    __u64 sum = 0;
    for (int index = 0; index < 4; index++) {
        const __u8 *data = views[index].data;
        if (data + 4 <= (const __u8 *)views[index].end)
            sum += *(const __u32 *)data;
    }
    return sum;
}

ADIT_CALL __u64 emit_parts(const struct adit_call *call) {
    __u64 bytes = call->input_end - call->input;
    if (bytes > 16)
        bytes = 16;
    adit_emit(call->input, bytes);
    __u64 pair[2] = {bytes, ~bytes};
    adit_emit(pair, sizeof pair);
    return bytes;
}

ADIT_CALL __u64 copy_to_stack(const struct adit_call *call) {
    __u8 buffer[32] = {0};
    __u64 bytes = call->input_end - call->input;
    if (bytes > sizeof buffer)
        return 0;
    adit_copy(buffer, call->input, bytes);
    return buffer[0] + buffer[31];
}

ADIT_CALL __u64 put_number(const struct adit_call *call) {
    if (call->input + 8 > call->input_end)
        return 0;
    __u64 number = *(const __u64 *)call->input + 1;
    adit_put(call->input, 8, &number, sizeof number);
    struct adit_view view;
    adit_get(call->input, 8, 0, &view);
    return view.data ? (const __u8 *)view.end - (const __u8 *)view.data : 0;
}

ADIT_AGGREGATE __u64 count_and_sum(const struct adit_aggregate *aggregate) {
    __u64 *state = (void *)aggregate->state;
    if ((void *)(state + 2) > (void *)aggregate->state_end)
        return 1;
    state[0]++;
    for (const __u8 *at = aggregate->value; at < (const __u8 *)aggregate->value_end; at++)
        state[1] += *at;
    return 0;
}

ADIT_AGGREGATE __u64 insert_sorted(const struct adit_aggregate *aggregate) {
    __u32 *state = (void *)aggregate->state;
    __u64 room = (__u64)(aggregate->state_end - aggregate->state) / 4;
    __u32 number = (__u32)aggregate->version;
    for (__u64 index = 0; index < room; index++) {
        if (state[index] < number) {
            __u32 moved = state[index];
            state[index] = number;
            number = moved;
        }
    }
    return number;
}
