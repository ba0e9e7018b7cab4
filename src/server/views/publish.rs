//! A server keeps the views of client agents current.

use super::sessions::{Sessions, Turn};
use crate::agent::views::{Ask, Batch, Found, HEARTBEAT, LEAST_PAUSE, Lineage, SESSION_LIFE, Told};
use crate::model::{Index, Instant};
use crate::raft::{Consistency, Raft, View};
use crate::runtime::{Runtime, sleep, timeout};
use crate::server::Agent;
use crate::server::wire::Response;
use std::time::Duration;

/// How long a server may take to apply what an agent has seen. It lags by milliseconds, or for a reason that does not pass soon.
const CATCH_UP: Duration = Duration::from_secs(2);

/// What ended a wait for news.
enum Woken {
    /// Something may have changed.
    ByChange,
    /// Nothing did, for as long as an agent is left without a word.
    ByTime,
    /// As many wait here as this server holds, or it stops: the agent asks another.
    Full,
}

impl<R: Runtime> Agent<R> {
    /// Answers a subscriber's question when there is news for it, or a word that there is none.
    pub(in crate::server) async fn publish(&self, ask: Ask) -> Told {
        let Some(raft) = self.raft().filter(|_| self.config().cache.publish) else { return Told::Full };
        let Some(lineage) = catch_up(raft, ask.seen).await else { return Told::Behind };
        let sessions = &self.0.sessions;
        let (id, session) = match ask.session {
            Some(id) => (id, sessions.find(id)),
            None => {
                let id = R::random();
                match sessions.begin(id, R::now()) {
                    Ok(session) => (id, Some(session)),
                    Err(_) => return Told::Full,
                }
            }
        };
        let Some(turn) = session.and_then(|session| Turn::take(sessions, id, session)) else { return Told::Unknown };
        turn.session.change(ask.changes);
        let haste = if ask.session.is_none() || lineage == Lineage::Anew { Haste::Now } else { Haste::WhenThereIsNews };
        let Some(found) = self.await_news(raft, sessions, &turn, haste).await else { return Told::Full };
        let Some(last_contact) = raft.last_contact() else { return Told::Behind };
        turn.answer(R::now());
        let known_leader = self.known_leader(raft).is_some();
        Told::Batch(Batch { session: id, index: found.index, lineage, known_leader, last_contact, news: found.news })
    }

    /// Takes a change of a subscription whose question waits here.
    pub(in crate::server) async fn change_subscription(&self, ask: Ask) -> Response {
        let Some(raft) = self.raft() else { return Response::Told(Told::Unknown) };
        match catch_up(raft, ask.seen).await {
            Some(Lineage::Same) => {}
            // The question that waits does not know; the agent begins anew.
            Some(Lineage::Anew) => return Response::Told(Told::Unknown),
            None => return Response::Told(Told::Behind),
        }
        match ask.session.and_then(|id| self.0.sessions.find(id)) {
            Some(session) => {
                session.change(ask.changes);
                Response::Operated
            }
            None => Response::Told(Told::Unknown),
        }
    }

    /// Forgets subscriptions that nobody comes for any more, as long as this server runs.
    pub(in crate::server) async fn expire_sessions(&self) {
        loop {
            self.0.sessions.any().await;
            sleep::<R>(SESSION_LIFE / 2).await;
            self.0.sessions.expire(R::now());
        }
    }

    /// `None` if there is no room to wait.
    async fn await_news(&self, raft: &Raft<R>, sessions: &Sessions, turn: &Turn<'_>, haste: Haste) -> Option<Found> {
        let until = R::now() + HEARTBEAT;
        loop {
            let view = raft.view();
            let found = sessions.look(&turn.session, view.index, &view.state);
            if !found.news.is_empty() || haste == Haste::Now {
                return Some(found);
            }
            match self.await_change(raft, turn, &view, until).await {
                Woken::ByChange => {}
                Woken::ByTime => return Some(found),
                Woken::Full => return None,
            }
        }
    }

    /// Waits for a change, and then for others that come with it.
    async fn await_change(&self, raft: &Raft<R>, turn: &Turn<'_>, looked_at: &View, until: Instant) -> Woken {
        let changed = raft.changed(turn.session.topics(&looked_at.state), looked_at.index);
        tokio::select! {
            biased;
            changed = changed => if changed.is_err() { return Woken::Full },
            () = turn.session.changed() => return Woken::ByChange,
            () = R::sleep_until(until) => return Woken::ByTime,
            () = self.stopping() => return Woken::Full,
        }
        let pause = LEAST_PAUSE.saturating_sub(R::now().since(turn.session.answered()));
        if !pause.is_zero() {
            sleep::<R>(pause).await;
        }
        Woken::ByChange
    }
}

/// Whether a batch without news is sent at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Haste {
    Now,
    WhenThereIsNews,
}

/// Waits until this server has applied `seen`; `None` if it does not, and cannot know whether anybody has.
async fn catch_up<R: Runtime>(raft: &Raft<R>, seen: Index) -> Option<Lineage> {
    if raft.view().index >= seen {
        return Some(Lineage::Same);
    }
    if !raft.leadership().is_us() {
        return matches!(timeout::<R, _>(CATCH_UP, raft.applied(seen)).await, Ok(Ok(()))).then_some(Lineage::Same);
    }
    // Whatever anybody ever saw is in the log of a leader that proved itself: what is not was seen in another life of the cluster.
    match timeout::<R, _>(CATCH_UP, raft.read_view(Consistency::Default)).await {
        Ok(Ok(view)) if view.index < seen => Some(Lineage::Anew),
        Ok(Ok(_)) => Some(Lineage::Same),
        Ok(Err(_)) | Err(_) => None,
    }
}
