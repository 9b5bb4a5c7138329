// Names the cultivar of a wine by its analysis: a net of 13 inputs, 5 hidden values and 3 classes, its layers by the vector unit.
//
// Hook `filter`. A value: the 13 measurements of nets/wine.rows in thousandths, i32 each. What is emitted in its place is a `struct answer`.
// nets/train.py trains the net; nets/wine.h, which it writes, says how often it is right. `adit_gemv_i8` multiplies a matrix of bytes
// with a vector of bytes, so a layer is one call.

#include "adit_fn.h"
#include "nets/wine.h"

struct answer {
    __s32 cultivar; // 0, 1 or 2
    __s32 scores[CLASSES];
};

static inline __s64 clamp(__s64 value, __s64 low, __s64 high) {
    return value < low ? low : value > high ? high : value;
}

ADIT_FILTER __u64 wine(const struct adit_filter *record) {
    const __s32 *measured = (const void *)record->value;
    if ((const __u8 *)(measured + INPUTS) > record->value_end)
        return 0;
    __s8 inputs[INPUTS], hidden[HIDDEN];
    __s32 sums[HIDDEN], scores[CLASSES];
#pragma unroll
    for (__u32 i = 0; i < INPUTS; i++)
        inputs[i] = clamp(((__s64)measured[i] - mean[i]) * scale[i] >> 24, -127, 127);
    adit_gemv_i8(first, HIDDEN, INPUTS, inputs, sums);
#pragma unroll
    for (__u32 h = 0; h < HIDDEN; h++)
        hidden[h] = clamp((sums[h] + first_bias[h]) >> SHIFT, 0, 127);
    adit_gemv_i8(second, CLASSES, HIDDEN, hidden, scores);

    struct answer answer = {0};
#pragma unroll
    for (__u32 c = 0; c < CLASSES; c++)
        answer.scores[c] = scores[c] + second_bias[c];
    if (answer.scores[1] > answer.scores[0])
        answer.cultivar = 1;
    if (answer.scores[2] > (answer.cultivar == 1 ? answer.scores[1] : answer.scores[0]))
        answer.cultivar = 2;
    adit_emit(&answer, sizeof answer);
    return 1;
}
