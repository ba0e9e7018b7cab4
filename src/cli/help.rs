//! Finding a command by its words, and helping who did not.

use super::args::FlagSpec;
use super::command::{COMMANDS, Command, GROUPS};
use super::report::{Report, UNKNOWN_COMMAND};
use crate::config::nearest;

/// What the words on the line name.
pub(super) enum Named {
    /// A command, and how many words name it.
    Command(&'static Command, usize),
    /// A group of commands, nothing or something unknown: the report says so.
    Other(Report),
}

/// The command the leading words name.
pub(super) fn find(args: &[String]) -> Named {
    let words: Vec<&str> = args.iter().map(String::as_str).take_while(|word| !word.starts_with('-')).collect();
    for taken in (1..=words.len()).rev() {
        let name = words[..taken].join(" ");
        if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
            return Named::Command(command, taken);
        }
    }
    let asked = args.iter().any(|arg| matches!(arg.as_str(), "-h" | "-help" | "--help")) || words.first() == Some(&"help");
    let words: Vec<&str> = words.iter().copied().skip_while(|word| *word == "help").collect();
    Named::Other(explain(&words, asked))
}

fn explain(words: &[&str], asked: bool) -> Report {
    for taken in (1..=words.len()).rev() {
        let name = words[..taken].join(" ");
        if let Some(command) = COMMANDS.iter().find(|command| command.name == name) {
            return Report::text(of_command(command));
        }
        if let Some((_, about)) = GROUPS.iter().find(|(group, _)| *group == name) {
            return match words.get(taken) {
                None if asked => Report::text(of_group(&name, about)),
                None => Report { err: of_group(&name, about), code: 1, ..Report::default() },
                Some(_) => unknown(words),
            };
        }
    }
    match words {
        [] if asked => Report::text(of_group("", "Service discovery, health checking, configuration and coordination.")),
        [] => Report {
            err: of_group("", "Service discovery, health checking, configuration and coordination."),
            code: UNKNOWN_COMMAND,
            ..Report::default()
        },
        _ => unknown(words),
    }
}

fn unknown(words: &[&str]) -> Report {
    let name = words.iter().take(3).copied().collect::<Vec<_>>().join(" ");
    let names = || COMMANDS.iter().map(|command| command.name).chain(GROUPS.iter().map(|(group, _)| *group));
    let shorter = (1..=words.len().min(3)).rev().map(|taken| words[..taken].join(" "));
    let hint = shorter.filter_map(|shorter| nearest(&shorter, names())).next();
    let hint = hint.map(|known| format!("; did you mean {known}?")).unwrap_or_default();
    let err = format!("unknown command {name:?}{hint}\n'muster help' lists all commands\n");
    Report { err, code: UNKNOWN_COMMAND, ..Report::default() }
}

/// The help of one command.
pub(super) fn of_command(command: &Command) -> String {
    let flags = (command.flags)();
    let arguments = if command.arguments.is_empty() { String::new() } else { format!(" {}", command.arguments) };
    let mut text = format!("Usage: muster {} [flags]{arguments}\n\n  {}\n\nFlags:\n", command.name, command.about);
    let width = flags.iter().map(|flag| flag.name.len()).max().unwrap_or(0) + 1;
    for FlagSpec { name, about, .. } in &flags {
        text.push_str(&format!("  {:<width$}  {about}\n", format!("-{name}")));
    }
    text
}

fn of_group(group: &str, about: &str) -> String {
    let prefix = if group.is_empty() { String::new() } else { format!("{group} ") };
    let gap = if group.is_empty() { "" } else { " " };
    let mut text = format!("Usage: muster{gap}{group} COMMAND [flags] [arguments]\n\n  {about}\n\nCommands:\n");
    let inside: Vec<_> = COMMANDS.iter().filter_map(|c| c.name.strip_prefix(&prefix).map(|rest| (rest, c.about))).collect();
    let width = inside.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, about) in inside {
        text.push_str(&format!("  {name:<width$}  {about}\n"));
    }
    text.push_str(&format!("\n'muster{gap}{group} COMMAND -help' tells a command's flags\n"));
    text
}
