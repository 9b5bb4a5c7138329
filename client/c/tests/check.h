// What the test programs in C share: an expectation that names its line, and a client.
#ifndef CHECK_H
#define CHECK_H

#include <adit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPECT(call, code) expect((call), (code), #call, __FILE__, __LINE__)
#define OK(call) EXPECT(call, ADIT_OK)
#define HOLDS(condition)                                                                            \
    do {                                                                                            \
        if (!(condition)) {                                                                         \
            fprintf(stderr, "%s:%d: this does not hold: %s\n", __FILE__, __LINE__, #condition);     \
            exit(1);                                                                                \
        }                                                                                           \
    } while (0)
// A key as pointer and length.
#define KEY(text) (text), strlen(text)

static inline void expect(int32_t got, int32_t wanted, const char *call, const char *file, int line) {
    if (got != wanted) {
        fprintf(stderr, "%s:%d: %s gives %d (%s), not %d (%s)\n", file, line, call, got, adit_error_text(got), wanted,
                adit_error_text(wanted));
        exit(1);
    }
}

// The config that the arguments ask for: ADDR udp|tcp.
static inline struct adit_config config_of(int argc, char **argv) {
    struct adit_config config;
    HOLDS(argc >= 3);
    OK(adit_config_init(&config));
    config.address = argv[1];
    config.transport = strcmp(argv[2], "tcp") == 0 ? ADIT_TCP : ADIT_UDP;
    config.deadline_ms = 60000;
    return config;
}

static inline adit_client connect_with(const struct adit_config *config) {
    adit_client client;
    OK(adit_connect(config, &client));
    HOLDS(client != 0);
    return client;
}

#endif
