//! The header for functions in C.

use adit_function::helper::SIGNATURES;
use adit_function::hook::{Field, FieldKind, HOOKS, Hook};
use adit_function::instruction::Size;
use adit_function::program::{FRAME_BYTES, VARIABLES_BYTES_MAX};
use adit_function::signature::{Signature, VIEWS_MAX};
use adit_wire::kv::{KEY_BYTES_MAX, VALUE_BYTES_MAX};

/// All of it.
pub(crate) fn text() -> String {
    let mut text = String::from(START);
    text.push_str(&limits());
    text.push_str(VIEW);
    HOOKS.iter().for_each(|hook| text.push_str(&context(hook)));
    text.push_str(MARKS);
    HOOKS.iter().for_each(|hook| text.push_str(&mark(hook)));
    text.push_str(HELPERS);
    SIGNATURES.iter().for_each(|helper| text.push_str(&declaration(helper)));
    text.push_str(END);
    text
}

fn limits() -> String {
    format!(
        "/** Most bytes of a key. */\n#define ADIT_KEY_BYTES_MAX {KEY_BYTES_MAX}\n\
        /** Most bytes of a value. */\n#define ADIT_VALUE_BYTES_MAX {VALUE_BYTES_MAX}\n\
        /** Most views that adit_get_many sets. */\n#define ADIT_VIEWS_MAX {VIEWS_MAX}\n\
        /** Bytes of the stack that each function of a program has. */\n#define ADIT_STACK_BYTES {FRAME_BYTES}\n\
        /** Most bytes of all variables that are not constant. They begin anew with each call. */\n\
        #define ADIT_VARIABLES_BYTES_MAX {VARIABLES_BYTES_MAX}\n\
        /** The version of a record that this call has written. */\n#define ADIT_STAGED 0xffffffffffffffffULL\n\n"
    )
}

fn context(hook: &Hook) -> String {
    let mut text = format!("{}struct adit_{} {{\n", comment(about(hook)), hook.name);
    for field in hook.fields {
        text.push_str(&format!("    {}{};\n", field_type(hook, field), field.name));
    }
    text + "};\n\n"
}

fn field_type(hook: &Hook, field: &Field) -> &'static str {
    match field.kind {
        FieldKind::Number(Size::Byte) => "__u8 ",
        FieldKind::Number(Size::Half) => "__u16 ",
        FieldKind::Number(Size::Word) => "__u32 ",
        FieldKind::Number(Size::Double) => "__u64 ",
        FieldKind::Start(region) | FieldKind::End(region) if hook.regions[region as usize].writable => {
            "__u8 *"
        }
        FieldKind::Start(_) | FieldKind::End(_) => "const __u8 *",
    }
}

fn about(hook: &Hook) -> &'static str {
    match hook.name {
        "call" => "What a function is given that a client calls: the bytes of the client.",
        "filter" => {
            "What a function is given that sees records as they are read or scanned: a record, and the bytes of who reads. \
            It gives 0 if the record is not taken; what it emits is put in the place of the value."
        }
        "aggregate" => {
            "What a function is given that sees all records of a bucket, one with each call: a record, the bytes of who asks, and \
            a state that lives from the first record to the last and is the answer."
        }
        name => panic!("hook {name} is not described"),
    }
}

fn mark(hook: &Hook) -> String {
    let (name, upper) = (hook.name, hook.name.to_uppercase());
    format!(
        "/** `ADIT_{upper} long name(const struct adit_{name} *context)`. */\n\
        #define ADIT_{upper} __attribute__((section(\"adit/{name}\"), used))\n"
    )
}

fn declaration(helper: &Signature) -> String {
    let about: Vec<String> = helper.about.lines().map(|line| format!(" * {line}\n")).collect();
    let group = GROUPS.iter().find(|(number, _)| *number == helper.number);
    let group = group.map_or(String::new(), |(_, name)| format!("\n/* {name} */\n"));
    let named = parameters(helper, true);
    let types = parameters(helper, false);
    let Signature { name, c_result, number, .. } = helper;
    format!(
        "{group}\n/**\n{}{} */\nADIT_HELPER {c_result} (*const {name})({named}) =\n    ({c_result} (*)({types})){number};\n",
        about.concat(),
        if helper.writes { " *\n * Only for hooks that may write.\n" } else { "" },
    )
}

/// The parameters in C, with or without their names.
pub(crate) fn parameters(helper: &Signature, with_names: bool) -> String {
    if helper.arguments.is_empty() {
        return "void".into();
    }
    let parameter = |argument: &adit_function::signature::Argument| {
        let space = if argument.c_type.ends_with('*') { "" } else { " " };
        let name = format!("{space}{}", argument.name);
        argument.c_type.to_owned() + if with_names { &name } else { "" }
    };
    helper.arguments.iter().map(parameter).collect::<Vec<_>>().join(", ")
}

/// A comment of words, in lines of at most 100 columns.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from(" *")];
    for word in text.split_whitespace() {
        if lines.last().is_some_and(|line| line.len() + 1 + word.len() > 100) {
            lines.push(" *".into());
        }
        lines.last_mut().expect("there is a line").push_str(&format!(" {word}"));
    }
    format!("/**\n{}\n */\n", lines.join("\n"))
}

/// What the helpers from these numbers on are for.
pub(crate) const GROUPS: &[(u32, &str)] = &[
    (1, "Records"),
    (8, "The call"),
    (32, "Sums"),
    (40, "Least elements"),
    (48, "Greatest elements"),
    (56, "Elements above a threshold, counted"),
    (64, "Elements equal to a number, counted"),
    (72, "Elements above a threshold, summed up"),
    (80, "Elements above a threshold, found"),
    (88, "Products"),
    (96, "Matrices"),
    (112, "Bytes"),
    (128, "Numbers with 16 binary places"),
];

const START: &str = "\
/*
 * adit_fn.h: functions of Adit in C, to be compiled with clang 14 or later for the machine `bpf`:
 *
 *     clang -target bpf -mcpu=v3 -O2 -g -c function.c -o function.o
 *
 * This file is made from the table of helpers: a test of dataplane/function compares it.
 */
#ifndef ADIT_FN_H
#define ADIT_FN_H

#ifdef __cplusplus
extern \"C\" {
#endif

#ifndef __bpf__
#error \"functions are compiled with clang -target bpf\"
#endif

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;

";

const VIEW: &str = "\
/** Memory that may be read: from `data` up to the byte before `end`. Both are null if there is none. */
struct adit_view {
    const __u8 *data;
    const __u8 *end;
};

";

const MARKS: &str = "\
/*
 * What stands before the functions that are called: it says by which hook. A function that is called by others of its program is
 * `static`; it may have five arguments.
 */
";

const HELPERS: &str = "
/*
 * Helpers. Lengths are in bytes, counts in elements; elements are little-endian and need not be aligned. Memory that is written must
 * not overlap what is read, but for adit_copy. A function ends without a result, and nothing remains of it, if a helper is given keys
 * or values that are too long, or is asked for more work, output or writes than a call may have.
 */
#define ADIT_HELPER static __attribute__((unused))
";

const END: &str = "
#undef ADIT_HELPER

#ifdef __cplusplus
}
#endif

#endif
";
