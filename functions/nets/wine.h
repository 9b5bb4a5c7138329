// Weights of the net of wine.c, 13-5-3: made by train.py, not by hand. Of 59 rows that it was not trained with
// it names 57 right.

enum { INPUTS = 13, HIDDEN = 5, CLASSES = 3, SHIFT = 7 };

// The mean of each measurement in thousandths, and what makes 32 of a standard deviation: a factor, over 2^24.
static const __s32 mean[INPUTS] = {
    13038, 2374, 2344, 19217, 98849, 2293, 1986, 360, 1592, 5103, 968, 2612, 749252,
};
static const __s32 scale[INPUTS] = {
    650399, 443005, 1945687, 157803, 36932, 835166, 537268, 4291943, 862833, 222171, 2330723, 757959, 1657,
};

// A row of weights for each hidden value, and for each class.
static const __s8 first[HIDDEN * INPUTS] = {
    -2, 15, 0, 12, -17, -9, -40, 7, -11, 29, -31, -30, -12,
    3, 14, 33, 27, -4, 1, -33, 4, 7, 40, -28, -25, 2,
    17, 2, 11, -21, 3, 2, 18, -6, 1, 4, 4, 15, 29,
    -42, -24, -44, 25, 8, -1, 16, 7, 4, -66, 35, 10, -68,
    31, 6, 17, -38, 4, 1, 30, -13, 3, 9, 5, 28, 53,
};
static const __s32 first_bias[HIDDEN] = {
    3559, 1013, 1937, 3267, 3369,
};
static const __s8 second[CLASSES * HIDDEN] = {
    -45, 0, 39, -50, 68,
    -12, -56, -26, 102, -50,
    57, 54, -16, -52, -19,
};
static const __s32 second_bias[CLASSES] = {
    702, 263, -772,
};
