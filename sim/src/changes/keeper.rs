//! Programs that fetch archives all the time; one of them at times restores one, or tries to restore one that is damaged.

use super::book::{Archive, Book, now};
use super::plan::{BRIEF, ChangesPlan, PREFIX};
use crate::checker::{Action, Operation, Outcome};
use crate::draws::Draws;
use crate::invariants::board::Board;
use crate::invariants::changes::observed::{Fate, Freshness, Restored, Saved};
use crate::runtime::Sim;
use crate::trace::digest;
use crate::workload::{Connection, Recorder, Silence};
use bytes::Bytes;
use hyper::Method;
use muster::model::Index;
use muster::runtime::sleep;
use muster::state::State;
use muster::state::archive::ArchiveReader;
use std::sync::Arc;
use std::time::Duration;

/// How long an archive, or the end of a restore, is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// The first keeper's number among the clients: no writer has it.
const CLIENT: u32 = 0;
/// Bytes of a state read at once.
const PIECE: usize = 64 * 1024;

struct Keeper {
    draws: Draws,
    plan: Arc<ChangesPlan>,
    book: Book,
    recorder: Recorder,
}

/// The life of keeper `number`; the first restores.
pub async fn keep(number: u64, plan: Arc<ChangesPlan>, book: Book, recorder: Recorder) {
    let draws = Draws::new(plan.base.seed, "keeper", number);
    let mut coming = if number == 0 { plan.restores.clone() } else { Vec::new() };
    let mut keeper = Keeper { draws, plan, book, recorder };
    while keeper.book.passed() < keeper.plan.until {
        let pause = Duration::from_millis(keeper.draws.within(300..5_000));
        sleep::<Sim>(pause).await;
        if number == 0 && keeper.draws.chance(100_000) {
            keeper.restore_damaged().await;
        } else if coming.first().is_some_and(|at| *at <= keeper.book.passed()) {
            coming.remove(0);
            keeper.restore().await;
        } else {
            keeper.save().await;
        }
    }
}

impl Keeper {
    fn connection(&mut self) -> Connection {
        Connection::new(*self.draws.pick(&self.plan.base.agents()))
    }

    async fn save(&mut self) {
        let (path, freshness) = match self.draws.below(4) {
            0 => ("/v1/snapshot?stale", Freshness::Stale),
            _ => ("/v1/snapshot", Freshness::Current),
        };
        let invoked = now();
        let Ok(reply) = self.connection().ask(Method::GET, path, Bytes::new(), PATIENCE).await else { return };
        match reply.status {
            200 => {}
            500 => return,
            status => return self.book.malformed(format!("snapshot was answered {status} {}", reply.body.escape_ascii())),
        }
        match open(&reply.body) {
            Ok((index, bytes, state)) => {
                let board = Board::of(&state);
                let known = board.below(PREFIX).filter(|(key, _)| !key.starts_with(BRIEF.as_bytes()));
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                let rows = known.map(|(key, row)| (text(key), text(&row.value))).collect();
                let state = digest(&bytes);
                let archive = Archive { file: reply.body.clone(), state, rows };
                self.book.saved(Saved { invoked, returned: now(), freshness, index, state, board }, archive);
            }
            Err(why) => self.book.malformed(format!("a snapshot is no archive: {why}")),
        }
    }

    async fn restore(&mut self) {
        let archives = self.book.archives();
        if archives.is_empty() {
            return;
        }
        let archive = self.draws.pick(&archives).clone();
        let (invoked, fate) = (now(), self.send(archive.file.clone()).await);
        self.book.restored(Restored { state: Some(archive.state), invoked, over: now(), fate });
        // For each key it is a write of what the archive holds.
        let outcome = match fate {
            Fate::Done => Outcome::Wrote { at: now(), took: true },
            Fate::Refused => Outcome::Failed,
            Fate::Unknown => Outcome::Unknown,
        };
        for key in &self.plan.keys {
            let held = archive.rows.iter().find(|(name, _)| **name == **key);
            let action = held.map_or(Action::Delete, |(_, value)| Action::Put { value: value.as_str().into() });
            let (asked, outcome) = ("".into(), outcome.clone());
            self.recorder.operation(Operation { client: CLIENT, asked, key: key.clone(), action, invoked, outcome });
        }
    }

    /// One that was cut off, or of which a bit is not as it was, must change nothing.
    async fn restore_damaged(&mut self) {
        let archives = self.book.archives();
        let Some(archive) = archives.last() else { return };
        let mut file = archive.file.to_vec();
        let place = self.draws.below(file.len() as u64) as usize;
        if self.draws.chance(500_000) {
            file.truncate(place);
        } else {
            file[place] ^= 1 << self.draws.below(8);
        }
        // A bit that gzip does not look at does no harm: what is read is what was written.
        if open(&file).is_ok() {
            return;
        }
        let (invoked, fate) = (now(), self.send(file.into()).await);
        if fate == Fate::Done {
            self.book.malformed("a damaged archive was restored".to_owned());
        }
        self.book.restored(Restored { state: None, invoked, over: now(), fate });
    }

    async fn send(&mut self, file: Bytes) -> Fate {
        let answered = self.connection().ask(Method::PUT, "/v1/snapshot", file, PATIENCE).await;
        match answered.as_ref().map(|reply| reply.status) {
            Ok(200) => Fate::Done,
            Ok(400..500) | Err(Silence::NotSent) => Fate::Refused,
            // What went through the log before it failed may go on.
            Ok(_) | Err(Silence::Unknown) => Fate::Unknown,
        }
    }
}

/// The index of an archive, the bytes of its state, and the state.
fn open(file: &[u8]) -> Result<(Index, Vec<u8>, State), String> {
    let mut reader = ArchiveReader::open(file).map_err(|e| e.to_string())?;
    let mut bytes = Vec::new();
    while let Some(piece) = reader.piece(PIECE).map_err(|e| e.to_string())? {
        bytes.extend_from_slice(&piece);
    }
    let state = State::decode(&bytes).map_err(|e| e.to_string())?;
    Ok((reader.meta().index, bytes, state))
}
