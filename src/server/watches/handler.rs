//! Handlers: a program with the news on its standard input, or a request with the news as its body.

use crate::agent::events::index_of;
use crate::api::event::EventShape;
use crate::api::json::{Layout, to_vec};
use crate::config::{Contract, Handler, Watch};
use crate::gossip::{MAX_SAID, Question, UserEvent};
use crate::model::{CheckStatus, Probe};
use crate::runtime::{Command, Ended, Ran, Runtime};
use crate::server::Agent;
use crate::server::checks::{self, ProbeSetting};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// How long a program may take: nobody waits for it but its own next run.
const PATIENCE: Duration = Duration::from_secs(600);
/// The most output kept of a handler, for the log.
const OUTPUT: usize = 4096;

type Variables = Vec<(String, String)>;

impl<R: Runtime> Agent<R> {
    /// Gives a document to the watch's handler and waits until that is done.
    pub(super) async fn hand_over(&self, watch: &Watch, document: &[u8], index: u64) {
        match &watch.handler {
            Handler::Script { args, .. } => {
                let env = ["CONSUL_INDEX", "MUSTER_INDEX"].map(|name| (name.to_owned(), index.to_string())).to_vec();
                self.run_handler(watch, args, env, Bytes::copy_from_slice(document), PATIENCE).await;
            }
            Handler::Http { request, timeout } => {
                let mut request = request.clone();
                request.body = String::from_utf8_lossy(document).into_owned();
                request.headers.insert("X-Consul-Index".to_owned(), vec![index.to_string()]);
                request.headers.entry("Content-Type".to_owned()).or_insert_with(|| vec!["application/json".to_owned()]);
                let setting = ProbeSetting::at(self.0.surroundings.docker.clone());
                let verdict = checks::run::<R>(&Probe::Http(*request), *timeout, OUTPUT, &setting).await;
                if verdict.status != CheckStatus::Passing {
                    tracing::warn!(watch = watch.target.label(), output = verdict.output, "the watch's handler did not take the news");
                }
            }
        }
    }

    /// Gives events to the handler: all together, or one by one if it is one of Serf's.
    pub(super) async fn hand_over_events(&self, watch: &Watch, events: &[Arc<UserEvent>]) {
        match &watch.handler {
            Handler::Script { args, contract: Contract::Serf } => {
                for event in events {
                    let own = [("SERF_EVENT", "user"), ("SERF_USER_EVENT", &event.name), ("SERF_USER_LTIME", &event.at.to_string())];
                    let env = self.serf_variables(&own);
                    self.run_handler(watch, args, env, with_line_end(&event.payload), PATIENCE).await;
                }
            }
            Handler::Script { contract: Contract::Consul, .. } | Handler::Http { .. } => {
                let shapes: Vec<EventShape<'_>> = events.iter().map(|event| EventShape::from(&**event)).collect();
                let index = events.last().map_or(1, |event| index_of(event.id));
                self.hand_over(watch, &to_vec(Layout::Pretty, &shapes), index).await;
            }
        }
    }

    /// The answer of a question's handler: what it prints, if it exits with 0 while the asker waits and that fits.
    pub(in crate::server) async fn answer_by_handler(&self, watch: &Watch, question: &Question) -> Option<Bytes> {
        let Handler::Script { args, .. } = &watch.handler else { return None };
        let at = question.at.to_string();
        let env = self.serf_variables(&[("SERF_EVENT", "query"), ("SERF_QUERY_NAME", &question.name), ("SERF_QUERY_LTIME", &at)]);
        let patience = Duration::from_millis(u64::from(question.patience)).min(PATIENCE);
        let ran = self.run_handler(watch, args, env, with_line_end(&question.payload), patience).await?;
        match ran.ended {
            Ended::Exited(0) if ran.output.written() <= MAX_SAID as u64 => Some(Bytes::copy_from_slice(ran.output.bytes())),
            Ended::Exited(0) => {
                tracing::warn!(
                    watch = watch.target.label(),
                    bytes = ran.output.written(),
                    limit = MAX_SAID,
                    "an answer too long to be sent"
                );
                None
            }
            Ended::Exited(_) | Ended::Signalled(_) | Ended::TimedOut => None,
        }
    }

    async fn run_handler(&self, watch: &Watch, args: &[String], env: Variables, input: Bytes, timeout: Duration) -> Option<Ran> {
        let label = watch.target.label();
        let command = Command { args: args.to_vec(), env, input, timeout, output_limit: OUTPUT };
        match R::run_command(command).await {
            Ok(ran) => {
                let output = ran.output.text();
                match ran.ended {
                    Ended::Exited(0) => tracing::debug!(watch = label, %output, "the watch's handler ran"),
                    ended => tracing::warn!(watch = label, ?ended, %output, "the watch's handler failed"),
                }
                Some(ran)
            }
            Err(error) => {
                tracing::warn!(watch = label, %error, "the watch's handler could not be started");
                None
            }
        }
    }

    /// What Serf tells a handler of this agent, and `own` of what happened.
    fn serf_variables(&self, own: &[(&str, &str)]) -> Variables {
        let local = self.lan().local();
        let mut env = vec![("SERF_SELF_NAME".to_owned(), local.name().to_string())];
        env.push(("SERF_SELF_ROLE".to_owned(), local.tag("role").unwrap_or_default().to_owned()));
        env.extend(local.tags().as_map().iter().map(|(name, value)| (format!("SERF_TAG_{}", variable(name)), value.clone())));
        env.extend(own.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        env
    }
}

/// A tag's name as part of a variable's.
fn variable(name: &str) -> String {
    name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' }).collect()
}

/// A payload as Serf's handlers read it: with a line's end behind it, unless it is empty or has one.
fn with_line_end(payload: &Bytes) -> Bytes {
    match payload.last() {
        None | Some(b'\n') => payload.clone(),
        Some(_) => [payload, &b"\n"[..]].concat().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::{variable, with_line_end};

    #[test]
    fn payloads_end_with_a_line_and_tags_become_variables() {
        assert_eq!(with_line_end(&b"v42"[..].into()), &b"v42\n"[..]);
        assert_eq!((with_line_end(&b"v42\n"[..].into()), with_line_end(&b""[..].into())), (b"v42\n"[..].into(), b""[..].into()));
        assert_eq!(variable("wan_join.port-2"), "WAN_JOIN_PORT_2");
    }
}
