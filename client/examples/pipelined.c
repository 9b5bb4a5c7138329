// Reads with many operations in flight: pipelined ADDR [OPERATIONS]
//
// Each of IN_FLIGHT places has a buffer, and its number is the tag of what is under way for it: a completion says by its
// tag which buffer is filled, and the place is used for the next read.
#define _POSIX_C_SOURCE 199309L // clock_gettime
#include <adit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { IN_FLIGHT = 32, KEYS = 1000, VALUE_BYTES = 64 };

static char buffers[IN_FLIGHT][VALUE_BYTES];

static void check(int32_t code, const char *what) {
    if (code != ADIT_OK) {
        fprintf(stderr, "%s: %s\n", what, adit_error_text(code));
        exit(1);
    }
}

static void fill(adit_client client) {
    char key[16], value[VALUE_BYTES];
    memset(value, 'v', sizeof value);
    for (int number = 0; number < KEYS; number++) {
        int len = snprintf(key, sizeof key, "key:%03d", number);
        check(adit_put(client, 0, key, (size_t)len, value, sizeof value, NULL, NULL), "put");
    }
}

static void submit_get(adit_client client, uint64_t place, long number) {
    char key[] = "key:000";
    key[4] += (char)(number / 100 % 10);
    key[5] += (char)(number / 10 % 10);
    key[6] += (char)(number % 10);
    // The key is copied; the buffer is the library's until the completion.
    check(adit_submit_get(client, 0, key, sizeof key - 1, buffers[place], VALUE_BYTES, place), "submit");
}

static void read_all(adit_client client, long operations) {
    struct adit_completion done[IN_FLIGHT];
    long submitted = 0, completed = 0;
    for (uint64_t place = 0; place < IN_FLIGHT && submitted < operations; place++)
        submit_get(client, place, submitted++);
    while (completed < operations) {
        size_t count;
        check(adit_poll(client, done, IN_FLIGHT, -1, &count), "poll");
        for (size_t i = 0; i < count; i++) {
            check(done[i].error, "get");
            if (submitted < operations)
                submit_get(client, done[i].tag, submitted++);
        }
        completed += (long)count;
    }
}

int main(int argc, char **argv) {
    struct adit_config config = {.size = sizeof config, .address = argc > 1 ? argv[1] : NULL};
    long operations = argc > 2 ? atol(argv[2]) : 100000;
    adit_client client;
    check(adit_connect(&config, &client), "connect");
    fill(client);

    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    read_all(client, operations);
    clock_gettime(CLOCK_MONOTONIC, &end);
    double seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    printf("%ld reads in %.3f s: %.0f a second\n", operations, seconds, (double)operations / seconds);

    check(adit_close(client), "close");
    return 0;
}
