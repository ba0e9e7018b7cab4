//! The board and the product's own tables, given the same random commands.

use super::{Board, play};
use crate::draws::Draws;
use crate::invariants::observation::Applied;
use crate::world::Who;
use muster::model::{Index, Key, NodeName, SessionId, Timestamp};
use muster::state::nodes::NodeSpec;
use muster::state::sessions::{Behavior, SessionCommand, SessionSpec, SessionTtl};
use muster::state::timers::{Expiry, since};
use muster::state::txn::{TxnOp, TxnRead};
use muster::state::{CatalogCommand, Command, Condition, KvCommand, NodeUpdate, RestoreCommand, Stamped, State};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const KEYS: [&str; 4] = ["a", "a/1", "a/2", "b"];

fn node() -> NodeName {
    NodeName::parse("n1").unwrap()
}

fn register() -> Command {
    let node =
        NodeSpec { id: None, name: node(), address: "10.0.0.1".to_owned(), tagged_addresses: BTreeMap::new(), meta: BTreeMap::new() };
    Command::Catalog(CatalogCommand::Register { node, update: NodeUpdate::Apply, service: None, checks: Vec::new() })
}

/// Commands drawn on a state, so that many of them hit something.
struct Commands {
    draws: Draws,
    restores: u128,
}

impl Commands {
    fn key(&mut self) -> Key {
        Key::from(*self.draws.pick(&KEYS))
    }

    fn session(&mut self) -> SessionId {
        SessionId::from_u128(u128::from(self.draws.within(1..4)))
    }

    fn version(&mut self, state: &State, key: &Key) -> Index {
        let now = state.kv().get(key).map_or(0, |entry| entry.modify_index);
        if self.draws.chance(700_000) { now } else { self.draws.below(now + 2) }
    }

    fn condition(&mut self, state: &State, key: &Key) -> Condition {
        match self.draws.below(3) {
            0 => Condition::Always,
            1 => Condition::Absent,
            _ => Condition::At(self.version(state, key)),
        }
    }

    fn kv(&mut self, state: &State) -> KvCommand {
        let key = self.key();
        let (condition, session) = (self.condition(state, &key), self.session());
        let value = vec![b'x' + self.draws.below(2) as u8].into();
        match self.draws.below(12) {
            0..4 => KvCommand::Put { key, value, flags: 0, condition },
            4..6 => KvCommand::PutFor { key, value, flags: 0, condition, ttl: Duration::from_secs(5) },
            6 => KvCommand::Delete { key, condition },
            7 => KvCommand::DeleteTree { prefix: key },
            8..11 => KvCommand::Lock { key, value, flags: 0, session },
            _ => KvCommand::Unlock { key, value, flags: 0, session },
        }
    }

    fn read(&mut self, state: &State) -> TxnRead {
        let key = self.key();
        match self.draws.below(6) {
            0 => TxnRead::Get { key },
            1 => TxnRead::GetOrEmpty { key },
            2 => TxnRead::GetTree { prefix: key },
            3 => TxnRead::CheckIndex { index: self.version(state, &key), key },
            4 => TxnRead::CheckNotExists { key },
            _ => TxnRead::CheckSession { session: self.session().to_string(), key },
        }
    }

    fn op(&mut self, state: &State) -> TxnOp {
        match self.draws.below(9) {
            0 => TxnOp::DestroySession { id: self.session() },
            1..4 => TxnOp::Read(self.read(state)),
            _ => match self.kv(state) {
                // Not an operation of a transaction.
                KvCommand::ReapTombstones => TxnOp::Read(self.read(state)),
                command => TxnOp::Kv(command),
            },
        }
    }

    fn create(&mut self) -> Command {
        let behavior = *self.draws.pick(&[Behavior::Release, Behavior::Delete]);
        let lock_delay = Duration::from_secs(self.draws.below(2));
        let ttl = self.draws.chance(500_000).then(|| SessionTtl { text: "10s".to_owned(), length: Duration::from_secs(10) });
        let (name, checks) = (String::new(), Vec::new());
        let spec = SessionSpec { name, node: node(), lock_delay, behavior, ttl, node_checks: checks, service_checks: Vec::new() };
        Command::Session(SessionCommand::Create { id: self.session(), spec })
    }

    /// The expiry of something that runs, or of what ran once.
    fn expire(&mut self, state: &State) -> Command {
        let running: Vec<Expiry> = state
            .timers()
            .rows()
            .iter()
            .map(|(timer, span)| Expiry { timer: timer.clone(), since: since(*span, state.restored_at()) })
            .collect();
        let stale = |expiry: &Expiry| Expiry { since: expiry.since.saturating_sub(1), ..expiry.clone() };
        let mut expired: Vec<Expiry> = running.iter().filter(|_| self.draws.chance(400_000)).cloned().collect();
        expired.extend(running.first().map(stale));
        Command::Expire(expired)
    }

    /// The next command or, of a restore, the next few.
    fn next(&mut self, state: &State) -> Vec<Command> {
        match self.draws.below(40) {
            0..20 => vec![Command::Kv(self.kv(state))],
            20..27 => vec![Command::Txn((0..self.draws.within(1..5)).map(|_| self.op(state)).collect())],
            27..31 => vec![self.create()],
            31 => vec![Command::Session(SessionCommand::Destroy { id: self.session() })],
            32..36 => vec![self.expire(state)],
            36 => vec![Command::Catalog(CatalogCommand::DeregisterNode { node: node(), only_id: None }), register()],
            37 => self.restore(state),
            _ => {
                let token = state.kv().below(&Key::default()).find_map(|entry| entry.token());
                token.map(|token| Command::Fenced { token, then: self.kv(state) }).into_iter().collect()
            }
        }
    }

    /// The state itself, put in its own place; now and then in pieces of which one is sent again, or given up.
    fn restore(&mut self, state: &State) -> Vec<Command> {
        self.restores += 1;
        let (restore, bytes) = (self.restores, state.archived().collect::<Vec<_>>().concat());
        let cut = self.draws.below(bytes.len() as u64) as usize;
        let piece =
            |offset: usize, end: usize| RestoreCommand::Piece { restore, offset: offset as u64, bytes: bytes[offset..end].to_vec().into() };
        let mut steps = vec![RestoreCommand::Begin { restore, bytes: bytes.len() as u64 }, piece(0, cut)];
        if self.draws.chance(500_000) {
            steps.push(piece(0, cut));
        }
        if self.draws.chance(800_000) {
            steps.push(piece(cut, bytes.len()));
        }
        let last = if self.draws.chance(800_000) { RestoreCommand::Commit { restore } } else { RestoreCommand::Forget { restore } };
        steps.extend([last.clone(), last]);
        steps.into_iter().map(Command::Restore).collect()
    }
}

/// What the product makes of random commands: the log, and the state after each entry.
fn story(seed: u64) -> (Vec<Applied>, Vec<State>) {
    let (mut state, mut applied, mut states) = (State::default(), Vec::new(), Vec::new());
    let mut commands = Commands { draws: Draws::new(seed, "board", 0), restores: 0 };
    let mut coming = vec![register()];
    while applied.len() < 300 {
        for command in std::mem::take(&mut coming) {
            let index = applied.len() as Index + 1;
            let at = index * 1_000_000_000;
            let (reply, _) = state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(at), command: command.clone() });
            let (server, whole) = (Who(1), Some(Arc::new(command)));
            applied.push(Applied { at, server, process: 0, index, term: 1, command: 0, state: None, tables: None, whole, reply });
            states.push(state.clone());
        }
        coming = commands.next(&state);
    }
    (applied, states)
}

#[test]
fn the_board_and_the_tables_agree_after_every_command_and_on_every_answer() {
    let (mut judged, mut replaced) = (0, 0);
    for seed in 0..60 {
        let (applied, states) = story(seed);
        play(&applied, |entry, board, expected| {
            let state = &states[entry.index as usize - 1];
            let differs = board.difference(&Board::of(state));
            assert_eq!(differs, None, "seed {seed}, entry {}: {:?}", entry.index, entry.whole);
            if let Some(expected) = expected {
                assert!(expected.is(&entry.reply), "seed {seed}: {:?} in place of {expected:?} to {:?}", entry.reply, entry.whole);
                judged += 1;
            }
            assert_eq!(board.index_of(entry.index), state.index_of(entry.index));
            replaced += usize::from(board.replaced().is_some());
        });
    }
    assert!(judged > 5_000 && replaced > 30, "{judged} answers were judged, {replaced} states replaced");
}

#[test]
fn what_the_board_says_was_touched_is_what_the_product_remembers_as_changed() {
    for seed in 0..60 {
        let (applied, states) = story(seed);
        play(&applied, |entry, board, _| {
            let (state, index) = (&states[entry.index as usize - 1], board.index_of(entry.index));
            let (changes, _) = state.kv().history().after(&Key::default(), index - 1, usize::MAX);
            // A key that one command made and took away again is told as gone: nobody who has all of it minds.
            let changed = changes.iter().filter(|change| change.before.is_some() || change.after.is_some());
            let changed: Vec<&Key> = changed.map(|change| &change.key).collect();
            let touched: Vec<&Key> = board.touched().iter().filter(|key| state.kv().get(key).is_some() || changed.contains(key)).collect();
            assert_eq!(changed, touched, "seed {seed}, entry {index}: {:?}", entry.whole);
        });
    }
}
