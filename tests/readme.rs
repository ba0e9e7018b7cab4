//! What README tells people to type exists.
#![allow(clippy::disallowed_methods, reason = "a test of a real process")]

use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The lines behind `$ ` in the console blocks.
fn commands() -> Vec<String> {
    let readme = text("README.md");
    let blocks = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default());
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix("$ "));
    lines.map(str::to_owned).collect()
}

/// The words that name a command, and the names of the flags after them.
fn parts(line: &str) -> (Vec<&str>, Vec<&str>) {
    let words: Vec<&str> = line.split_whitespace().collect();
    let named = words.iter().take_while(|word| !word.starts_with('-')).copied().collect();
    let flags = words.iter().filter_map(|word| word.strip_prefix('-')).map(|flag| flag.trim_start_matches('-'));
    (named, flags.map(|flag| flag.split('=').next().unwrap_or_default()).collect())
}

/// What `muster WORDS -help` says; arguments that are no command's name are left out from the end.
fn help(words: &[&str]) -> String {
    for taken in (1..=words.len()).rev() {
        let output = Command::new(env!("CARGO_BIN_EXE_muster")).args(&words[..taken]).arg("-help").output().expect("the binary runs");
        if output.status.success() {
            return String::from_utf8_lossy(&output.stdout).into_owned();
        }
    }
    panic!("`muster {}` is no command", words.join(" "))
}

fn assert_known(line: &str) {
    let (words, flags) = parts(line);
    let help = help(&words);
    for flag in flags {
        let known = help.lines().any(|line| line.trim_start().starts_with(&format!("-{flag} ")));
        assert!(known, "`muster {line}`: no flag -{flag} in\n{help}");
    }
}

#[test]
fn every_muster_command_and_flag_of_the_readme_is_known() {
    let lines: Vec<String> = commands();
    let ours = lines.iter().filter_map(|line| line.strip_prefix("muster ").or_else(|| line.strip_prefix("cargo run --release -- ")));
    let tried = ours.map(assert_known).count();
    assert!(tried >= 9, "only {tried} commands of the README were tried");
}

#[test]
fn every_simulator_command_of_the_readme_is_declared() {
    let declared: String = ["mod.rs", "run.rs"].map(|file| text(&format!("sim/src/cli/{file}"))).concat();
    let lines = commands();
    let tried = lines.iter().filter_map(|line| line.strip_prefix("cargo sim -- ")).map(|line| {
        let (words, flags) = parts(line);
        for name in words.iter().take(1).chain(&flags) {
            assert!(declared.contains(&format!("name: \"{name}\"")), "`cargo sim -- {line}`: {name} is not declared");
        }
    });
    assert!(tried.count() >= 2);
}

/// The first commands are also played, word for word, by `.ci/run`.
#[test]
fn the_first_commands_are_smoked() {
    let script = text(".ci/run");
    let lines = commands();
    for line in lines.iter().filter(|line| line.starts_with("cargo run") || line.starts_with("curl")) {
        let typed = line.split(['&', '|', '>']).next().unwrap_or_default().trim();
        let address = typed.split_whitespace().last().unwrap_or_default();
        assert!(script.contains(typed) || script.contains(address), "{line}");
    }
}

#[test]
fn what_the_readme_names_is_there() {
    let readme = text("README.md");
    let links = readme.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter(|link| !link.starts_with("http"));
    let quoted = readme
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|word| ["tests/", "docs/", "fuzz/", ".ci/", "ARCHITECTURE.md"].iter().any(|p| word.starts_with(p)));
    let named: Vec<&str> = links.chain(quoted).collect();
    assert!(named.len() >= 5, "{named:?}");
    for path in named {
        assert!(Path::new(&root()).join(path).exists(), "README names {path}, which is not there");
    }
}
