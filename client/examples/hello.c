// Writes a value and reads it again: hello ADDR, such as hello 127.0.0.1:7400
#include <adit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int32_t code, const char *what) {
    if (code != ADIT_OK) {
        fprintf(stderr, "%s: %s\n", what, adit_error_text(code));
        exit(1);
    }
}

int main(int argc, char **argv) {
    struct adit_config config = {.size = sizeof config, .address = argc > 1 ? argv[1] : NULL};
    adit_client client;
    check(adit_connect(&config, &client), "connect");

    const char *key = "greeting", *value = "hello from C";
    uint64_t version;
    check(adit_put(client, 0, key, strlen(key), value, strlen(value), NULL, &version), "put");

    char buffer[64];
    size_t len;
    check(adit_get(client, 0, key, strlen(key), buffer, sizeof buffer, &len, NULL), "get");
    printf("%.*s (version %llu)\n", (int)len, buffer, (unsigned long long)version);

    check(adit_close(client), "close");
    return 0;
}
