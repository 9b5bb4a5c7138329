// Writes a file as one value, and the value to another file, a piece at a time: large_value ADDR FILE COPY
#include <adit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char piece[256 * 1024];
static const char *const key = "large";

static void check(int32_t code, const char *what) {
    if (code != ADIT_OK) {
        fprintf(stderr, "%s: %s\n", what, adit_error_text(code));
        exit(1);
    }
}

static FILE *open_file(const char *path, const char *mode) {
    FILE *file = fopen(path, mode);
    if (!file) {
        perror(path);
        exit(1);
    }
    return file;
}

static void write_value(adit_client client, FILE *file) {
    uint64_t stream;
    size_t len;
    fseek(file, 0, SEEK_END);
    check(adit_write_begin(client, 0, key, strlen(key), (uint64_t)ftell(file), NULL, &stream), "write");
    rewind(file);
    while ((len = fread(piece, 1, sizeof piece, file)) > 0)
        check(adit_write(client, stream, piece, len), "write");
    // Until here nothing is written; with this all of it is, or nothing.
    check(adit_write_end(client, stream, NULL), "write");
}

static void read_value(adit_client client, FILE *file) {
    uint64_t stream, total;
    size_t len;
    check(adit_read_begin(client, 0, key, strlen(key), &stream, &total, NULL), "read");
    do {
        check(adit_read(client, stream, piece, sizeof piece, &len), "read");
        if (fwrite(piece, 1, len, file) < len) {
            perror("copy");
            exit(1);
        }
    } while (len > 0);
    printf("%llu bytes\n", (unsigned long long)total);
}

int main(int argc, char **argv) {
    if (argc != 4) {
        fprintf(stderr, "usage: large_value ADDR FILE COPY\n");
        return 2;
    }
    struct adit_config config = {.size = sizeof config, .address = argv[1]};
    adit_client client;
    check(adit_connect(&config, &client), "connect");

    FILE *file = open_file(argv[2], "rb"), *copy = open_file(argv[3], "wb");
    write_value(client, file);
    read_value(client, copy);
    fclose(file);
    fclose(copy);

    check(adit_close(client), "close");
    return 0;
}
