//! `/v1/event/*`: Consul's shapes of user events, and ours of questions.

use super::ApiError;
use super::json::base64;
use super::limit::BodyLimit;
use super::params::Params;
use crate::gossip::{Ask, MAX_SAID, Scope, UserEvent, Word};
use crate::model::{NodeId, NodeName, duration};
use bytes::Bytes;
use serde::Serialize;
use serde::ser::Serializer;
use std::collections::BTreeMap;

/// What an event may take as Consul sends it, in bytes.
const EVENT_LIMIT: usize = 512;

/// Longest payload of an event or a question that is read at all.
pub const LONGEST: BodyLimit = BodyLimit::fixed(64 * 1024);

/// An event as Consul's clients see it.
#[derive(Debug, Serialize)]
pub struct EventShape<'a> {
    #[serde(rename = "ID")]
    id: String,
    #[serde(rename = "Name")]
    name: &'a str,
    #[serde(rename = "Payload", serialize_with = "payload")]
    payload: &'a Bytes,
    #[serde(rename = "NodeFilter")]
    node: &'a str,
    #[serde(rename = "ServiceFilter")]
    service: &'a str,
    #[serde(rename = "TagFilter")]
    tag: &'a str,
    #[serde(rename = "Version")]
    version: u8,
    #[serde(rename = "LTime")]
    at: u64,
}

fn payload<S: Serializer>(bytes: &&Bytes, to: S) -> Result<S::Ok, S::Error> {
    base64(bytes, to)
}

impl<'a> From<&'a UserEvent> for EventShape<'a> {
    fn from(event: &'a UserEvent) -> EventShape<'a> {
        let Scope { node, service, tag } = &event.scope;
        let id = NodeId::from_u128(event.id).to_string();
        EventShape { id, name: &event.name, payload: &event.payload, node, service, tag, version: 1, at: event.at }
    }
}

/// Whom `node`, `service` and `tag` mean.
pub fn scope(params: &Params<'_>) -> Scope {
    let text = |name: &str| params.value(name).unwrap_or_default().to_owned();
    Scope { node: text("node"), service: text("service"), tag: text("tag") }
}

/// The event that a request of this name, query and body fires, with `id`.
///
/// # Errors
/// A missing name; more than Consul's limit.
pub fn event(name: &str, params: &Params<'_>, body: Vec<u8>, id: NodeId) -> Result<UserEvent, ApiError> {
    if name.is_empty() {
        return Err(ApiError::bad_request("Missing name"));
    }
    let (name, payload) = (name.to_owned(), body.into());
    let event = UserEvent { id: id.as_u128(), at: 0, name, payload, scope: scope(params), after: Vec::new() };
    if length_at_consul(&event) > EVENT_LIMIT {
        return Err(ApiError::internal(format!("user event exceeds configured limit of {EVENT_LIMIT} bytes before encoding")));
    }
    Ok(event)
}

/// How many bytes Consul reckons for an event: a name with a prefix, and a MessagePack map of what there is, with keys of one or two letters.
fn length_at_consul(event: &UserEvent) -> usize {
    const PREFIX: usize = "consul:event:".len();
    let run = |length: usize| length + if length < 32 { 1 } else { 3 };
    let optional = |key: usize, length: usize| if length == 0 { 0 } else { 1 + key + run(length) };
    let id = 1 + 2 + run(36);
    let name = 2 + run(event.name.len());
    let version = 2 + 1;
    let scope = optional(2, event.scope.node.len()) + optional(2, event.scope.service.len()) + optional(2, event.scope.tag.len());
    PREFIX + event.name.len() + 1 + id + name + optional(1, event.payload.len()) + scope + version
}

/// What a request asks everybody: `timeout`, `relay-factor` (0 to 5) and `until` (1 to 100) beside what an event has.
///
/// # Errors
/// A missing name, a value that is none, more than fits.
pub fn question(name: &str, params: &Params<'_>, body: Vec<u8>) -> Result<Ask, ApiError> {
    if name.is_empty() {
        return Err(ApiError::bad_request("Missing name"));
    }
    let number = |key: &str, default: u8, range: std::ops::RangeInclusive<u8>| match params.value(key) {
        None => Ok(default),
        Some(text) => {
            let given = text.trim_end_matches('%').parse().ok().filter(|value| range.contains(value));
            given.ok_or_else(|| ApiError::bad_request(format!("{key} {text:?} must be {} to {}", range.start(), range.end())))
        }
    };
    let patience = match params.value("timeout") {
        None => None,
        Some(text) => Some(duration::parse(text).map_err(|error| ApiError::bad_request(format!("timeout {text:?}: {error}")))?),
    };
    let (relays, until) = (number("relay-factor", 0, 0..=5)?, number("until", 100, 1..=100)?);
    let ask = Ask { name: name.to_owned(), payload: body.into(), scope: scope(params), patience, relays, until };
    let length = ask.name.len() + ask.payload.len() + ask.scope.node.len() + ask.scope.service.len() + ask.scope.tag.len();
    if length > MAX_SAID {
        return Err(ApiError::internal(format!("a question takes {length} bytes; the limit is {MAX_SAID}")));
    }
    Ok(ask)
}

/// What came back to a question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answers {
    /// Members that lived when it was asked.
    pub members: usize,
    /// Whom it concerned, by name.
    pub concerned: Vec<NodeName>,
    /// What they answered.
    pub answers: BTreeMap<NodeName, Bytes>,
    /// Who never said a last word, by name.
    pub silent: Vec<NodeName>,
}

impl Answers {
    /// One more word.
    pub fn hear(&mut self, by: NodeName, word: Word) {
        let concerned = match word {
            Word::Nothing => false,
            Word::Heard => true,
            Word::Answer(bytes) => {
                self.answers.insert(by.clone(), bytes);
                true
            }
        };
        if concerned && let Err(at) = self.concerned.binary_search(&by) {
            self.concerned.insert(at, by);
        }
    }
}

/// [`Answers`] as a document: `Members`, `Acks`, `Silent` and `Answers` with `Node` and `Payload`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AnswersShape<'a> {
    members: usize,
    acks: Vec<&'a str>,
    silent: Vec<&'a str>,
    answers: Vec<AnswerShape<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AnswerShape<'a> {
    node: &'a str,
    #[serde(serialize_with = "payload")]
    payload: &'a Bytes,
}

impl<'a> From<&'a Answers> for AnswersShape<'a> {
    fn from(answers: &'a Answers) -> AnswersShape<'a> {
        let names = |names: &'a [NodeName]| names.iter().map(NodeName::as_str).collect();
        let answered = answers.answers.iter().map(|(node, payload)| AnswerShape { node: node.as_str(), payload });
        AnswersShape {
            members: answers.members,
            acks: names(&answers.concerned),
            silent: names(&answers.silent),
            answers: answered.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answers, AnswersShape, EventShape, event, question};
    use crate::api::json::{Layout, to_vec};
    use crate::api::params::Params;
    use crate::gossip::Word;
    use crate::model::{NodeId, NodeName};
    use std::time::Duration;

    const ID: &str = "b5fa5ba0-94bb-4ee8-b3d3-7e4a4ab2c411";

    fn fired(name: &str, query: &str, body: &[u8]) -> Result<crate::gossip::UserEvent, crate::api::ApiError> {
        event(name, &Params::parse(query), body.to_vec(), NodeId::parse(ID).unwrap())
    }

    #[test]
    fn an_event_is_shown_as_consul_shows_it() {
        let event = fired("deploy", "node=%5Eweb&service=api&tag=v1", b"x").unwrap();
        let text = String::from_utf8(to_vec(Layout::Compact, &EventShape::from(&event))).unwrap();
        let (names, filters) = (r#""Name":"deploy","Payload":"eA==""#, r#""NodeFilter":"^web","ServiceFilter":"api","TagFilter":"v1""#);
        assert_eq!(text, format!(r#"{{"ID":"{ID}",{names},{filters},"Version":1,"LTime":0}}"#));
        let bare = String::from_utf8(to_vec(Layout::Compact, &EventShape::from(&fired("e", "", b"").unwrap()))).unwrap();
        assert!(bare.contains(r#""Payload":null"#), "{bare}");
    }

    #[test]
    fn the_limit_is_consuls() {
        let room = |name: &str, query: &str| (0..600).take_while(|n| fired(name, query, &vec![b'x'; *n]).is_ok()).last();
        // 512 less prefix, name twice, id, version and the heads of the map.
        assert_eq!(room("e", ""), Some(512 - 13 - 1 - 1 - (1 + 2 + 39) - (2 + 2) - 3 - (2 + 3)));
        assert_eq!(room("e", "node=abc"), room("e", "").map(|n| n - 3 - 3 - 1));
        assert_eq!(fired("", "", b"").unwrap_err().status, 400);
        let refused = fired("e", "", &[0; 600]).unwrap_err();
        assert_eq!((refused.status, &*refused.text), (500, "user event exceeds configured limit of 512 bytes before encoding"));
    }

    #[test]
    fn a_question_says_how_it_is_asked_and_what_is_wrong_with_it() {
        let ask = |query: &str| question("load", &Params::parse(query), b"?".to_vec());
        let asked = ask("timeout=3s&relay-factor=2&until=90%25&node=w").unwrap();
        assert_eq!((asked.patience, asked.relays, asked.until, asked.scope.node.as_str()), (Some(Duration::from_secs(3)), 2, 90, "w"));
        for (bad, named) in [("timeout=soon", "timeout"), ("relay-factor=6", "relay-factor"), ("until=0", "until"), ("until=x", "until")] {
            let refused = ask(bad).unwrap_err();
            assert!(refused.status == 400 && refused.text.contains(named), "{bad}: {}", refused.text);
        }
        assert!(question("load", &Params::default(), vec![0; 1021]).is_err());
    }

    #[test]
    fn answers_are_gathered_by_name() {
        let name = |text: &str| NodeName::parse(text).unwrap();
        let mut answers = Answers { members: 3, silent: vec![name("c")], ..Answers::default() };
        answers.hear(name("b"), Word::Heard);
        answers.hear(name("b"), Word::Answer(b"1"[..].into()));
        answers.hear(name("a"), Word::Answer(b"2"[..].into()));
        answers.hear(name("d"), Word::Nothing);
        let text = String::from_utf8(to_vec(Layout::Compact, &AnswersShape::from(&answers))).unwrap();
        let said = r#"[{"Node":"a","Payload":"Mg=="},{"Node":"b","Payload":"MQ=="}]"#;
        assert_eq!(text, format!(r#"{{"Members":3,"Acks":["a","b"],"Silent":["c"],"Answers":{said}}}"#));
    }
}
