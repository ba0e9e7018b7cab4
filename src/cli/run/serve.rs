//! A service from its start to its end.

use super::Plan;
use super::registration::{Pulse, Registration};
use crate::cli::client::{Query, path, unexpected};
use crate::cli::remote::{Remote, Trouble};
use crate::cli::report::{Outcome, Report};
use crate::cli::supervise::{Alarm, Group, Notice, Notices, Stdin, finished, now, pause, say, tethered};
use crate::model::Instant;
use crate::runtime::tokio::Tokio;
use crate::runtime::{Command, Ended, Runtime, timeout};
use bytes::Bytes;
use rustix::process::Signal;
use serde_json::json;
use std::time::Duration;

/// How long after a failure the next attempt is made.
const RETRY: Duration = Duration::from_secs(1);

/// How long the service's end waits for the agent to take it out of the catalog.
const FAREWELL: Duration = Duration::from_secs(2);

/// The most of a check program's output that is kept, in bytes.
const OUTPUT: usize = 4096;

/// Runs the service. What the agent refuses is refused before anything is started; one that does not answer is asked again later.
pub(super) async fn serve(plan: Plan, mut notices: Notices) -> Outcome {
    let Plan { agent, registration, command } = plan;
    let mut pulse = Pulsing { agent: &agent, registration: &registration, known: Known::No };
    match pulse.register().await {
        Ok(()) => {}
        Err(Trouble::Lasting(why)) => return Err(format!("Error registering service {:?}: {why}", registration.id)),
        Err(trouble) => say(format_args!("The service is not registered yet: {trouble}")),
    }
    let group = match tethered(&command).and_then(|line| Group::start(&line, &[], Stdin::Ours)) {
        Ok(group) => group,
        Err(error) => {
            deregister(&agent, &registration.id).await;
            return Err(format!("Error executing command: {error}"));
        }
    };
    let ended = tend(&mut pulse, &group, &mut notices).await;
    deregister(&agent, &registration.id).await;
    let end = ended.and_then(|()| group.reap()).map_err(|e| format!("Error waiting for the command: {e}"))?;
    Ok(Report { code: end.exit_code(), ..Report::default() })
}

/// Beats, and passes signals on, until the command has ended.
async fn tend(pulse: &mut Pulsing<'_>, group: &Group, notices: &mut Notices) -> std::io::Result<()> {
    let (alarm, registration, agent) = (Alarm::new()?, pulse.registration, pulse.agent);
    let (mut next, mut beating): (Instant, Option<futures_util::future::LocalBoxFuture<'_, Result<(), Trouble>>>) = (now(), None);
    let mut leaving = false;
    while !group.has_ended()? {
        tokio::select! {
            biased;
            notice = notices.next() => match notice {
                Notice::Child => {}
                Notice::Forward(signal) => group.signal(signal),
                Notice::End(signal) => {
                    // Nobody is sent here any more by the time it stops to serve. The second signal finds nothing left to do.
                    if !std::mem::replace(&mut leaving, true) {
                        beating = None;
                        deregister(agent, &registration.id).await;
                    }
                    group.signal(signal);
                }
                Notice::Pause => {
                    group.signal(Signal::STOP);
                    pause();
                    group.signal(Signal::CONT);
                }
            },
            beat = finished(&mut beating) => next = pulse.heard(beat),
            rang = alarm.at(next), if beating.is_none() && !leaving => {
                rang?;
                beating = Some(Box::pin(beat(agent, registration, pulse.known)));
            }
        }
    }
    Ok(())
}

/// Whether the agent has our registration, as far as we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Yes,
    No,
}

/// The heartbeats of a service.
struct Pulsing<'a> {
    agent: &'a Remote,
    registration: &'a Registration,
    known: Known,
}

impl Pulsing<'_> {
    async fn register(&mut self) -> Result<(), Trouble> {
        register(self.agent, self.registration).await?;
        self.known = Known::Yes;
        Ok(())
    }

    /// Takes a beat's outcome; when the next one is due. Trouble is told once, and so is its end.
    fn heard(&mut self, beat: Result<(), Trouble>) -> Instant {
        let known = if beat.is_ok() { Known::Yes } else { Known::No };
        match (beat, std::mem::replace(&mut self.known, known)) {
            (Ok(()), Known::No) => say(format_args!("The service {:?} is registered", self.registration.id)),
            (Err(trouble), Known::Yes) => say(format_args!("The service {:?} is lost to the agent: {trouble}", self.registration.id)),
            (Ok(()), Known::Yes) | (Err(_), Known::No) => {}
        }
        now() + if known == Known::Yes { self.registration.beat } else { RETRY }
    }
}

async fn beat(agent: &Remote, registration: &Registration, known: Known) -> Result<(), Trouble> {
    if known == Known::No {
        register(agent, registration).await?;
    }
    let sent = match &registration.pulse {
        Pulse::Heartbeat { check } => {
            agent.ask("PUT", &format!("/v1/agent/check/pass/{}", path(check)), Query::default(), Vec::new()).await
        }
        Pulse::Watched => agent.ask("GET", &format!("/v1/agent/service/{}", path(&registration.id)), Query::default(), Vec::new()).await,
        Pulse::Program { check, line, timeout } => {
            let body = look(line, *timeout).await.to_string().into_bytes();
            agent.ask("PUT", &format!("/v1/agent/check/update/{}", path(check)), Query::default(), body).await
        }
    };
    taken(sent?)
}

/// Runs the check's program: the body for the agent.
async fn look(line: &str, timeout: Duration) -> serde_json::Value {
    let args = ["/bin/sh", "-c", line].map(str::to_owned).to_vec();
    let ran = Tokio::run_command(Command { args, env: Vec::new(), input: Bytes::new(), timeout, output_limit: OUTPUT }).await;
    let (status, output) = match ran {
        Err(error) => ("critical", error.to_string()),
        Ok(ran) => {
            let status = match ran.ended {
                Ended::Exited(0) => "passing",
                Ended::Exited(1) => "warning",
                Ended::Exited(_) | Ended::Signalled(_) | Ended::TimedOut => "critical",
            };
            (status, ran.output.text().into_owned())
        }
    };
    json!({"Status": status, "Output": output})
}

async fn register(agent: &Remote, registration: &Registration) -> Result<(), Trouble> {
    let query = Query::default().with("replace-existing-checks", "true");
    taken(agent.ask("PUT", "/v1/agent/service/register", query, registration.body.clone()).await?)
}

fn taken(response: crate::cli::http::Response) -> Result<(), Trouble> {
    if response.status == 200 { Ok(()) } else { Err(Trouble::Passing(unexpected(&response))) }
}

async fn deregister(agent: &Remote, id: &str) {
    let target = format!("/v1/agent/service/deregister/{}", path(id));
    let asked = agent.ask("PUT", &target, Query::default(), Vec::new());
    match timeout::<Tokio, _>(FAREWELL, asked).await.map_err(|_| Trouble::Passing("no answer in time".to_owned())) {
        Ok(Ok(_)) => {}
        Ok(Err(trouble)) | Err(trouble) => say(format_args!("Error deregistering service {id:?}: {trouble}")),
    }
}
