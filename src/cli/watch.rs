//! `watch`: what is watched, now, or given to a program whenever it changes.

use super::args::{FlagSpec, switch, value};
use super::client::{Client, Query, path, unexpected};
use super::command::Call;
use super::report::{Outcome, Report};
use crate::api::watch::{LastEvent, key, keys};
use crate::config::Target;
use std::time::Duration;

pub(super) const FLAGS: &[FlagSpec] = &[
    value("key", "Key that is watched (-type=key)."),
    value("name", "Name of the event; all events unless set (-type=event)."),
    switch("passingonly", "Only instances all of whose checks pass (-type=service)."),
    value("prefix", "Prefix of the keys that are watched (-type=keyprefix)."),
    value("service", "Service that is watched (-type=service or checks)."),
    switch("shell", "Whether a shell reads the command: true unless set."),
    value("state", "State of the checks that are watched (-type=checks)."),
    value("tag", "Tag that instances must have; may be repeated (-type=service)."),
    value("type", "What is watched: key, keyprefix, services, nodes, service, checks or event."),
];

/// How long one question waits for news.
const WAIT: &str = "60s";
/// Pause after the first failure in a row; it grows with the square of their number, up to the longest.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(180);

pub(super) fn run(call: &Call<'_>) -> Outcome {
    let args = &call.args;
    let given = |name: &str| args.value(name).map(str::to_owned);
    let Some(kind) = args.value("type").filter(|kind| !kind.is_empty()) else {
        return Err("Watch type must be specified: -type=key, keyprefix, services, nodes, service, checks or event".to_owned());
    };
    let target = Target::parse(kind, args.values("tag").map(str::to_owned).collect(), args.is_on("passingonly"), given)?;
    let mut watch = Watched { call, client: call.client()?, target, last: LastEvent::default() };
    let first = watch.look(0)?;
    if args.words.is_empty() {
        return Ok(Report { out: watch.shown(&first)?.unwrap_or_else(|| b"[]\n".to_vec()), ..Report::default() });
    }
    watch.follow(first)
}

struct Watched<'a> {
    call: &'a Call<'a>,
    client: Client<'a>,
    target: Target,
    last: LastEvent,
}

/// An answer and its index.
#[derive(PartialEq)]
struct Answer {
    index: u64,
    body: Vec<u8>,
}

impl Watched<'_> {
    fn look(&self, after: u64) -> Result<Answer, String> {
        let (place, query) = request(&self.target)?;
        let query = query.with("pretty", "true").with_server_flags(&self.call.args);
        let query = if after > 0 { query.with("index", after).with("wait", WAIT) } else { query };
        let response = self.client.send("GET", &place, query, Vec::new())?;
        match response.status {
            200 => Ok(Answer { index: response.index.unwrap_or(0), body: response.body }),
            // A key that is not there.
            404 => Ok(Answer { index: response.index.unwrap_or(0), body: Vec::new() }),
            _ => Err(unexpected(&response)),
        }
    }

    /// What there is to tell of an answer.
    fn shown(&mut self, answer: &Answer) -> Result<Option<Vec<u8>>, String> {
        let shown = match &self.target {
            Target::Key(_) => key(&answer.body).map(Some),
            Target::KeyPrefix(_) => keys(&answer.body).map(Some),
            Target::Event(_) => self.last.news(&answer.body),
            Target::Services | Target::Nodes | Target::Service { .. } | Target::ChecksOf(_) | Target::ChecksIn(_) | Target::Query(_) => {
                Ok(Some(answer.body.clone()))
            }
        };
        shown.map_err(|error| format!("the answer is not what an agent sends: {error}"))
    }

    /// Gives the program what there is, then what is new, for ever.
    fn follow(&mut self, first: Answer) -> Outcome {
        let mut seen = first;
        self.hand_over(&seen)?;
        let mut failures: u32 = 0;
        loop {
            match self.look(seen.index) {
                Ok(next) => {
                    failures = 0;
                    if next.body != seen.body {
                        self.hand_over(&next)?;
                    }
                    // An index that went back is another cluster's: everything is asked for anew. Those of events never rise.
                    let back = next.index < seen.index && !matches!(self.target, Target::Event(_));
                    seen = Answer { index: if back { 0 } else { next.index }, body: next.body };
                }
                Err(error) => {
                    failures += 1;
                    let pause = (PAUSE * failures.saturating_mul(failures)).min(LONGEST_PAUSE);
                    self.call.surroundings.pause(pause, &error).map_err(|_| error)?;
                }
            }
        }
    }

    fn hand_over(&mut self, answer: &Answer) -> Result<(), String> {
        let Some(document) = self.shown(answer)? else { return Ok(()) };
        let args = &self.call.args;
        let shell = args.value("shell").is_none_or(|_| args.is_on("shell"));
        let words = &args.words;
        let program = if shell { ["sh", "-c", &words.join(" ")].map(str::to_owned).to_vec() } else { words.clone() };
        let index = answer.index.to_string();
        let env = [("CONSUL_INDEX", index.as_str()), ("MUSTER_INDEX", index.as_str())];
        self.call.surroundings.run(&program, &env, &document).map_err(|e| format!("Error executing handler: {e}"))
    }
}

/// Where the answer is.
fn request(target: &Target) -> Result<(String, Query), String> {
    let plain = Query::default;
    Ok(match target {
        Target::Key(key) => (format!("/v1/kv/{}", path(key)), plain()),
        Target::KeyPrefix(prefix) => (format!("/v1/kv/{}", path(prefix)), plain().with("recurse", "true")),
        Target::Services => ("/v1/catalog/services".to_owned(), plain()),
        Target::Nodes => ("/v1/catalog/nodes".to_owned(), plain()),
        Target::Service { name, tags, passing } => {
            let query = tags.iter().fold(plain(), |query, tag| query.with("tag", tag));
            (format!("/v1/health/service/{}", path(name)), query.with_some("passing", passing.then_some("true")))
        }
        Target::ChecksOf(service) => (format!("/v1/health/checks/{}", path(service)), plain()),
        Target::ChecksIn(state) => (format!("/v1/health/state/{}", path(state)), plain()),
        Target::Event(name) => ("/v1/event/list".to_owned(), plain().with_some("name", name.as_ref())),
        Target::Query(_) => return Err("a watch of type query stands in a configuration file".to_owned()),
    })
}
