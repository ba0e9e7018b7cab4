//! Watches of the replicated state: the question each asks, and the document its handler gets.

use super::query::{Choice, Health, Query, Rows};
use crate::api::catalog::{Blank, write_node};
use crate::api::document::Document;
use crate::api::health::{write_check, write_instance};
use crate::api::json::{Layout, to_vec};
use crate::api::kv::EntryShape;
use crate::api::watch;
use crate::config::Target;
use crate::model::{Datacenter, Key};

/// The question; `None` for events and questions, which are not in the state.
pub fn query(target: &Target) -> Option<Query> {
    let choice = Choice::default;
    Some(match target {
        Target::Key(key) => Query::KvGet { key: Key::from(key.as_str()) },
        Target::KeyPrefix(prefix) => Query::KvList { prefix: Key::from(prefix.as_str()) },
        Target::Services => Query::CatalogServices { choice: choice() },
        Target::Nodes => Query::CatalogNodes { choice: choice() },
        Target::Service { name, tags, passing } => {
            let health = if *passing { Health::Passing } else { Health::Any };
            Query::HealthService { service: name.clone(), choice: Choice { tags: tags.clone(), health, ..choice() } }
        }
        Target::ChecksOf(service) => Query::HealthChecks { service: service.clone(), choice: choice() },
        Target::ChecksIn(state) => Query::HealthState { state: state.clone(), choice: choice() },
        Target::Event(_) | Target::Query(_) => return None,
    })
}

/// The document about an answer; `None` if it is of another kind than the question.
pub fn document(target: &Target, rows: &Rows, datacenter: &Datacenter) -> Option<Vec<u8>> {
    let mut to = Document::with_capacity(1024);
    match (target, rows) {
        (Target::Key(_), Rows::Entry(entry)) => {
            let shapes: Vec<EntryShape<'_>> = entry.iter().map(|entry| EntryShape::from(&**entry)).collect();
            return watch::key(&to_vec(Layout::Compact, &shapes)).ok();
        }
        (Target::KeyPrefix(_), Rows::Entries(entries)) => {
            let shapes: Vec<EntryShape<'_>> = entries.iter().map(|entry| EntryShape::from(&**entry)).collect();
            return watch::keys(&to_vec(Layout::Compact, &shapes)).ok();
        }
        (Target::Services, Rows::ServiceNames(names)) => {
            to.object(names.iter().map(|(name, tags)| (&**name, tags)), |to, tags| to.texts(tags.iter().map(|tag| &**tag)));
        }
        (Target::Nodes, Rows::Nodes(nodes)) => to.list(nodes, |to, node| write_node(to, node, datacenter)),
        (Target::Service { .. }, Rows::Instances(instances)) => {
            to.list(instances, |to, one| write_instance(to, &one.node, &one.service, &one.checks, datacenter, Blank::List));
        }
        (Target::ChecksOf(_) | Target::ChecksIn(_), Rows::Checks(checks)) => {
            to.list(checks, |to, check| write_check(to, check, Blank::List))
        }
        (_, _) => return None,
    }
    Some(to.finish(Layout::Pretty))
}

#[cfg(test)]
mod tests {
    use super::{document, query};
    use crate::config::Target;
    use crate::model::{Datacenter, Key, Timestamp};
    use crate::state::{Command, Condition, KvCommand, Stamped, State};

    #[test]
    fn each_target_has_a_question_whose_answer_makes_its_document() {
        let mut state = State::default();
        let put = KvCommand::Put { key: Key::from("a"), value: b"x"[..].into(), flags: 0, condition: Condition::Always };
        state.apply(3, &Stamped { at: Timestamp::default(), command: Command::Kv(put) });
        let datacenter = Datacenter::parse("dc1").unwrap();
        let name = || "a".to_owned();
        let service = Target::Service { name: name(), tags: vec![], passing: true };
        for (target, begins) in [
            (Target::Key(name()), "{\n    \"Key\": \"a\""),
            (Target::Key("b".to_owned()), "null"),
            (Target::KeyPrefix(name()), "[\n    {\n        \"Key\": \"a\""),
            (Target::Services, "{}"),
            (Target::Nodes, "[]"),
            (service, "[]"),
            (Target::ChecksOf(name()), "[]"),
            (Target::ChecksIn("any".to_owned()), "[]"),
        ] {
            let answer = query(&target).unwrap().answer(&state);
            let text = String::from_utf8(document(&target, &answer.rows, &datacenter).unwrap()).unwrap();
            assert!(text.starts_with(begins) && text.ends_with('\n'), "{target:?}: {text}");
        }
        assert_eq!((query(&Target::Event(None)), query(&Target::Query(name()))), (None, None));
    }
}
