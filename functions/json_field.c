// One field of values that are JSON objects, as a query for one column has it.
//
// Hook `filter`. Input: the name of the field. A record that has it is taken, and the value of the field is emitted as it stands in the
// text: a string with its quotes and escapes, a number, true, false, null, or a whole object or array. A name is compared as it is
// written, so one that the record writes with escapes is found by the same escapes. Fields of inner objects are passed over; of
// two fields of a name the first counts. What is no object, or ends too early, is not taken. Whether it is JSON to the last
// comma is not checked.

#include "adit_fn.h"

static inline int is_space(__u8 byte) {
    return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

ADIT_FILTER __u64 json_field(const struct adit_filter *record) {
    const __u8 *end = record->value_end;
    const __u8 *token = record->value; // where the value of the field starts
    const __u8 *last = record->value;  // one behind the last byte of it so far
    const __u8 *name = record->input;  // what of the name is still to be found in the string at hand
    __u64 depth = 0;
    int in_string = 0, escaped = 0, is_name = 0, matches = 0, found = 0, started = 0;

    // One turn for each byte: a walk whose check stands at its head is proven as it is.
    for (const __u8 *at = record->value; at + 1 <= end; at++) {
        __u8 byte = *at;
        if (in_string) {
            if (escaped) {
                escaped = 0;
            } else if (byte == '\\') {
                escaped = 1;
            } else if (byte == '"') {
                in_string = 0;
                last = at + 1;
                if (name != record->input_end)
                    matches = 0;
                continue;
            }
            if (is_name && matches) {
                if (name + 1 <= record->input_end && *name == byte)
                    name++;
                else
                    matches = 0;
            }
            continue;
        }
        if (is_space(byte))
            continue;
        if (depth == 0 && byte != '{')
            return 0;
        // The value of the field starts with the first byte behind its colon, and ends before the next comma or the end of the object.
        if (depth == 1 && found && (byte == ',' || byte == '}')) {
            if (!started)
                return 0;
            adit_emit(token, last - token);
            return 1;
        }
        if (found && !started) {
            token = at;
            started = 1;
        }
        last = at + 1;
        switch (byte) {
        case '{':
        case '[':
            depth++;
            if (depth == 1)
                is_name = 1;
            break;
        case '}':
        case ']':
            depth--;
            if (depth == 0)
                return 0;
            break;
        case '"':
            in_string = 1;
            name = record->input;
            matches = depth == 1;
            break;
        case ':':
            if (depth == 1) {
                found = found || (is_name && matches);
                is_name = 0;
            }
            break;
        case ',':
            if (depth == 1)
                is_name = 1;
            break;
        }
    }
    return 0;
}
