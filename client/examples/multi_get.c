// Writes two keys at one moment, and reads three: multi_get ADDR
#include <adit.h>
#include <stdio.h>
#include <stdlib.h>

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

    const struct adit_pair pairs[] = {{"city:bergen", 11, "291940", 6}, {"city:oslo", 9, "717710", 6}};
    check(adit_multi_put(client, 0, pairs, 2, 0), "multi-put");

    const struct adit_slice keys[] = {{"city:bergen", 11}, {"city:atlantis", 13}, {"city:oslo", 9}};
    struct adit_values values;
    check(adit_multi_get(client, 0, keys, 3, &values), "multi-get");
    for (size_t i = 0; i < values.count; i++) {
        const struct adit_item *item = &values.items[i];
        printf("%.*s: ", (int)keys[i].len, (const char *)keys[i].data);
        if (item->data)
            printf("%.*s\n", (int)item->len, (const char *)item->data);
        else
            printf("not there\n");
    }
    adit_values_free(&values);

    check(adit_close(client), "close");
    return 0;
}
