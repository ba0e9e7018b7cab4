//! The command line of the simulator.

mod args;
mod check;
mod determinism;
mod etcd;
mod gossip;
mod planted;
mod regressions;
mod run;
mod speed;
mod storm;

use crate::invariants::planted::{ALL, Planted};
use crate::scenario::{self, Scenario};
use args::{Args, Flag};
use std::process::ExitCode;

/// How a command ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Nothing was found wrong.
    Fine,
    /// A run was wrong.
    Violation,
    /// The command line was not understood.
    Usage,
    /// A run did not repeat.
    Nondeterminism,
    /// A history could not be judged in the time allowed.
    Undecided,
}

impl From<Ending> for ExitCode {
    fn from(ending: Ending) -> ExitCode {
        ExitCode::from(match ending {
            Ending::Fine => 0,
            Ending::Violation => 1,
            Ending::Usage => 2,
            Ending::Nondeterminism => 3,
            Ending::Undecided => 6,
        })
    }
}

struct Command {
    name: &'static str,
    words: &'static str,
    about: &'static str,
    flags: &'static [Flag],
    run: fn(&Args) -> Result<Ending, String>,
}

const SEEDS: Flag = Flag { name: "seeds", value: "A..B", about: "the seeds, B not among them" };
const SCENARIO: Flag = Flag { name: "scenario", value: "NAME", about: "which scenario to play" };
const PLANT: Flag = Flag { name: "plant", value: "FAULT", about: "play with a planted fault, which runs should notice" };
const JOBS: Flag = Flag { name: "jobs", value: "N", about: "runs at once; as many as there are processors unless given" };
const FORMAT: Flag = Flag { name: "format", value: "json|human", about: "json prints one object a run" };

const COMMANDS: &[Command] = &[
    Command {
        name: "run",
        words: "",
        about: "play runs and judge them",
        flags: &[
            SEEDS,
            Flag { name: "seed", value: "N", about: "one seed" },
            Flag { name: "trace", value: "", about: "print everything that happens" },
            SCENARIO,
            PLANT,
            JOBS,
            FORMAT,
        ],
        run: run::run,
    },
    Command {
        name: "determinism",
        words: "",
        about: "play each seed twice here, once in another process and with three others at once, and compare the traces",
        flags: &[SEEDS, SCENARIO],
        run: determinism::run,
    },
    Command {
        name: "gossip",
        words: "",
        about: "play gossip scenarios of up to a thousand members and compare them with their goals",
        flags: &[SEEDS, SCENARIO, JOBS, FORMAT],
        run: gossip::run,
    },
    Command {
        name: "check",
        words: "FILE...",
        about: "judge recorded histories, one JSON object a line, for linearizability",
        flags: &[Flag { name: "html", value: "FILE", about: "write the counterexample as a page" }, FORMAT],
        run: check::run,
    },
    Command {
        name: "planted",
        words: "",
        about: "plant each fault in turn and see that enough runs notice it",
        flags: &[PLANT, SEEDS, JOBS, FORMAT],
        run: planted::run,
    },
    Command {
        name: "regressions",
        words: "",
        about: "play the seeds that once found something",
        flags: &[JOBS, FORMAT],
        run: regressions::run,
    },
    Command {
        name: "etcd",
        words: "",
        about: "play what stands against each bug of etcd's record, and print a table",
        flags: &[SEEDS, JOBS, FORMAT],
        run: etcd::run,
    },
    Command {
        name: "speed",
        words: "",
        about: "measure simulated seconds per second of processor time",
        flags: &[SEEDS, SCENARIO, FORMAT],
        run: speed::run,
    },
    Command {
        name: "storm",
        words: "",
        about: "restart all servers of 10,000 instances on 50 agents, and print what it costs the leader",
        flags: &[SEEDS, FORMAT],
        run: storm::run,
    },
    Command {
        name: "footprints",
        words: "",
        about: "print each seed's trace hash, for another process to compare",
        flags: &[SEEDS, SCENARIO],
        run: determinism::footprints,
    },
];

/// Runs the command that `given` names. Exit codes: 0 fine, 1 a run was wrong, 2 not understood, 3 a run did not repeat, 6 a history
/// was too hard to judge.
pub fn main(given: Vec<String>) -> ExitCode {
    let mut given: &[String] = &given;
    while given.first().is_some_and(|word| word == "--") {
        given = &given[1..];
    }
    let Some((name, rest)) = given.split_first() else {
        eprint!("{}", usage());
        return Ending::Usage.into();
    };
    if ["help", "--help", "-h", "-help"].contains(&name.as_str()) {
        print!("{}", usage());
        return Ending::Fine.into();
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("unknown command {name:?}\n\n{}", usage());
        return Ending::Usage.into();
    };
    let ended = Args::parse(rest, command.flags).and_then(|args| {
        let unwanted = args.words.first().filter(|_| command.words.is_empty());
        unwanted.map_or_else(|| (command.run)(&args), |word| Err(format!("unexpected {word:?}")))
    });
    ended
        .unwrap_or_else(|what| {
            eprintln!("{name}: {what}\n\n{}", usage_of(command));
            Ending::Usage
        })
        .into()
}

fn usage() -> String {
    let mut text = "Usage: cargo sim COMMAND [flags]\n\n".to_owned();
    for command in COMMANDS {
        text.push_str(&format!("  {:<12} {}\n", command.name, command.about));
    }
    text.push_str("\nScenarios of run, determinism and speed:\n");
    for scenario in scenario::ALL {
        text.push_str(&format!("  {:<12} {}\n", scenario.name, scenario.about));
    }
    text.push_str("\nFaults to plant:\n");
    for planted in ALL {
        text.push_str(&format!("  {:<12} {}\n", planted.name, planted.about));
    }
    text.push_str("\nScenarios of gossip:\n");
    for scenario in crate::gossip_heap::scenarios() {
        text.push_str(&format!("  {:<12} {}\n", scenario.name, scenario.goal));
    }
    text
}

fn usage_of(command: &Command) -> String {
    let mut text = format!("Usage: cargo sim {} {}\n  {}\n\n", command.name, command.words, command.about);
    for flag in command.flags {
        text.push_str(&format!("  --{:<20} {}\n", format!("{} {}", flag.name, flag.value), flag.about));
    }
    text
}

/// The scenario of `--scenario`, or the default one.
fn scenario_of(args: &Args) -> Result<Scenario, String> {
    let name = args.text("scenario").unwrap_or(scenario::DEFAULT);
    let names: Vec<&str> = scenario::ALL.iter().map(|scenario| scenario.name).collect();
    let scenario = Scenario::named(name).ok_or_else(|| format!("there is no scenario {name:?}; there are {}", names.join(", ")))?;
    Ok(planted_of(args)?.map_or(scenario, |planted| scenario.planting(planted)))
}

/// The fault of `--plant`.
fn planted_of(args: &Args) -> Result<Option<&'static Planted>, String> {
    let Some(name) = args.text("plant") else { return Ok(None) };
    let names: Vec<&str> = ALL.iter().map(|planted| planted.name).collect();
    Planted::named(name).map(Some).ok_or_else(|| format!("there is no fault {name:?} to plant; there are {}", names.join(", ")))
}

fn jobs_of(args: &Args) -> Result<usize, String> {
    let all = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Ok(args.number("jobs")?.unwrap_or(all).max(1))
}

/// Whether programs read the output.
fn json_of(args: &Args) -> Result<bool, String> {
    match args.text("format") {
        None | Some("human") => Ok(false),
        Some("json") => Ok(true),
        Some(other) => Err(format!("--format {other:?} must be json or human")),
    }
}
