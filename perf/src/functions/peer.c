// The loops in the machine code that a compiler of C makes without vectors, called and timed here: a program of its own, which `adit perf functions` starts and asks in turns
// with its own engines. Its argument is a file with the input. A line "NAME BYTES CALLS" asks for so many calls with so many bytes of input; the answer is the time of the processor in nanoseconds, how
// many calls that is for, and the last result.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "programs.c"

typedef __u64 (*function)(const __u8 *, const __u8 *);

static const struct {
    const char *name;
    function function;
} functions[] = {
    {"empty", empty}, {"projection", projection}, {"sum", sum}, {"filter", filter}, {"dense", dense},
};

static int read_input(const char *path, __u8 *bytes, size_t length) {
    FILE *file = path ? fopen(path, "rb") : NULL;
    int whole = file && fread(bytes, 1, length, file) == length;
    if (file)
        fclose(file);
    return whole;
}

static long long now(void) {
    struct timespec time;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int count, char **arguments) {
    char name[64];
    size_t bytes, calls;
    while (scanf("%63s %zu %zu", name, &bytes, &calls) == 3) {
        function volatile found = NULL;
        for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
            if (!strcmp(functions[i].name, name))
                found = functions[i].function;
        __u8 *input = found ? aligned_alloc(64, (bytes + 63) / 64 * 64) : NULL;
        if (!input || !read_input(count > 1 ? arguments[1] : NULL, input, bytes))
            return 1;
        const __u8 *volatile start = input;
        __u64 result = 0;
        long long before = now();
        for (size_t i = 0; i < calls; i++) {
            const __u8 *p = start;
            result = found(p, p + bytes);
        }
        printf("%lld %zu %llu\n", now() - before, calls, result);
        fflush(stdout);
        free(input);
    }
    return 0;
}
