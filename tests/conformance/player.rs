//! Plays one case against one agent.

use super::Failure;
use super::agent::{Agent, Folder};
use super::corpus::Case;
use super::dns;
use super::fixtures::Fixtures;
use super::http::{self, Answer, Request};
use super::matcher::{brief, differences};
use super::patience::Patience;
use super::steps::{Action, Step};
use super::variables::{Variables, six_hex_digits};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, TryRecvError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What is judged of a DNS reply.
const DNS_PARTS: [&str; 11] = ["rcode", "aa", "tc", "ra", "rd", "question", "answer", "authority", "additional", "edns", "size"];

/// How many differences a failure shows.
const SHOWN: usize = 12;

/// One play of a case.
pub struct Player<'a> {
    case: &'a Case,
    agent: &'a mut Agent,
    fixtures: &'a Fixtures,
    patience: Patience,
    variables: Variables,
    background: BTreeMap<String, Receiver<Result<Answer, String>>>,
    folder: Folder,
}

/// What a step brought back, to be judged.
enum Outcome {
    /// An HTTP answer to the request named.
    Http(String, Answer),
    /// A DNS reply to the question named.
    Dns(String, Value),
    /// The requests seen at the path named.
    Requests(String, Value),
}

impl<'a> Player<'a> {
    /// Ready to play.
    pub fn new(case: &'a Case, agent: &'a mut Agent, fixtures: &'a Fixtures, patience: Patience) -> Player<'a> {
        let (mut variables, folder) = (agent.variables().clone(), Folder::new("case"));
        variables.set("u", six_hex_digits());
        variables.set("dir", json!(folder.path()));
        Player { case, agent, fixtures, patience, variables, background: BTreeMap::new(), folder }
    }

    /// Plays the steps, then the cleanup. The failure names the step.
    pub fn play(mut self) -> Result<(), Failure> {
        let (steps, cleanup) = (&self.case.steps, &self.case.cleanup);
        let played = self.play_all(steps, "step ");
        for step in cleanup {
            let unjudged: Map<_, _> = object(step).iter().filter(|(k, _)| !matches!(k.as_str(), "expect" | "save")).map(owned).collect();
            if self.play_one(&unjudged).is_err() {
                break;
            }
        }
        played
    }

    fn play_all(&mut self, steps: &[Value], label: &str) -> Result<(), Failure> {
        for (n, step) in steps.iter().enumerate() {
            let place = format!("{label}{}", n + 1);
            match step.get("repeat").and_then(Value::as_u64) {
                None => self.play_one(object(step)).map_err(|f| Failure::new(format!("{place}: {f}")))?,
                Some(times) => {
                    for i in 0..times {
                        self.variables.set("i", i);
                        self.play_all(step["steps"].as_array().map(Vec::as_slice).unwrap_or_default(), &format!("{place}/{i}."))?;
                    }
                }
            }
        }
        Ok(())
    }

    fn play_one(&mut self, raw: &Map<String, Value>) -> Result<(), Failure> {
        let step = Step::parse(raw, &mut self.variables, self.patience)?;
        match &step.action {
            Action::Sleep(time) => thread::sleep(*time),
            Action::Set(values) => values.iter().for_each(|(name, value)| self.variables.set(name, value.clone())),
            Action::Fixture(fixture) => {
                let unique = self.variables.text_of("u");
                self.fixtures.set(fixture, |name| format!("{unique}{name}"))?;
            }
            Action::Write { name, content } => {
                std::fs::write(self.folder.path().join(name), content).map_err(|e| Failure::new(format!("{name}: {e}")))?;
            }
            Action::ConfigFile { name, content } => self.agent.write(name, content)?,
            Action::Restart(signal) => self.agent.restart(*signal, self.patience)?,
            Action::Join { id, within } => {
                let answer = self.join(id, *within)?;
                self.judge(&step, answer)?;
            }
            Action::Pending(id) => self.pending(id)?,
            Action::Background { id, request } => self.start(id, request),
            Action::Http(_) | Action::Dns(_) | Action::Requests(_) => self.retry(&step)?,
        }
        Ok(())
    }

    /// Tries a step until it matches or its time is over.
    fn retry(&mut self, step: &Step) -> Result<(), Failure> {
        let end = Instant::now() + step.until;
        loop {
            match self.act(&step.action).and_then(|outcome| self.judge(step, outcome)) {
                Err(_) if Instant::now() < end => thread::sleep(Duration::from_millis(50)),
                judged => return judged,
            }
        }
    }

    fn act(&self, action: &Action) -> Result<Outcome, Failure> {
        match action {
            Action::Http(request) => {
                let what = title(request);
                match http::call(&self.variables.text_of("http"), request) {
                    Ok(answer) => Ok(Outcome::Http(what, answer)),
                    Err(e) => Err(Failure::new(format!("{what}: {e}"))),
                }
            }
            Action::Dns(question) => {
                let word = |key: &str| question.get(key).and_then(Value::as_str);
                let what = format!("DNS {} {}", word("type").unwrap_or("A"), word("name").unwrap_or_default());
                let silence = self.patience.request(Duration::from_secs(3)) / if self.patience == Patience::Short { 5 } else { 1 };
                dns::ask(&self.variables.text_of("dns"), question, silence).map(|reply| Outcome::Dns(what, reply))
            }
            Action::Requests(path) => Ok(Outcome::Requests(format!("requests seen at {path}"), json!(self.fixtures.seen(path)))),
            other => unreachable!("{other:?} is not tried again"),
        }
    }

    fn start(&mut self, id: &str, request: &Request) {
        let (sender, receiver) = channel();
        let (address, request) = (self.variables.text_of("http"), request.clone());
        thread::spawn(move || {
            // Nobody waits any more when the case is over.
            let _ = sender.send(http::call(&address, &request).map_err(|e| format!("{}: {e}", title(&request))));
        });
        self.background.insert(id.to_owned(), receiver);
        thread::sleep(Duration::from_millis(150)); // lets it reach the agent before the next step: part of the format
    }

    fn join(&mut self, id: &str, within: Duration) -> Result<Outcome, Failure> {
        let receiver = self.background.remove(id).ok_or_else(|| Failure::new(format!("no background request {id:?}")))?;
        let answer = receiver.recv_timeout(within);
        let answer = answer.map_err(|_| Failure::new(format!("background request {id:?} has not returned within {within:?}")))?;
        let what = format!("background request {id:?}");
        answer.map(|answer| Outcome::Http(what.clone(), answer)).map_err(|e| Failure::new(format!("{what}: {e}")))
    }

    fn pending(&mut self, id: &str) -> Result<(), Failure> {
        let receiver = self.background.get(id).ok_or_else(|| Failure::new(format!("no background request {id:?}")))?;
        match receiver.try_recv() {
            Err(TryRecvError::Empty) => Ok(()),
            returned => Err(Failure::new(format!("background request {id:?} returned early: {returned:?}"))),
        }
    }

    fn judge(&mut self, step: &Step, outcome: Outcome) -> Result<(), Failure> {
        let (what, found, document) = match &outcome {
            Outcome::Http(what, answer) => {
                let document = serde_json::from_slice::<Value>(&answer.body).ok();
                (what, self.of_http(&step.expect, answer, document.as_ref()), document)
            }
            Outcome::Dns(what, reply) => (what, self.of_dns(&step.expect, reply), None),
            Outcome::Requests(what, seen) => (what, self.of_document(&step.expect, Some(seen)), Some(seen.clone())),
        };
        if !found.is_empty() {
            let listed = found.into_iter().take(SHOWN).collect::<Vec<_>>().join("\n      ");
            return Err(Failure::new(format!("{what}\n      {listed}\n      got: {}", shown(&outcome))));
        }
        for (name, source) in &step.save {
            self.save(name, source.as_str().unwrap_or_default(), &outcome, document.as_ref())?;
        }
        Ok(())
    }

    fn of_http(&self, expect: &Map<String, Value>, answer: &Answer, document: Option<&Value>) -> Vec<String> {
        let mut out = Vec::new();
        let status = json!(answer.status);
        if let Some(want) = expect.get("status")
            && *want != status
            && !want.as_array().is_some_and(|allowed| allowed.contains(&status))
        {
            out.push(format!("status: expected {want}, got {status}"));
        }
        for (name, want) in expect.get("headers").and_then(Value::as_object).into_iter().flatten() {
            let value = answer.header(name).map(|v| json!(v));
            out.extend(differences(want, value.as_ref(), &self.variables, &format!("header {name}")));
        }
        out.extend(self.of_document(expect, document));
        if let Some(want) = expect.get("text") {
            let text = json!(String::from_utf8_lossy(&answer.body));
            out.extend(differences(want, Some(&text), &self.variables, "text"));
        }
        if let Some(want) = expect.get("b64").and_then(Value::as_str)
            && STANDARD.decode(want).as_deref() != Ok(&answer.body)
        {
            out.push(format!("body: expected base64 {want}, got {}", STANDARD.encode(&answer.body)));
        }
        if let Some([low, high]) = expect.get("ms").and_then(Value::as_array).map(Vec::as_slice) {
            let took = answer.took.as_secs_f64() * 1000.0;
            if low.as_f64().is_some_and(|low| took < low) || high.as_f64().is_some_and(|high| took > high) {
                out.push(format!("time: expected {low}..{high} ms, took {took:.0} ms"));
            }
        }
        out
    }

    fn of_dns(&self, expect: &Map<String, Value>, reply: &Value) -> Vec<String> {
        let judged = DNS_PARTS.iter().filter_map(|part| Some((part, expect.get(*part)?)));
        judged.flat_map(|(part, want)| differences(want, reply.get(*part), &self.variables, part)).collect()
    }

    fn of_document(&self, expect: &Map<String, Value>, document: Option<&Value>) -> Vec<String> {
        expect.get("json").map_or_else(Vec::new, |want| differences(want, document, &self.variables, "json"))
    }

    fn save(&mut self, name: &str, source: &str, outcome: &Outcome, document: Option<&Value>) -> Result<(), Failure> {
        let kind = source.split_once(':').unwrap_or((source, ""));
        let answer = match outcome {
            Outcome::Http(_, answer) => Some(answer),
            Outcome::Dns(..) | Outcome::Requests(..) => None,
        };
        match (kind, answer) {
            (("body", _), Some(answer)) => self.variables.keep_body(name, answer.body.clone()),
            (("text", _), Some(answer)) => self.variables.set(name, String::from_utf8_lossy(&answer.body).into_owned()),
            (("header", header), Some(answer)) => self.variables.set(name, json!(answer.header(header))),
            (("json", path), _) => self.variables.set(name, dig(document, path)?),
            _ => return Err(Failure::new(format!("nothing to save from {source:?}"))),
        }
        Ok(())
    }
}

fn dig(document: Option<&Value>, path: &str) -> Result<Value, Failure> {
    let step = |value: Option<&'_ Value>, part: &str| -> Option<Value> {
        match value? {
            Value::Array(items) => items.get(part.parse::<usize>().ok()?).cloned(),
            other => other.get(part).cloned(),
        }
    };
    let mut value = document.cloned();
    for part in path.split('.').filter(|part| !part.is_empty()) {
        value = step(value.as_ref(), part);
    }
    value.ok_or_else(|| Failure::new(format!("nothing to save at {path:?} in {}", brief(document, 400))))
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Http(_, answer) => {
            let text: String = String::from_utf8_lossy(&answer.body).chars().take(1500).collect();
            format!("{} {}", answer.status, text.trim().replace(|c: char| c.is_control() && c != '\n' && c != '\t', "?"))
        }
        Outcome::Dns(_, value) | Outcome::Requests(_, value) => brief(Some(value), 1500),
    }
}

fn title(request: &Request) -> String {
    format!("{} {}", request.method, request.path)
}

fn object(step: &Value) -> &Map<String, Value> {
    step.as_object().unwrap_or_else(|| panic!("a step that is not an object: {step}"))
}

fn owned((key, value): (&String, &Value)) -> (String, Value) {
    (key.clone(), value.clone())
}
