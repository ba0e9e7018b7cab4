//! Saving: a view's archive, made beside everything else and sent in parts.

use super::scratch::{At, Scratch};
use super::{Offer, PART, Parts, SavedSnapshot};
use crate::agent::query::Query;
use crate::api::read::{ReadMode, ReadOptions};
use crate::raft::View;
use crate::runtime::{Runtime, timeout};
use crate::server::Agent;
use crate::server::requests::{Repeat, Step, Target, strange};
use crate::server::wire::{Refusal, Request, Response};
use crate::state::archive::{self, Meta};
use bytes::Bytes;
use futures_util::stream;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a server may take to make an archive. A million keys take a second or two.
const MAKING: Duration = Duration::from_secs(300);
/// How long a part of one may take.
const PART_PATIENCE: Duration = Duration::from_secs(10);

/// An archive in its file.
struct Made<R: Runtime> {
    scratch: Arc<Scratch<R::Disk>>,
    offer: Offer,
}

impl<R: Runtime> Agent<R> {
    /// The archive of everything acknowledged before, or with [`ReadMode::Stale`] of what a server happens to have.
    pub(in crate::server) async fn save_snapshot(&self, mode: ReadMode) -> Result<SavedSnapshot, Refusal> {
        match self.route_to_any()? {
            Target::Here(_) => {
                let Made { scratch, offer } = self.make_archive(mode).await?;
                Ok(saved(offer, Box::pin(from_file(scratch))))
            }
            Target::There { addr, .. } => {
                let offer = match self.ask(addr, &Request::SaveSnapshot { mode }, Repeat::Always, MAKING).await {
                    Step::Done(Ok(Response::Snapshot(offer))) => offer,
                    other => return unexpected(other),
                };
                Ok(saved(offer, Box::pin(self.clone().parts_from(addr, offer))))
            }
            Target::Nobody => Err(Refusal::NoServers),
        }
    }

    /// Makes one for a client agent.
    pub(in crate::server) async fn offer_snapshot(&self, mode: ReadMode) -> Result<Response, Refusal> {
        self.0.offers.tidy(R::now());
        let Made { scratch, offer } = self.make_archive(mode).await?;
        self.0.offers.put(offer.id, scratch, R::now());
        Ok(Response::Snapshot(offer))
    }

    /// A part of one that was made; the empty one behind the end ends it.
    pub(in crate::server) fn snapshot_part(&self, id: u64, offset: u64) -> Result<Response, Refusal> {
        let gone = || Refusal::Refused("the snapshot is not there any more: it was not fetched in time".to_owned());
        let scratch = self.0.offers.find(id, R::now()).ok_or_else(gone)?;
        let part = scratch.part(offset, PART).map_err(|e| Refusal::Refused(format!("cannot read the snapshot: {e}")))?;
        if part.is_empty() {
            self.0.offers.remove(id);
        }
        Ok(Response::SnapshotPart(part.into()))
    }

    async fn make_archive(&self, mode: ReadMode) -> Result<Made<R>, Refusal> {
        let no_file = |e: std::io::Error| Refusal::Full(format!("cannot save a snapshot: {e}"));
        let scratch = self.0.scratches.create::<R>().map_err(no_file)?;
        let (view, known_leader, last_contact) = self.view_to_save(mode).await?;
        let (index, at) = (view.state.last_change(), At::start(scratch.clone()));
        let term = self.raft().map_or(0, |raft| raft.leadership().term);
        let meta = Meta::new(index, term, R::wall().as_unix_nanos() / 1_000_000);
        let written = R::spawn_blocking(move || archive::write(at, &view.state, meta)).await;
        let (_, bytes) = written.and_then(|written| written).map_err(no_file)?;
        Ok(Made { scratch, offer: Offer { id: R::random(), bytes, index, known_leader, last_contact } })
    }

    /// This server's own view, once it holds what the leader says it must.
    async fn view_to_save(&self, mode: ReadMode) -> Result<(Arc<View>, bool, Duration), Refusal> {
        let raft = self.raft().ok_or(Refusal::NoServers)?;
        let options = ReadOptions { mode, ..ReadOptions::default() };
        let answered = Box::pin(self.read(&Query::LastChange, &options, None)).await?;
        let caught_up = raft.caught_up(answered.answer.marks.index);
        let view = match timeout::<R, _>(self.config().rpc_hold_timeout, caught_up).await {
            Ok(Ok(view)) => view,
            Ok(Err(e)) => return Err(Refusal::Refused(e.to_string())),
            Err(_) => {
                return Err(Refusal::Refused(
                    "this server is too far behind the leader to save a snapshot; -stale takes what it has".to_owned(),
                ));
            }
        };
        Ok((view, answered.known_leader, answered.last_contact))
    }

    /// The parts of an archive that a server has ready.
    fn parts_from(self, addr: SocketAddr, offer: Offer) -> impl futures_util::Stream<Item = Bytes> + Send {
        stream::unfold((self, 0), move |(agent, offset)| async move {
            let request = Request::SnapshotPart { id: offer.id, offset };
            match agent.ask(addr, &request, Repeat::Always, PART_PATIENCE).await {
                Step::Done(Ok(Response::SnapshotPart(part))) if !part.is_empty() => {
                    let next = offset + part.len() as u64;
                    Some((part, (agent, next)))
                }
                Step::Done(Ok(Response::SnapshotPart(_))) => None,
                Step::Done(Ok(_) | Err(_)) | Step::Again => {
                    tracing::warn!(%addr, offset, "a server broke off sending a snapshot");
                    None
                }
            }
        })
    }
}

fn saved(offer: Offer, parts: Parts) -> SavedSnapshot {
    let Offer { id: _, bytes, index, known_leader, last_contact } = offer;
    SavedSnapshot { bytes, index, known_leader, last_contact, parts }
}

fn from_file<D: crate::runtime::Disk>(scratch: Arc<Scratch<D>>) -> impl futures_util::Stream<Item = Bytes> + Send {
    stream::unfold((scratch, 0), |(scratch, offset)| async move {
        match scratch.part(offset, PART) {
            Ok(part) if part.is_empty() => None,
            Ok(part) => {
                let next = offset + part.len() as u64;
                Some((part.into(), (scratch, next)))
            }
            Err(e) => {
                tracing::warn!(error = %e, "cannot read a snapshot that was just written");
                None
            }
        }
    })
}

fn unexpected<T>(step: Step<Response>) -> Result<T, Refusal> {
    match step {
        Step::Done(Ok(other)) => match strange(&other) {
            Step::Done(done) => done,
            Step::Again => Err(Refusal::NoServers),
        },
        Step::Done(Err(refusal)) => Err(refusal),
        Step::Again => Err(Refusal::NoServers),
    }
}
