//! Floor 6: the command line. Finds the command, carries it out, prints its report, says the exit code.

mod agent;
mod args;
mod catalog;
mod client;
mod command;
mod event;
mod help;
mod http;
mod info;
mod join;
mod kv;
mod leave;
mod lock;
mod maint;
mod members;
mod monitor;
mod operator;
mod reload;
mod remote;
mod report;
mod rtt;
mod run;
mod services;
mod snapshot;
mod supervise;
mod table;
mod upload;
mod validate;
mod version;
mod watch;

#[cfg(test)]
mod tests;

use crate::config::Config;
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, sleep};
use crate::server::run_production;
use args::{Args, ArgsError};
use client::Surroundings;
use command::{Action, Call, Command};
use help::Named;
use http::{Endpoint, Request, Response};
use report::Report;
use std::io::{self, Read, Write};
use std::process::ExitCode;
use upload::FileBody;

/// Carries out the command that `args` name, the program's own name left out.
pub fn run(args: &[String]) -> ExitCode {
    match carry_out(args, &ThisProcess) {
        Done::Report(report) => print(&report),
        Done::Serve(config, args) => serve(*config, &args),
    }
}

/// What a command line comes to.
enum Done {
    /// It has been carried out.
    Report(Report),
    /// An agent is to run, with the configuration that these arguments ask for.
    Serve(Box<Config>, Args),
}

fn carry_out(args: &[String], surroundings: &dyn Surroundings) -> Done {
    if matches!(args, [only] if matches!(only.as_str(), "-v" | "-version" | "--version")) {
        return Done::Report(Report::text(version::text()));
    }
    match help::find(args) {
        Named::Command(command, words) => call(command, &args[words..], surroundings),
        Named::Other(report) => Done::Report(report),
    }
}

fn call(command: &Command, args: &[String], surroundings: &dyn Surroundings) -> Done {
    let args = match Args::parse(args, &(command.flags)()) {
        Ok(args) => args,
        Err(ArgsError::HelpAsked) => return Done::Report(Report::text(help::of_command(command))),
        Err(ArgsError::Wrong(error)) => {
            return Done::Report(Report::failed(format!("{error}\n'muster {} -help' tells its flags", command.name)));
        }
    };
    match command.action {
        Action::Report(run) => Done::Report(run(&Call { args, surroundings }).unwrap_or_else(Report::failed)),
        Action::Serve => match agent::configuration(&args) {
            Ok(config) => Done::Serve(Box::new(config), args),
            Err(error) => Done::Report(Report::failed(format!("==> {error}"))),
        },
    }
}

fn print(report: &Report) -> ExitCode {
    let printed = io::stderr().write_all(report.err.as_bytes()).and_then(|()| {
        let mut out = io::stdout().lock();
        out.write_all(&report.out)?;
        out.flush()
    });
    match printed {
        Ok(()) => ExitCode::from(report.code),
        // Whoever read us has gone, as `head` does: not worth a word, but not a success either.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Runs an agent until it is told to stop.
fn serve(config: Config, args: &Args) -> ExitCode {
    say("==> Starting Muster agent...\n");
    agent::raise_open_files();
    let again = args.clone();
    run_production(config, move || agent::configuration(&again), |agent| say(&agent::banner(agent.config(), agent.node_id())))
}

/// Prints for whoever looks; nobody has to.
fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// The process we are.
struct ThisProcess;

impl Surroundings for ThisProcess {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn stdin(&self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        io::stdin().lock().read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn send(&self, to: &Endpoint, request: Request) -> io::Result<Response> {
        http::send(to, request)
    }

    fn upload(&self, to: &Endpoint, request: Request, file: FileBody) -> io::Result<Response> {
        http::upload(to, request, file)
    }

    fn run(&self, args: &[String], env: &[(&str, &str)], input: &[u8]) -> io::Result<()> {
        let (program, rest) = args.split_first().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut running =
            std::process::Command::new(program).args(rest).envs(env.iter().copied()).stdin(std::process::Stdio::piped()).spawn()?;
        if let Some(mut stdin) = running.stdin.take() {
            // A program that does not read to the end has its reasons.
            let _ = stdin.write_all(input);
        }
        let status = running.wait()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(status.to_string())) }
    }

    fn pause(&self, pause: std::time::Duration, why: &str) -> io::Result<()> {
        writeln!(io::stderr(), "{why}; trying again in {pause:?}")?;
        Tokio::block_on(sleep::<Tokio>(pause));
        Ok(())
    }

    fn stream(&self, to: &Endpoint, request: Request, into: &mut dyn Write) -> io::Result<Response> {
        http::stream(to, request, |bytes| into.write_all(bytes).and_then(|()| into.flush()))
    }
}
