//! The page on functions is true: its commands are run, its examples are compiled and verified, and what they print is compared.
//!
//! `ADIT_WRITE=1` writes what is printed now into the page.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::{ADIT, Folder};

/// A block of the page: between two fences.
struct Block<'a> {
    /// What stands behind the first fence: `c refused`, `console`.
    kind: &'a str,
    text: &'a str,
}

#[test]
fn the_commands_of_the_page_print_what_it_says() {
    let page = page();
    let folder = folder();
    let mut written = page.clone();
    for block in blocks(&page) {
        if let Some(file) = block.kind.strip_prefix("c ").filter(|kind| kind.ends_with(".c")) {
            std::fs::write(folder.path(file), block.text).expect("the folder of the test is ours");
        }
        if block.kind == "console" {
            let commands = block.text.lines().filter_map(|line| line.strip_prefix("$ "));
            let shown: String = commands
                .map(|command| format!("$ {command}\n{}", shell(&folder.path(""), command)))
                .collect();
            written = written.replace(&fenced("console", block.text), &fenced("console", &shown));
        }
    }
    compare(&page, &written);
}

#[test]
fn the_rules_of_the_page_are_those_of_the_verifier() {
    let page = page();
    let folder = folder();
    let mut written = page.clone();
    let blocks = blocks(&page);
    let mut judged = 0;
    for (index, block) in blocks.iter().enumerate() {
        let Some(verdict) = block.kind.strip_prefix("c ").filter(|kind| !kind.ends_with(".c")) else {
            continue;
        };
        std::fs::write(folder.path("rule.c"), block.text).expect("the folder of the test is ours");
        let compiled = shell(
            &folder.path(""),
            "clang-14 -target bpf -mcpu=v3 -O2 -g -Wall -Werror -I functions -c rule.c -o rule.o",
        );
        assert_eq!(compiled, "", "{}", block.text);
        let output = Command::new(ADIT)
            .args(["function", "check", "--quiet", "rule.o"])
            .current_dir(folder.path(""))
            .output()
            .expect("adit can be started");
        let told = support::text(&output.stdout) + &support::text(&output.stderr);
        let found = match (output.status.code(), told.contains("guarded")) {
            (Some(0), false) => "accepted",
            (Some(0), true) => "guarded",
            _ => "refused",
        };
        assert_eq!(found, verdict, "{}\n{told}", block.text);
        judged += 1;
        if verdict != "accepted" {
            let told = told.replace(&folder.path("").display().to_string(), "");
            let source = fenced(block.kind, block.text);
            let next = blocks.get(index + 1).filter(|next| next.kind == "text");
            written = match next {
                Some(next) => written.replace(
                    &format!("{source}\n\n{}", fenced("text", next.text)),
                    &format!("{source}\n\n{}", fenced("text", &told)),
                ),
                None => written.replace(&source, &format!("{source}\n\n{}", fenced("text", &told))),
            };
        }
    }
    assert!(judged > 10, "the page has examples");
    compare(&page, &written);
}

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/functions.md")
}

fn page() -> String {
    std::fs::read_to_string(path()).expect("the page is there")
}

/// A folder in which the header is found as in this repository.
fn folder() -> Folder {
    let folder = Folder::new();
    let functions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions");
    std::os::unix::fs::symlink(functions, folder.path("functions")).expect("the folder of the test is ours");
    folder
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut parts = page.split("```").skip(1);
    let mut blocks = Vec::new();
    while let Some(block) = parts.next() {
        let (kind, text) = block.split_once('\n').expect("a fence ends its line");
        blocks.push(Block { kind, text });
        parts.next();
    }
    blocks
}

fn fenced(kind: &str, text: &str) -> String {
    format!("```{kind}\n{text}```")
}

/// Runs a command as a reader of the page would; gives all that it prints.
fn shell(folder: &Path, command: &str) -> String {
    let program = Path::new(ADIT).parent().expect("a program lies in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let output = Command::new("sh")
        .args(["-c", command])
        .current_dir(folder)
        .env("PATH", format!("{}:{path}", program.display()))
        .output()
        .expect("sh can be started");
    support::text(&output.stdout) + &support::text(&output.stderr)
}

fn compare(page: &str, written: &str) {
    if std::env::var_os("ADIT_WRITE").is_some() {
        std::fs::write(path(), written).expect("the page can be written");
        return;
    }
    let differs = page.lines().zip(written.lines()).find(|(page, written)| page != written);
    assert!(
        page == written,
        "docs/functions.md says {differs:?}: ADIT_WRITE=1 cargo nextest run -p adit --test function_docs -j 1"
    );
}
