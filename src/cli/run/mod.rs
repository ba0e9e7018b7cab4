//! `run`: runs a service that is registered with the agent as long as it runs.
//!
//! Nothing is restarted: that is for whoever started us. An agent that is not there does not keep the service from running; it is registered when the agent is.
//! A service does not outlive us: should we be killed, it is sent SIGTERM.

mod registration;
mod serve;

use super::args::{Args, FlagSpec, value};
use super::command::Call;
use super::remote::Remote;
use super::report::Outcome;
use super::supervise::Notices;
use crate::model::duration;
use crate::runtime::Runtime;
use crate::runtime::tokio::Tokio;
use registration::{Registration, registration};
use std::time::Duration;

pub(super) const FLAGS: &[FlagSpec] = &[
    value("address", "Address of the service; the node's unless set."),
    value("check-cmd", "A line for /bin/sh that tells how the service is: 0 passing, 1 warning, else critical. We run it, not the agent."),
    value("check-grpc", "host:port[/service] whose gRPC health the agent asks for."),
    value("check-http", "URL that the agent fetches; 2xx is passing."),
    value("check-interval", "Time between checks; 10s unless set."),
    value("check-tcp", "host:port to which the agent connects."),
    value("check-timeout", "How long a check may take; 10s unless set."),
    value("check-ttl", "The service is critical when we are silent for so long; 15s unless set, if no other check is asked for."),
    value(
        "deregister-after",
        "The agent deregisters the service when it is critical for so long, such as after we were killed; at least 1m.",
    ),
    value("id", "Id of the instance; the name unless set."),
    value("meta", "Metadata, key=value; may be repeated."),
    value("port", "Port of the service."),
    value("service", "Name of the service."),
    value("socket", "Path of a Unix socket, instead of address and port."),
    value("tag", "Tag of the service; may be repeated."),
    value("tagged-address", "Further address, name=address or name=address:port; may be repeated."),
];

/// Time between checks, and what one may take, unless something else is asked for.
const USUAL: Duration = Duration::from_secs(10);

/// What was asked for.
struct Plan {
    agent: Remote,
    registration: Registration,
    command: Vec<String>,
}

fn time(args: &Args, flag: &str) -> Result<Option<Duration>, String> {
    let read = |text: &str| match duration::parse(text) {
        Ok(Duration::ZERO) => Err(format!("invalid value {text:?} for flag -{flag}: must be above zero")),
        Ok(time) => Ok(time),
        Err(error) => Err(format!("invalid value {text:?} for flag -{flag}: {error}")),
    };
    args.value(flag).map(read).transpose()
}

pub(super) fn run(call: &Call<'_>) -> Outcome {
    let args = &call.args;
    if args.value("service").is_none_or(str::is_empty) {
        return Err("Give -service, the name under which it is found".to_owned());
    }
    if args.words.is_empty() {
        return Err("Give the command that is the service, after --".to_owned());
    }
    let plan = Plan { agent: call.client()?.remote(args), registration: registration(args)?, command: args.words.clone() };
    Tokio::block_on(async {
        let notices = Notices::take().map_err(|e| format!("Error catching signals: {e}"))?;
        serve::serve(plan, notices).await
    })
}
