// The workload of scripts/client-overhead with libadit: overhead ADDR BATCHES. Prints nanoseconds of processor time for each
// operation, the median of the batches. overhead.rs is the same with the Rust client.
#define _POSIX_C_SOURCE 199309L // clock_gettime
#include <adit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IN_FLIGHT = 32, KEYS = 1000, KEY_BYTES = 7, VALUE_BYTES = 64 };

static char buffers[IN_FLIGHT][VALUE_BYTES];

static void check(int32_t code) {
    if (code != ADIT_OK) {
        fprintf(stderr, "overhead: %s\n", adit_error_text(code));
        exit(1);
    }
}

static void write_key(char *key, unsigned long number) {
    memcpy(key, "key:", 4);
    key[4] = (char)('0' + number / 100 % 10);
    key[5] = (char)('0' + number / 10 % 10);
    key[6] = (char)('0' + number % 10);
}

static void read_batch(adit_client client, unsigned long first) {
    struct adit_completion done[IN_FLIGHT];
    for (uint64_t place = 0; place < IN_FLIGHT; place++) {
        char key[KEY_BYTES];
        write_key(key, first + place);
        check(adit_submit_get(client, 0, key, sizeof key, buffers[place], VALUE_BYTES, place));
    }
    for (size_t left = IN_FLIGHT, count; left > 0; left -= count) {
        check(adit_poll(client, done, IN_FLIGHT, 60000, &count));
        for (size_t i = 0; i < count; i++)
            check(done[i].error);
    }
}

static long processor_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (long)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int ascending(const void *a, const void *b) {
    long first = *(const long *)a, second = *(const long *)b;
    return (first > second) - (first < second);
}

int main(int argc, char **argv) {
    if (argc != 3 || atol(argv[2]) < 1) {
        fprintf(stderr, "usage: overhead ADDR BATCHES\n");
        return 2;
    }
    struct adit_config config = {.size = sizeof config, .address = argv[1]};
    size_t batches = strtoul(argv[2], NULL, 10);
    long *times_ns = calloc(batches, sizeof *times_ns);
    adit_client client;
    check(adit_connect(&config, &client));
    char key[KEY_BYTES], value[VALUE_BYTES];
    memset(value, 'v', sizeof value);
    for (unsigned long number = 0; number < KEYS; number++) {
        write_key(key, number);
        check(adit_put(client, 0, key, sizeof key, value, sizeof value, NULL, NULL));
    }
    for (size_t batch = 0; batch < batches; batch++) {
        long before = processor_ns();
        read_batch(client, batch * IN_FLIGHT);
        times_ns[batch] = processor_ns() - before;
    }
    qsort(times_ns, batches, sizeof *times_ns, ascending);
    printf("%.1f\n", (double)times_ns[batches / 2] / IN_FLIGHT);
    check(adit_close(client));
    free(times_ns);
    return 0;
}
