// Names the kind of a flower by its measurements: a net of 4 inputs, 2 hidden values and 3 classes, in whole numbers.
//
// Hook `filter`. A value: length and width of sepal and petal in thousandths of a centimetre, i32 each. What is emitted in its place is a
// `struct answer`. nets/train.py trains the net; nets/iris.h, which it writes, says how often it is right.

#include "adit_fn.h"
#include "nets/iris.h"

struct answer {
    __s32 kind; // 0 setosa, 1 versicolor, 2 virginica
    __s32 scores[CLASSES];
};

static inline __s64 clamp(__s64 value, __s64 low, __s64 high) {
    return value < low ? low : value > high ? high : value;
}

ADIT_FILTER __u64 iris(const struct adit_filter *record) {
    const __s32 *measured = (const void *)record->value;
    if ((const __u8 *)(measured + INPUTS) > record->value_end)
        return 0;
    __s64 inputs[INPUTS], hidden[HIDDEN];
#pragma unroll
    for (__u32 i = 0; i < INPUTS; i++)
        inputs[i] = clamp(((__s64)measured[i] - mean[i]) * scale[i] >> 24, -127, 127);
#pragma unroll
    for (__u32 h = 0; h < HIDDEN; h++) {
        __s64 sum = first_bias[h];
#pragma unroll
        for (__u32 i = 0; i < INPUTS; i++)
            sum += first[h * INPUTS + i] * inputs[i];
        hidden[h] = clamp(sum >> SHIFT, 0, 127);
    }
    struct answer answer = {0};
#pragma unroll
    for (__u32 c = 0; c < CLASSES; c++) {
        __s64 score = second_bias[c];
#pragma unroll
        for (__u32 h = 0; h < HIDDEN; h++)
            score += second[c * HIDDEN + h] * hidden[h];
        answer.scores[c] = score;
    }
    if (answer.scores[1] > answer.scores[0])
        answer.kind = 1;
    if (answer.scores[2] > (answer.kind == 1 ? answer.scores[1] : answer.scores[0]))
        answer.kind = 2;
    adit_emit(&answer, sizeof answer);
    return 1;
}
