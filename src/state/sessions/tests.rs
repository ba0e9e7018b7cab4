use super::{Behavior, LONGEST_LOCK_DELAY, SessionCommand, SessionSpec, SessionTtl};
use crate::model::{CheckStatus, Index, Key, NodeId, NodeName, SessionId, Timestamp};
use crate::state::checks::CheckSpec;
use crate::state::nodes::NodeSpec;
use crate::state::timers::{Expiry, Timer};
use crate::state::{CatalogCommand, Command, KvCommand, NodeUpdate, Reply, Stamped, State};
use std::time::Duration;

/// A state with a node `n` whose check `c` passes.
struct World {
    state: State,
    index: Index,
}

const A: SessionId = SessionId::from_u128(0xa);
const B: SessionId = SessionId::from_u128(0xb);

impl World {
    fn new() -> World {
        let mut world = World { state: State::default(), index: 0 };
        world.register("n", Some(check(CheckStatus::Passing)));
        world
    }

    fn apply(&mut self, command: Command) -> Reply {
        self.index += 1;
        self.state.apply(self.index, &Stamped { at: Timestamp::default(), command }).0
    }

    fn register(&mut self, name: &str, check: Option<CheckSpec>) {
        let (address, (tagged_addresses, meta)) = ("10.0.0.1".to_owned(), Default::default());
        let id = Some(NodeId::from_u128(1));
        let node = NodeSpec { id, name: NodeName::parse(name).unwrap(), address, tagged_addresses, meta };
        let checks = check.into_iter().collect();
        self.apply(Command::Catalog(CatalogCommand::Register { node, update: NodeUpdate::Apply, service: None, checks }));
    }

    fn create(&mut self, id: SessionId, spec: SessionSpec) -> Reply {
        self.apply(Command::Session(SessionCommand::Create { id, spec }))
    }

    fn lock(&mut self, key: &str, session: SessionId, value: &str) -> Reply {
        let value = bytes::Bytes::copy_from_slice(value.as_bytes());
        self.apply(Command::Kv(KvCommand::Lock { key: Key::from(key), value, flags: 0, session }))
    }

    fn token(&self, key: &str) -> Option<String> {
        self.state.kv().get(key.as_bytes()).and_then(|entry| entry.token()).map(|token| token.to_string())
    }
}

fn check(status: CheckStatus) -> CheckSpec {
    CheckSpec::of_node("c", "c", status, "")
}

fn spec() -> SessionSpec {
    SessionSpec {
        name: "test".to_owned(),
        node: NodeName::parse("N").unwrap(),
        lock_delay: Duration::from_secs(15),
        behavior: Behavior::Release,
        ttl: Some(SessionTtl { text: "30s".to_owned(), length: Duration::from_secs(30) }),
        node_checks: vec!["c".to_owned()],
        service_checks: Vec::new(),
    }
}

#[test]
fn a_session_takes_the_name_of_its_node_as_the_catalog_has_it() {
    let mut world = World::new();
    assert_eq!(world.create(A, spec()), Reply::Done);
    let row = world.state.sessions().get(A).unwrap();
    assert_eq!((row.spec.node.as_str(), row.create_index, row.modify_index), ("n", 2, 2));
    assert_eq!(world.state.sessions().marks().index, 2);
}

#[test]
fn a_session_goes_with_its_check_and_its_keys_wait_out_the_lock_delay() {
    let mut world = World::new();
    world.create(A, spec());
    world.create(B, SessionSpec { node_checks: Vec::new(), ..spec() });
    assert!(matches!(world.lock("k", A, "1"), Reply::Locked(_)));
    assert_eq!(world.lock("k", B, "2"), Reply::Took(false));
    world.register("n", Some(check(CheckStatus::Critical)));
    assert!(world.state.sessions().get(A).is_none() && world.state.sessions().get(B).is_some());
    let entry = world.state.kv().get(b"k").unwrap();
    assert_eq!((entry.session(), entry.lock_index(), entry.modify_index, &*entry.value), (None, 1, 6, b"1".as_slice()));
    assert_eq!(world.lock("k", B, "2"), Reply::Took(false), "the lock-delay is not over");
    assert!(matches!(world.lock("other", B, "2"), Reply::Locked(_)));
    let over = |since| Command::Expire(vec![Expiry { timer: Timer::LockDelay(A), since }]);
    world.apply(over(5));
    assert_eq!(world.lock("k", B, "2"), Reply::Took(false), "another delay was over");
    world.apply(over(6));
    assert!(matches!(world.lock("k", B, "2"), Reply::Locked(token) if token.lock_index == 2));
}

#[test]
fn a_lock_that_is_given_back_is_free_at_once() {
    let mut world = World::new();
    world.create(A, spec());
    world.create(B, spec());
    world.lock("k", A, "1");
    let release = KvCommand::Unlock { key: Key::from("k"), value: "2".into(), flags: 0, session: A };
    assert_eq!(world.apply(Command::Kv(release.clone())), Reply::Took(true));
    assert_eq!(world.apply(Command::Kv(release)), Reply::Took(false));
    assert!(matches!(world.lock("k", B, "3"), Reply::Locked(token) if token.lock_index == 2));
}

#[test]
fn a_lock_delay_beyond_the_longest_acts_as_the_longest_and_none_as_none() {
    for (asked, acts) in [(Duration::from_secs(600), Some(LONGEST_LOCK_DELAY)), (Duration::ZERO, None)] {
        let mut world = World::new();
        world.create(A, SessionSpec { lock_delay: asked, behavior: Behavior::Delete, ..spec() });
        world.lock("k", A, "1");
        world.apply(Command::Session(SessionCommand::Destroy { id: A }));
        assert!(world.state.kv().get(b"k").is_none());
        let timer = world.state.timers().rows().get(&Timer::LockDelay(A)).map(|span| span.length);
        assert_eq!(timer, acts);
    }
}

#[test]
fn no_token_counts_again() {
    let mut world = World::new();
    world.create(A, SessionSpec { lock_delay: Duration::ZERO, ..spec() });
    world.lock("k", A, "1");
    let first = world.token("k").unwrap();
    world.lock("k", A, "2");
    assert_eq!(world.token("k").as_ref(), Some(&first), "the same lock");
    let put = KvCommand::Put { key: Key::from("k"), value: "x".into(), flags: 0, condition: crate::state::Condition::Always };
    world.apply(Command::Kv(put));
    assert_eq!(world.token("k").as_ref(), Some(&first), "a write by anyone does not change it");
    world.apply(Command::Kv(KvCommand::DeleteTree { prefix: Key::default() }));
    world.lock("k", A, "1");
    let second = world.token("k").unwrap();
    assert_ne!(second, first, "the key was made anew");
    let token = crate::model::LockToken::parse(&first).unwrap();
    let then = KvCommand::DeleteTree { prefix: Key::default() };
    assert!(matches!(world.apply(Command::Fenced { token, then: then.clone() }), Reply::LockLost(why) if why.contains("made anew")));
    let token = crate::model::LockToken::parse(&second).unwrap();
    assert_eq!(world.apply(Command::Fenced { token, then }), Reply::Took(true));
    assert!(world.state.kv().is_empty());
}

#[test]
fn sessions_stay_with_a_node_that_is_renamed() {
    let mut world = World::new();
    world.create(A, spec());
    world.lock("k", A, "1");
    world.register("other", None);
    let row = world.state.sessions().get(A).unwrap();
    assert_eq!((row.spec.node.as_str(), row.create_index, row.modify_index), ("other", 2, 4));
    assert!(world.state.sessions().of_node("n").next().is_none() && world.state.sessions().of_node("OTHER").count() == 1);
    world.register("other", Some(check(CheckStatus::Critical)));
    assert!(world.state.sessions().is_empty(), "its check went along");
}
