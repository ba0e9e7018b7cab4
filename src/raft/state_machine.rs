//! Committed entries become state, state becomes views.

use super::observe::{AppliedEntry, Observer};
use super::snapshot::{SnapshotFile, SnapshotStore, final_name};
use super::types::{Entry, LogId, Payload, SnapshotMeta, StoredMembership, Types};
use super::view::{Published, View};
use crate::model::{Index, Touched};
use crate::runtime::{Disk, Runtime, sleep};
use crate::state::{Reply, Stamped, State};
use futures_util::{Stream, TryStreamExt};
use openraft::storage::{ApplyResponder, EntryResponder, RaftStateMachine, Snapshot};
use openraft::{OptionalSend, RaftSnapshotBuilder};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Entries applied before a view of them is published, when more are ready: bounds what a reader lags and what waits for its reply.
const BATCH: usize = 1024;
/// How long a snapshot that found no room on the disk waits before it is tried again.
const NO_ROOM_PAUSE: Duration = Duration::from_secs(5);

/// The state, its views and its snapshots. openraft owns it and feeds it.
pub struct StateMachine<R: Runtime> {
    state: State,
    last: Option<LogId<R>>,
    membership: StoredMembership<R>,
    published: Arc<Published>,
    snapshots: Arc<SnapshotStore<R>>,
    observer: Option<Arc<dyn Observer>>,
}

impl<R: Runtime> StateMachine<R> {
    /// Starts from what the newest snapshot holds.
    pub(super) fn restore(
        snapshots: Arc<SnapshotStore<R>>,
        newest: Option<(SnapshotMeta<R>, State)>,
        waiters: usize,
    ) -> (StateMachine<R>, Arc<Published>) {
        let (meta, state) = newest.unwrap_or_else(|| {
            (SnapshotMeta::<R> { last_log_id: None, last_membership: StoredMembership::<R>::default() }, State::default())
        });
        let view = view_of::<R>(&meta.last_log_id, &state);
        let published = Arc::new(Published::new(view, waiters));
        let (last, membership) = (meta.last_log_id, meta.last_membership);
        (StateMachine { state, last, membership, published: published.clone(), snapshots, observer: None }, published)
    }

    /// Seats an observer, who is told of the state there is.
    pub(super) fn observed_by(mut self, observer: Option<Arc<dyn Observer>>) -> StateMachine<R> {
        self.observer = observer;
        self.observe_installed();
        self
    }

    fn apply_entry(&mut self, entry: Entry<R>, touched: &mut Touched) -> Reply {
        let index = entry.log_id.index();
        assert!(self.last.as_ref().is_none_or(|last| last.index() < index), "entry {index} applied out of turn");
        self.last = Some(entry.log_id);
        let term = entry.log_id.committed_leader_id().term;
        match entry.payload {
            Payload::<R>::Blank => self.observed(term, index, None, Reply::Done),
            Payload::<R>::Normal(stamped) => {
                let (reply, changed) = self.state.apply(index, &stamped);
                touched.merge(changed);
                self.observed(term, index, Some(&stamped), reply)
            }
            Payload::<R>::Membership(membership) => {
                self.membership = StoredMembership::<R>::new(Some(entry.log_id), membership);
                self.observed(term, index, None, Reply::Done)
            }
        }
    }

    fn observed(&self, term: u64, index: Index, command: Option<&Stamped>, reply: Reply) -> Reply {
        if let Some(observer) = &self.observer {
            observer.applied(AppliedEntry { term, index, command, reply: &reply, state: &self.state });
        }
        reply
    }

    fn observe_installed(&self) {
        if let (Some(observer), Some(last)) = (&self.observer, &self.last) {
            observer.installed(last.committed_leader_id().term, last.index(), &self.state);
        }
    }

    fn view(&self) -> View {
        view_of::<R>(&self.last, &self.state)
    }

    fn meta(&self) -> SnapshotMeta<R> {
        SnapshotMeta::<R> { last_log_id: self.last, last_membership: self.membership.clone() }
    }
}

fn view_of<R: Runtime>(last: &Option<LogId<R>>, state: &State) -> View {
    let log = index_of::<R>(last);
    // Nothing applied is nothing, whatever a restored state would make of it.
    View { index: if log == 0 { 0 } else { state.index_of(log) }, log, state: state.clone() }
}

fn index_of<R: Runtime>(id: &Option<LogId<R>>) -> Index {
    id.as_ref().map_or(0, LogId::<R>::index)
}

/// Replies of a batch, sent once its view is there: whoever gets one reads what it wrote.
struct Batch<R: Runtime> {
    touched: Touched,
    replies: Vec<(ApplyResponder<Types<R>>, Reply)>,
    entries: usize,
}

impl<R: Runtime> Batch<R> {
    fn new() -> Batch<R> {
        Batch { touched: Touched::default(), replies: Vec::new(), entries: 0 }
    }

    fn finish(self, view: View, published: &Published) {
        published.publish(view, &self.touched);
        for (responder, reply) in self.replies {
            responder.send(reply);
        }
    }
}

impl<R: Runtime> RaftStateMachine<Types<R>> for StateMachine<R> {
    type SnapshotData = SnapshotFile;
    type SnapshotBuilder = Builder<R>;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId<R>>, StoredMembership<R>)> {
        Ok((self.last, self.membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types<R>>>> + Unpin + OptionalSend,
    {
        let mut batch = Batch::<R>::new();
        while let Some((entry, responder)) = entries.try_next().await? {
            let reply = self.apply_entry(entry, &mut batch.touched);
            batch.replies.extend(responder.map(|responder| (responder, reply)));
            batch.entries += 1;
            if batch.entries == BATCH {
                std::mem::replace(&mut batch, Batch::new()).finish(self.view(), &self.published);
            }
        }
        if batch.entries > 0 {
            batch.finish(self.view(), &self.published);
        }
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Builder<R> {
        Builder { meta: self.meta(), state: self.state.clone(), snapshots: self.snapshots.clone() }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta<R>, snapshot: SnapshotFile) -> io::Result<()> {
        let SnapshotFile { name, bytes, sum, state } = snapshot;
        let state = match state {
            Some(state) => *state,
            None => self.snapshots.read(&name).await?,
        };
        let file = self.snapshots.disk().open(&name)?;
        let kept = SnapshotFile { name: final_name::<R>(meta), bytes, sum, state: None };
        self.snapshots.adopt(&name, &file, meta.clone(), kept).await?;
        self.state = state;
        self.last = meta.last_log_id;
        self.membership = meta.last_membership.clone();
        self.observe_installed();
        self.published.publish_anew(self.view());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Stored<R>>> {
        Ok(self.snapshots.current().map(|(meta, snapshot)| Snapshot { meta, snapshot }))
    }
}

type Stored<R> = openraft::alias::SnapshotOf<Types<R>, SnapshotFile>;

/// Writes a snapshot of the state as it was when the builder was made, in a task of its own while entries go on being applied.
pub struct Builder<R: Runtime> {
    meta: SnapshotMeta<R>,
    state: State,
    snapshots: Arc<SnapshotStore<R>>,
}

impl<R: Runtime> RaftSnapshotBuilder<Types<R>> for Builder<R> {
    type SnapshotData = SnapshotFile;

    /// Waits for room on the disk for as long as it takes: to openraft any error is the end. The log is kept meanwhile.
    async fn build_snapshot(&mut self) -> io::Result<Stored<R>> {
        loop {
            match self.snapshots.save(self.meta.clone(), self.state.clone()).await {
                Ok(snapshot) => return Ok(Snapshot { meta: self.meta.clone(), snapshot }),
                Err(e) if is_no_room(&e) => {
                    tracing::warn!(error = %e, "no space for a snapshot of the state, trying again in {NO_ROOM_PAUSE:?}");
                    sleep::<R>(NO_ROOM_PAUSE).await;
                }
                Err(e) => return Err(e),
            }
        }
    }
}

/// Whether an error only says that the disk is full.
pub(super) fn is_no_room(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
