//! Waiting for a lock.

use super::Plan;
use super::hold::RETRY;
use super::place::{Attempt, Held, Place};
use super::session::Session;
use crate::cli::remote::Trouble;
use crate::cli::supervise::{Alarm, Notice, Notices, now, pause};
use crate::model::Instant;
use crate::runtime::tokio::Tokio;
use crate::runtime::{Runtime, sleep};
use std::time::Duration;

/// How long an agent is asked to keep a question open.
pub(super) const WAIT: Duration = Duration::from_secs(15);

/// How waiting ended.
pub(super) enum Race {
    /// The lock is ours.
    Won(Box<Won>),
    /// It is not: the text says why.
    Left(String),
}

/// A lock that is ours.
pub(super) struct Won {
    pub(super) session: Session,
    pub(super) place: Place,
    pub(super) held: Held,
}

/// How waiting with one session ended.
enum Heat {
    Ours(Held),
    TimedOut,
    SessionGone,
    Told,
    Failed(String),
}

/// Waits for the lock. A session that is lost meanwhile is replaced; only the first one has to be there at once, since an agent that cannot be
/// asked even once is most likely the wrong one.
pub(super) async fn compete(plan: &Plan, notices: &mut Notices) -> Result<Race, String> {
    let give_up = plan.timeout.map(|timeout| now() + timeout);
    let mut created = create(plan).await;
    loop {
        let session = match created {
            Ok(session) => session,
            Err(trouble) => return Ok(Race::Left(format!("Lock acquisition failed: {trouble}"))),
        };
        plan.tell(format_args!("Attempting lock acquisition with session {}", session.id));
        let place = Place::new(plan.agent.clone(), &plan.prefix, plan.limit, &plan.name, &session.id);
        let why = match heat(plan, &session, &place, give_up, notices).await? {
            Heat::Ours(held) => return Ok(Race::Won(Box::new(Won { session, place, held }))),
            Heat::SessionGone => {
                plan.tell("The session was lost while waiting, making another");
                created = create_again(plan, give_up).await;
                continue;
            }
            Heat::TimedOut => "Lock acquisition timed out".to_owned(),
            Heat::Told => "Shutdown triggered during lock acquisition".to_owned(),
            Heat::Failed(why) => format!("Lock acquisition failed: {why}"),
        };
        // It may be ours without our knowing. Given back first, nobody has to wait for a lock-delay.
        let _ = place.release().await;
        session.destroy().await;
        return Ok(Race::Left(why));
    }
}

async fn create(plan: &Plan) -> Result<Session, Trouble> {
    Session::create(plan.agent.clone(), &plan.name, plan.behavior, plan.terms).await
}

async fn create_again(plan: &Plan, give_up: Option<Instant>) -> Result<Session, Trouble> {
    loop {
        match create(plan).await {
            Err(Trouble::Passing(why)) if give_up.is_none_or(|at| now() < at) => {
                plan.tell(format_args!("No session yet: {why}"));
                sleep::<Tokio>(RETRY).await;
            }
            created => return created,
        }
    }
}

async fn heat(plan: &Plan, session: &Session, place: &Place, give_up: Option<Instant>, notices: &mut Notices) -> Result<Heat, String> {
    tokio::select! {
        biased;
        () = told(notices) => Ok(Heat::Told),
        gone = keep_alive(session) => gone.map(|()| Heat::SessionGone).map_err(|e| format!("Error setting an alarm: {e}")),
        heat = attempts(plan, place, give_up) => Ok(heat),
    }
}

/// Returns when the user wants us to end.
async fn told(notices: &mut Notices) {
    loop {
        match notices.next().await {
            Notice::End(_) => return,
            Notice::Pause => pause(),
            Notice::Child | Notice::Forward(_) => {}
        }
    }
}

/// Renews the session until it is gone.
async fn keep_alive(session: &Session) -> std::io::Result<()> {
    let alarm = Alarm::new()?;
    let mut next = session.due();
    loop {
        alarm.at(next).await?;
        next = match session.renew().await {
            Ok(_) => session.due(),
            Err(Trouble::SessionGone) => return Ok(()),
            Err(Trouble::Passing(_) | Trouble::Lasting(_)) => now() + RETRY,
        };
    }
}

async fn attempts(plan: &Plan, place: &Place, give_up: Option<Instant>) -> Heat {
    let mut index = None;
    loop {
        let left = give_up.map_or(WAIT, |at| at.since(now()));
        let attempt = place.attempt(index, left.min(WAIT)).await;
        let is_over = give_up.is_some_and(|at| now() >= at);
        match attempt {
            Ok(Attempt::Ours(held)) => return Heat::Ours(held),
            Err(Trouble::SessionGone) => return Heat::SessionGone,
            Err(Trouble::Lasting(why)) => return Heat::Failed(why),
            _ if is_over => return Heat::TimedOut,
            Ok(Attempt::Full(seen)) if seen > 0 => {
                index = Some(seen);
                continue;
            }
            Ok(Attempt::Full(_)) => {}
            Ok(Attempt::Delayed) => plan.tell("The lock's last holder was lost: nobody gets it before its lock-delay is over"),
            Err(Trouble::Passing(why)) => plan.tell(format_args!("Trouble while waiting: {why}")),
        }
        index = None;
        sleep::<Tokio>(left.min(spread(RETRY))).await;
    }
}

/// `pause` and up to a quarter of it, so that those who wait for the same do not ask at the same time.
fn spread(pause: Duration) -> Duration {
    pause + pause.mul_f64((Tokio::random() >> 11) as f64 / (1_u64 << 53) as f64 / 4.0)
}
