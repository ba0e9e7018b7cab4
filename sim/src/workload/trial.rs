//! The proof that a cluster serves after the faults: ten writes and ten consistent reads, each asked again until it succeeds.

use super::asking::{Asking, Went};
use super::connection::Connection;
use super::now;
use super::recording::Recorder;
use crate::checker::{Action, Mode};
use crate::invariants::observation::Trial;
use crate::runtime::Sim;
use crate::world::Who;
use muster::runtime::sleep;
use std::sync::Arc;
use std::time::Duration;

/// How many of each.
const EACH: usize = 10;
/// How long one trial may take with all its attempts; a little over what is judged.
const GIVEN_UP_AFTER: Duration = Duration::from_secs(11);
/// Pause between attempts.
const PAUSE: Duration = Duration::from_millis(200);
/// The number of the program that tries: no user has it.
const CLIENT: u32 = 0;

/// Makes the trials against `agents` in turn; what was asked goes into `recorder` with everything else. Run it on a user's machine.
pub async fn trials(agents: &[Who], recorder: &Recorder) -> Vec<Trial> {
    let mut trials = Vec::new();
    for number in 0..EACH * 2 {
        let key: Arc<str> = format!("trial/{}", number / 2).into();
        let connection = Connection::new(agents[number % agents.len()]);
        let asking = Asking { client: CLIENT, connection, recorder: recorder.clone(), patience: GIVEN_UP_AFTER };
        trials.push(one(asking, &key, number).await);
    }
    trials
}

async fn one(mut asking: Asking, key: &Arc<str>, number: usize) -> Trial {
    let writes = number.is_multiple_of(2);
    let what = if writes { "put" } else { "get?consistent" };
    let what = format!("{what} {key} at {}", asking.connection.to());
    let (invoked, given_up) = (now(), now() + GIVEN_UP_AFTER.as_nanos() as u64);
    for attempt in 0.. {
        let action = match writes {
            true => Action::Put { value: format!("0-{number}-{attempt}").into() },
            false => Action::Get { mode: Mode::Consistent },
        };
        asking.patience = Duration::from_nanos(given_up - now());
        let went = asking.single(key, action).await;
        let succeeded = match went {
            Went::Answered(found, _) => writes || found.is_some(),
            Went::Badly => false,
        };
        if succeeded {
            return Trial { what, invoked, succeeded: Some(now()) };
        }
        sleep::<Sim>(PAUSE).await;
        if now() >= given_up {
            break;
        }
    }
    Trial { what, invoked, succeeded: None }
}
