//! Holding a lock while a command runs.

use super::Plan;
use super::compete::{WAIT, Won};
use super::guard::Guard;
use super::hold::{Cause, Event, Hold, Order};
use super::place::Place;
use super::session::Session;
use crate::cli::remote::Trouble;
use crate::cli::report::{Outcome, Report};
use crate::cli::supervise::{Alarm, End, Group, Notice, Notices, Poised, finished, now, pause, say, tethered};
use crate::model::Instant;
use futures_util::future::LocalBoxFuture;
use rustix::process::Signal;
use std::io;

/// Exit code for a command that failed, where it is asked for.
const COMMAND_FAILED: u8 = 2;

/// Processes that stand ready while the lock is waited for.
pub(super) struct Ready {
    pub(super) guard: Guard,
    /// The command, unless it has our standard input.
    pub(super) poised: Option<Poised>,
}

/// Runs the command as long as the lock is ours, and gives it back.
pub(super) async fn keep(plan: &Plan, won: Won, ready: Ready, notices: &mut Notices) -> Outcome {
    plan.tell(format_args!("Lock acquired: {}", won.held.key));
    let mut hold = Hold::new(plan.terms, won.session.asked());
    let ran = run(plan, &won, ready, &mut hold, notices).await;
    let Won { session, place, .. } = won;
    let mut report = Report::default();
    let mut failed = |text: String| {
        say(text);
        report.code = 1;
    };
    match hold.cause() {
        Some(Cause::Lost(why)) => failed(format!("Lock lost: {why}")),
        Some(Cause::Told) | None => {}
    }
    if let Err(trouble) = place.release().await {
        failed(format!("Lock release failed, it is free once the session is over: {trouble}"));
    }
    let end = ran.and_then(Ran::end);
    session.destroy().await;
    match end {
        Err(error) => failed(format!("Error executing command: {error}")),
        Ok(End::Code(0)) => {}
        Ok(end) => {
            say(format_args!("Error running command: {end}"));
            if plan.child_exit_code && report.code == 0 {
                report.code = COMMAND_FAILED;
            }
        }
    }
    Ok(report)
}

/// A command that has ended and was not reaped yet.
struct Ran {
    group: Group,
    guard: Guard,
}

impl Ran {
    /// Sends the guard home before the group's number is given back: the guard would signal whoever has it next.
    fn end(self) -> io::Result<End> {
        self.guard.dismiss();
        self.group.reap()
    }
}

async fn run(plan: &Plan, won: &Won, ready: Ready, hold: &mut Hold, notices: &mut Notices) -> io::Result<Ran> {
    let Won { session, place, held } = won;
    let alarm = Alarm::new()?;
    let mut env =
        vec![("CONSUL_LOCK_HELD", "true".to_owned()), ("MUSTER_LOCK_KEY", held.key.clone()), ("MUSTER_LOCK_SESSION", session.id.clone())];
    env.extend(held.token.clone().map(|token| ("MUSTER_LOCK_TOKEN", token)));
    let Ready { guard, poised } = ready;
    let group = match poised {
        Some(poised) => poised.go(&env)?,
        None => Group::start(&tethered(&plan.command)?, &env, plan.stdin)?,
    };
    let mut holder = Holder { session, place, hold, ran: Ran { group, guard }, index: None };
    holder.begin();
    let (mut renewal, mut look) = (None, None);
    loop {
        // First of all, also after a freeze: is it still ours to run?
        let next = holder.obey(&mut renewal, &mut look);
        if holder.has_ended()? {
            return Ok(holder.ran);
        }
        tokio::select! {
            biased;
            rang = alarm.at(next) => rang?,
            notice = notices.next() => holder.notice(notice),
            renewed = finished(&mut renewal) => holder.renewed(renewed),
            (event, index) = finished(&mut look) => {
                holder.index = index;
                holder.hold.handle(event, now());
            }
        }
    }
}

/// What [`run`] holds.
struct Holder<'a> {
    session: &'a Session,
    place: &'a Place,
    hold: &'a mut Hold,
    ran: Ran,
    /// The index of the last look.
    index: Option<u64>,
}

type Renewal<'a> = Option<LocalBoxFuture<'a, Result<Instant, Trouble>>>;
type Look<'a> = Option<LocalBoxFuture<'a, (Event, Option<u64>)>>;

impl<'a> Holder<'a> {
    /// Does all that is due; when the next thing is.
    fn obey(&mut self, renewal: &mut Renewal<'a>, look: &mut Look<'a>) -> Instant {
        while let Some(order) = self.hold.next(now()) {
            match order {
                Order::End(signal) => {
                    self.ran.group.signal(signal);
                    // One that was stopped takes the signal first and goes on only to obey it.
                    self.ran.group.signal(Signal::CONT);
                }
                Order::Kill => self.ran.group.signal(Signal::KILL),
                Order::Renew => *renewal = Some(Box::pin(self.session.renew())),
                Order::Look => *look = Some(Box::pin(see(self.place, self.index))),
            }
        }
        self.hold.deadline()
    }

    /// Tells the guard what it guards.
    fn begin(&mut self) {
        if self.ran.guard.watch(&self.ran.group, self.hold.lapse()).is_err() {
            self.hold.handle(Event::Unguarded, now());
        }
    }

    fn renewed(&mut self, renewed: Result<Instant, Trouble>) {
        let event = match renewed {
            Ok(asked) => Event::Renewed(asked),
            Err(Trouble::SessionGone) => Event::SessionGone,
            Err(Trouble::Passing(_) | Trouble::Lasting(_)) => Event::NotRenewed,
        };
        self.hold.handle(event, now());
        if self.hold.cause().is_none() && self.ran.guard.extend(self.hold.lapse()).is_err() {
            self.hold.handle(Event::Unguarded, now());
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::End(signal) => self.hold.handle(Event::Told(signal), now()),
            Notice::Forward(signal) => self.ran.group.signal(signal),
            Notice::Child if self.hold.cause().is_none() && self.ran.guard.has_ended() => self.hold.handle(Event::Unguarded, now()),
            Notice::Child => {}
            Notice::Pause => {
                self.ran.group.signal(Signal::STOP);
                pause();
                // Continued. What is stopped can be ended before it does more work.
                if self.hold.cause().is_none() && now() < self.hold.lapse() {
                    self.ran.group.signal(Signal::CONT);
                }
            }
        }
    }

    /// Whether the command has ended. What it leaves behind goes on only if the lock was given up in peace.
    fn has_ended(&self) -> io::Result<bool> {
        let ended = self.ran.group.has_ended()?;
        if ended && self.hold.cause().is_some() {
            self.ran.group.signal(Signal::KILL);
        }
        Ok(ended)
    }
}

/// Looks whether the place is still ours, once something has changed or a while has passed.
async fn see(place: &Place, index: Option<u64>) -> (Event, Option<u64>) {
    match place.look(index, WAIT).await {
        Ok(seen) if seen.ours => (Event::StillOurs, Some(seen.index)),
        Ok(seen) => {
            let whose = seen.holder.map_or_else(|| "it was taken from us".to_owned(), |other| format!("session {other} holds it"));
            (Event::NotOurs(whose), None)
        }
        Err(trouble) => (Event::NotSeen(trouble.to_string()), None),
    }
}
