//! Keys and sessions as one would write them without a thought for speed: lists that are searched from end to end. Random lives of both must agree.

use super::{Behavior, LONGEST_LOCK_DELAY, SessionCommand, SessionSpec, SessionTtl};
use crate::model::{CheckStatus, Index, Key, LockToken, NodeName, SessionId, Timestamp, Topic};
use crate::state::checks::CheckSpec;
use crate::state::kv::Entry;
use crate::state::nodes::NodeSpec;
use crate::state::timers::{Expiry, Timer};
use crate::state::txn::{TxnError, TxnRow};
use crate::state::{CatalogCommand, Command, Condition, KvCommand, NodeUpdate, Reply, Stamped, State, TxnOp, TxnRead, TxnReply};
use proptest::collection::vec;
use proptest::option::of;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

#[derive(Debug, Clone, Default, PartialEq)]
struct Row {
    value: Vec<u8>,
    flags: u64,
    locked: u64,
    session: Option<SessionId>,
    ttl: Option<Duration>,
    create: Index,
    modify: Index,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Naive {
    keys: BTreeMap<Vec<u8>, Row>,
    sessions: BTreeMap<SessionId, (SessionSpec, Index)>,
    /// Sessions that are gone, what they keep locked away, for how long and since when.
    delays: Vec<(SessionId, Vec<Vec<u8>>, Duration, Index)>,
    /// Which checks there are on which node, and whether they are critical.
    nodes: BTreeMap<String, BTreeMap<String, bool>>,
}

impl Naive {
    fn timers(&self) -> BTreeMap<Timer, (Duration, Index)> {
        let of_sessions = self.sessions.iter().filter_map(|(id, (spec, since))| {
            let ttl = spec.ttl.as_ref().filter(|ttl| !ttl.length.is_zero())?;
            Some((Timer::Session(*id), (ttl.length, *since)))
        });
        let of_keys = self.keys.iter().filter_map(|(key, row)| Some((Timer::Key(Key::new(key)), (row.ttl?, row.modify))));
        let of_delays = self.delays.iter().map(|(id, _, length, since)| (Timer::LockDelay(*id), (*length, *since)));
        of_sessions.chain(of_keys).chain(of_delays).collect()
    }

    fn end(&mut self, index: Index, id: SessionId) {
        let Some((spec, _)) = self.sessions.remove(&id) else { return };
        let held: Vec<Vec<u8>> = self.keys.iter().filter(|(_, row)| row.session == Some(id)).map(|(key, _)| key.clone()).collect();
        for key in &held {
            match spec.behavior {
                Behavior::Delete => drop(self.keys.remove(key)),
                Behavior::Release => {
                    let row = self.keys.get_mut(key).unwrap();
                    (row.session, row.modify) = (None, index);
                }
            }
        }
        let length = spec.lock_delay.min(LONGEST_LOCK_DELAY);
        if !held.is_empty() && !length.is_zero() {
            self.delays.push((id, held, length, index));
        }
    }

    fn end_where(&mut self, index: Index, dies: impl Fn(&SessionSpec) -> bool) {
        let dead: Vec<SessionId> = self.sessions.iter().filter(|(_, (spec, _))| dies(spec)).map(|(id, _)| *id).collect();
        dead.into_iter().for_each(|id| self.end(index, id));
    }

    fn catalog(&mut self, index: Index, command: &CatalogCommand) -> Reply {
        match command {
            CatalogCommand::Register { node, checks, .. } => {
                let node = node.name.as_str();
                self.nodes.entry(node.to_owned()).or_default();
                for check in checks {
                    let critical = check.status == CheckStatus::Critical;
                    self.nodes.get_mut(node).unwrap().insert(check.id.clone(), critical);
                    if critical {
                        self.end_where(index, |spec| spec.node.as_str() == node && spec.node_checks.contains(&check.id));
                    }
                }
            }
            CatalogCommand::DeregisterNode { node, .. } => {
                self.nodes.remove(node.as_str());
                self.end_where(index, |spec| spec.node == *node);
            }
            CatalogCommand::DeregisterCheck { node, check } => {
                if self.nodes.get_mut(node.as_str()).is_some_and(|checks| checks.remove(check).is_some()) {
                    self.end_where(index, |spec| spec.node == *node && spec.node_checks.contains(check));
                }
            }
            CatalogCommand::DeregisterService { .. } => unreachable!("not among the commands"),
        }
        Reply::Done
    }

    fn session(&mut self, index: Index, command: &SessionCommand) -> Reply {
        match command {
            SessionCommand::Destroy { id } => {
                self.end(index, *id);
                Reply::Took(true)
            }
            SessionCommand::Create { id, spec } => {
                let Some(checks) = self.nodes.get(spec.node.as_str()) else {
                    return Reply::Refused("Missing node registration".to_owned());
                };
                for check in spec.node_checks.iter().collect::<BTreeSet<_>>() {
                    match checks.get(check) {
                        None => return Reply::Refused(format!("Missing check '{check}' registration")),
                        Some(true) => return Reply::Refused(format!("Check '{check}' is in critical state")),
                        Some(false) => {}
                    }
                }
                if self.sessions.contains_key(id) || self.delays.iter().any(|(gone, ..)| gone == id) {
                    return Reply::Refused(format!("session id {id} is in use"));
                }
                self.sessions.insert(*id, (spec.clone(), index));
                Reply::Done
            }
        }
    }

    fn write(&mut self, index: Index, key: &Key, row: Row) {
        let before = self.keys.get(&**key);
        let create = before.map_or(index, |row| row.create);
        let row = Row { create, modify: index, ..row };
        let same = before.is_some_and(|old| row.ttl.is_none() && *old == Row { modify: old.modify, ..row.clone() });
        if !same {
            self.keys.insert(key.to_vec(), row);
        }
    }

    fn kv(&mut self, index: Index, command: &KvCommand) -> Reply {
        let row = |key: &Key| self.keys.get(&**key).cloned();
        match command {
            KvCommand::Put { key, value, flags, condition } | KvCommand::PutFor { key, value, flags, condition, .. } => {
                let old = row(key);
                if !condition.holds(old.as_ref().map(|row| row.modify)) {
                    return Reply::Took(false);
                }
                let ttl = if let KvCommand::PutFor { ttl, .. } = command { Some(*ttl) } else { None };
                self.write(index, key, Row { value: value.to_vec(), flags: *flags, ttl, ..old.unwrap_or_default() });
                Reply::Took(true)
            }
            KvCommand::Delete { key, condition } => {
                let holds = row(key).is_none_or(|row| condition.holds(Some(row.modify)));
                if holds {
                    self.keys.remove(&**key);
                }
                Reply::Took(holds)
            }
            KvCommand::DeleteTree { prefix } => {
                self.keys.retain(|key, _| !key.starts_with(prefix));
                Reply::Took(true)
            }
            KvCommand::Lock { key, value, flags, session } => {
                if !self.sessions.contains_key(session) {
                    return Reply::Refused(format!("invalid session \"{session}\""));
                }
                let old = row(key).unwrap_or_default();
                let delayed = self.delays.iter().any(|(_, keys, ..)| keys.iter().any(|kept| *kept == **key));
                if delayed || old.session.is_some_and(|holder| holder != *session) {
                    return Reply::Took(false);
                }
                let locked = if old.session.is_some() { old.locked } else { old.locked + 1 };
                self.write(index, key, Row { value: value.to_vec(), flags: *flags, locked, session: Some(*session), ttl: None, ..old });
                Reply::Locked(self.token(key).unwrap())
            }
            KvCommand::Unlock { key, value, flags, session } => {
                let Some(old) = row(key).filter(|row| row.session == Some(*session)) else { return Reply::Took(false) };
                self.write(index, key, Row { value: value.to_vec(), flags: *flags, session: None, ttl: None, ..old });
                Reply::Took(true)
            }
            KvCommand::ReapTombstones => Reply::Done,
        }
    }

    fn token(&self, key: &[u8]) -> Option<LockToken> {
        let row = self.keys.get(key)?;
        Some(LockToken { session: row.session?, key: Key::new(key), create_index: row.create, lock_index: row.locked })
    }

    fn apply(&mut self, index: Index, command: &Command) -> Reply {
        match command {
            Command::Kv(command) => self.kv(index, command),
            Command::Fenced { token, then } if self.token(&token.key).as_ref() == Some(token) => self.kv(index, then),
            Command::Fenced { .. } => Reply::LockLost(String::new()),
            Command::Catalog(command) => self.catalog(index, command),
            Command::Session(command) => self.session(index, command),
            Command::Expire(expired) => {
                for Expiry { timer, since } in expired {
                    if self.timers().get(timer).is_none_or(|(_, set)| set != since) {
                        continue;
                    }
                    match timer {
                        Timer::Session(id) => self.end(index, *id),
                        Timer::Key(key) => drop(self.keys.remove(&**key)),
                        Timer::LockDelay(id) => self.delays.retain(|(gone, ..)| gone != id),
                    }
                }
                Reply::Done
            }
            Command::Txn(ops) => self.txn(index, ops),
            Command::Nothing
            | Command::Autopilot { .. }
            | Command::Locate(_)
            | Command::Restore(_)
            | Command::Query(_)
            | Command::Ordered { .. } => unreachable!("not among the commands"),
        }
    }

    /// The rows of a transaction are compared by their number only, and the failures by their places.
    fn txn(&mut self, index: Index, ops: &[TxnOp]) -> Reply {
        let before = self.clone();
        let mut errors = Vec::new();
        for (op, what) in (0..).zip(ops) {
            let done = match what {
                TxnOp::Kv(command) => matches!(self.kv(index, command), Reply::Took(true) | Reply::Locked(_)),
                TxnOp::Read(TxnRead::CheckNotExists { key }) => !self.keys.contains_key(&**key),
                TxnOp::Read(TxnRead::Get { key }) => self.keys.contains_key(&**key),
                TxnOp::DestroySession { id } => {
                    self.end(index, *id);
                    true
                }
                TxnOp::Refused { .. } => false,
                TxnOp::Read(_) | TxnOp::Catalog(_) => unreachable!("not among the operations"),
            };
            if !done {
                errors.push(TxnError { op, what: String::new() });
            }
        }
        if errors.is_empty() {
            return Reply::Txn(TxnReply::Done(Vec::new()));
        }
        *self = before;
        Reply::Txn(TxnReply::Failed(errors))
    }
}

/// What of a reply the naive one knows.
fn known(reply: Reply) -> Reply {
    match reply {
        Reply::Txn(TxnReply::Done(rows)) => {
            assert!(rows.iter().all(|row| matches!(row, TxnRow::Entry(_))), "{rows:?}");
            Reply::Txn(TxnReply::Done(Vec::new()))
        }
        Reply::Txn(TxnReply::Failed(errors)) => {
            Reply::Txn(TxnReply::Failed(errors.into_iter().map(|error| TxnError { what: String::new(), ..error }).collect()))
        }
        Reply::LockLost(_) => Reply::LockLost(String::new()),
        Reply::Done | Reply::Took(_) | Reply::Refused(_) | Reply::Locked(_) | Reply::Superseded { .. } => reply,
    }
}

fn rows(state: &State) -> BTreeMap<Vec<u8>, Row> {
    let row = |entry: &Entry| Row {
        value: entry.value.to_vec(),
        flags: entry.flags,
        locked: entry.lock_index(),
        session: entry.session(),
        ttl: entry.ttl(),
        create: entry.create_index,
        modify: entry.modify_index,
    };
    state.kv().below(&Key::default()).map(|entry| (entry.key.to_vec(), row(entry))).collect()
}

fn a_session() -> impl Strategy<Value = SessionId> {
    (0u128..4).prop_map(SessionId::from_u128)
}

fn a_node() -> impl Strategy<Value = NodeName> {
    "[ab]".prop_map(|name| NodeName::parse(&name).unwrap())
}

fn a_key() -> impl Strategy<Value = Key> {
    "[xy]{1,2}".prop_map(|key| Key::from(key.as_str()))
}

fn a_spec() -> impl Strategy<Value = SessionSpec> {
    let behavior = prop_oneof![Just(Behavior::Release), Just(Behavior::Delete)];
    (a_node(), 0u64..3, behavior, of(0u64..3), vec("[cd]", 0..3)).prop_map(|(node, delay, behavior, ttl, node_checks)| SessionSpec {
        name: String::new(),
        node,
        lock_delay: Duration::from_secs(delay * 45),
        behavior,
        ttl: ttl.map(|seconds| SessionTtl { text: format!("{seconds}s"), length: Duration::from_secs(seconds) }),
        node_checks,
        service_checks: Vec::new(),
    })
}

pub(super) fn a_kv_command() -> impl Strategy<Value = KvCommand> {
    let condition = prop_oneof![3 => Just(Condition::Always), 1 => Just(Condition::Absent), 1 => (0u64..40).prop_map(Condition::At)];
    let put = (a_key(), "[vw]?", 0u64..2, condition.clone(), of(Just(Duration::from_secs(9))));
    let lock = || (a_key(), "[vw]?", 0u64..2, a_session());
    prop_oneof![
        3 => put.prop_map(|(key, value, flags, condition, ttl)| {
            let value = value.into();
            match ttl {
                None => KvCommand::Put { key, value, flags, condition },
                Some(ttl) => KvCommand::PutFor { key, value, flags, condition, ttl },
            }
        }),
        5 => lock().prop_map(|(key, value, flags, session)| KvCommand::Lock { key, value: value.into(), flags, session }),
        2 => lock().prop_map(|(key, value, flags, session)| KvCommand::Unlock { key, value: value.into(), flags, session }),
        1 => (a_key(), condition).prop_map(|(key, condition)| KvCommand::Delete { key, condition }),
        1 => "x?".prop_map(|prefix| KvCommand::DeleteTree { prefix: Key::from(prefix.as_str()) }),
    ]
}

fn a_catalog_command() -> impl Strategy<Value = CatalogCommand> {
    let check = ("[cd]", any::<bool>())
        .prop_map(|(id, critical)| CheckSpec::of_node(&id, "", if critical { CheckStatus::Critical } else { CheckStatus::Passing }, ""));
    let register = (a_node(), of(check)).prop_map(|(name, check)| {
        let (address, (tagged_addresses, meta)) = ("10.0.0.1".to_owned(), Default::default());
        let node = NodeSpec { id: None, name, address, tagged_addresses, meta };
        CatalogCommand::Register { node, update: NodeUpdate::Apply, service: None, checks: check.into_iter().collect() }
    });
    prop_oneof![
        6 => register,
        1 => a_node().prop_map(|node| CatalogCommand::DeregisterNode { node, only_id: None }),
        1 => (a_node(), "[cd]").prop_map(|(node, check)| CatalogCommand::DeregisterCheck { node, check }),
    ]
}

fn an_op() -> impl Strategy<Value = TxnOp> {
    prop_oneof![
        6 => a_kv_command().prop_map(TxnOp::Kv),
        1 => a_key().prop_map(|key| TxnOp::Read(TxnRead::CheckNotExists { key })),
        1 => a_key().prop_map(|key| TxnOp::Read(TxnRead::Get { key })),
        1 => a_session().prop_map(|id| TxnOp::DestroySession { id }),
    ]
}

/// What happens next. Which timers expire and which token is shown depends on what there is.
#[expect(clippy::large_enum_variant, reason = "a few dozen live at once")]
#[derive(Debug, Clone)]
enum Move {
    Command(Command),
    /// Those timers whose place among all is in here, as a leader saw them some time before.
    Expire(Vec<usize>, bool),
    /// With the token that the lock on this key has now, or had when it was first seen locked.
    Fenced(Key, bool, KvCommand),
}

fn a_move() -> impl Strategy<Value = Move> {
    let create = (a_session(), a_spec()).prop_map(|(id, spec)| Command::Session(SessionCommand::Create { id, spec }));
    let destroy = a_session().prop_map(|id| Command::Session(SessionCommand::Destroy { id }));
    prop_oneof![
        3 => a_catalog_command().prop_map(|command| Move::Command(Command::Catalog(command))),
        6 => create.prop_map(Move::Command),
        1 => destroy.prop_map(Move::Command),
        10 => a_kv_command().prop_map(|command| Move::Command(Command::Kv(command))),
        3 => vec(an_op(), 0..5).prop_map(|ops| Move::Command(Command::Txn(ops))),
        2 => (vec(0usize..6, 0..3), any::<bool>()).prop_map(|(places, stale)| Move::Expire(places, stale)),
        2 => (a_key(), any::<bool>(), a_kv_command()).prop_map(|(key, old, command)| Move::Fenced(key, old, command)),
    ]
}

/// Both, and what is remembered of the past.
#[derive(Default)]
struct Pair {
    state: State,
    naive: Naive,
    index: Index,
    tokens: BTreeMap<Key, LockToken>,
}

impl Pair {
    fn command(&self, what: Move) -> Command {
        match what {
            Move::Command(command) => command,
            Move::Expire(places, stale) => {
                let timers: Vec<_> = self.naive.timers().into_iter().collect();
                let named = places.into_iter().filter_map(|place| timers.get(place));
                Command::Expire(named.map(|(timer, (_, since))| Expiry { timer: timer.clone(), since: since - u64::from(stale) }).collect())
            }
            Move::Fenced(key, old, then) => {
                let current = self.naive.token(&key).filter(|_| !old);
                let nobodys = LockToken { session: SessionId::from_u128(9), key: key.clone(), create_index: 1, lock_index: 1 };
                Command::Fenced { token: current.or_else(|| self.tokens.get(&key).cloned()).unwrap_or(nobodys), then }
            }
        }
    }

    fn step(&mut self, what: Move) {
        let command = self.command(what);
        self.index += 1;
        let (before, rows_before) = (self.state.clone(), rows(&self.state));
        let stamped = Stamped { at: Timestamp::from_unix_nanos(self.index), command };
        let (reply, touched) = self.state.apply(self.index, &stamped);
        assert_eq!(known(reply), known(self.naive.apply(self.index, &stamped.command)), "{stamped:?}");
        let after = rows(&self.state);
        assert_eq!(after, self.naive.keys, "{stamped:?}");
        let keys: BTreeSet<&Vec<u8>> =
            rows_before.keys().chain(after.keys()).filter(|key| rows_before.get(*key) != after.get(*key)).collect();
        for key in keys {
            assert!(touched.topics().contains(&Topic::Key(Key::new(key))), "{stamped:?}");
        }
        let woken = touched.topics().contains(&Topic::Table(crate::model::Table::Sessions));
        assert!(woken || before.sessions().iter().eq(self.state.sessions().iter()), "{stamped:?}");
        let woken = touched.topics().contains(&Topic::Table(crate::model::Table::Timers));
        assert!(woken || before.timers() == self.state.timers(), "{stamped:?}");
        self.compare();
        for key in self.naive.keys.keys() {
            if let Some(token) = self.naive.token(key) {
                self.tokens.entry(Key::new(key)).or_insert(token);
            }
        }
    }

    fn compare(&self) {
        let sessions = self.state.sessions();
        let ours: BTreeMap<_, _> = sessions.iter().map(|row| (row.id, (row.spec.clone(), row.create_index))).collect();
        assert_eq!(ours, self.naive.sessions);
        let timers: BTreeMap<_, _> =
            self.state.timers().rows().iter().map(|(timer, span)| (timer.clone(), (span.length, span.since))).collect();
        assert_eq!(timers, self.naive.timers());
        for id in ours.keys() {
            let held = self.naive.keys.iter().filter(|(_, row)| row.session == Some(*id)).map(|(key, _)| Key::new(key));
            assert!(sessions.held_by(*id).cloned().eq(held));
        }
        for key in self.naive.keys.keys().chain(self.naive.delays.iter().flat_map(|(_, keys, ..)| keys)) {
            let delayed = self.naive.delays.iter().find(|(_, keys, ..)| keys.contains(key)).map(|(id, ..)| *id);
            assert_eq!(sessions.delayed(key), delayed);
        }
        for node in ["a", "b"] {
            let on = self.naive.sessions.iter().filter(|(_, (spec, _))| spec.node.as_str() == node).map(|(id, _)| *id);
            assert!(sessions.of_node(node).map(|row| row.id).eq(on));
        }
    }
}

proptest! {
    #[test]
    fn keys_and_sessions_do_what_naive_ones_do(moves in vec(a_move(), 0..80)) {
        let mut pair = Pair::default();
        for what in moves {
            pair.step(what);
        }
        assert_eq!(State::decode(&pair.state.encode()), Ok(pair.state));
    }
}
