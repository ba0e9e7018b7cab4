//! What the flags of `run` ask the agent to register, and how the service is kept alive in the catalog.

use super::{USUAL, time};
use crate::api::definition::service_to_json;
use crate::cli::args::Args;
use crate::cli::services::register::of_flags;
use crate::model::duration;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// How long we may be silent, unless something else is asked for.
const SILENCE: Duration = Duration::from_secs(15);

/// How the agent learns that the service lives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Pulse {
    /// We say so.
    Heartbeat {
        /// The check that hears it.
        check: String,
    },
    /// We run a program that tells.
    Program {
        /// The check that hears it.
        check: String,
        /// A line for a shell.
        line: String,
        /// How long it may run.
        timeout: Duration,
    },
    /// It looks itself. We see to it that it has not forgotten the service.
    Watched,
}

/// A service to be registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Registration {
    /// Unique on the agent.
    pub(super) id: String,
    /// The request's body.
    pub(super) body: Vec<u8>,
    pub(super) pulse: Pulse,
    /// Time from one beat to the next.
    pub(super) beat: Duration,
}

/// What the flags describe.
pub(super) fn registration(args: &Args) -> Result<Registration, String> {
    let service = of_flags(args, "service")?;
    let id = service.spec.id.clone();
    let (interval, timeout) = (time(args, "check-interval")?.unwrap_or(USUAL), time(args, "check-timeout")?.unwrap_or(USUAL));
    let after = time(args, "deregister-after")?;
    let check = |kind: &str| {
        let mut check = Map::new();
        check.insert("CheckID".to_owned(), json!(format!("service:{id}:{kind}")));
        check.extend(after.map(|after| ("DeregisterCriticalServiceAfter".to_owned(), json!(duration::format(after)))));
        check
    };
    let mut checks = Vec::new();
    for (flag, kind, field) in [("check-http", "http", "HTTP"), ("check-tcp", "tcp", "TCP"), ("check-grpc", "grpc", "GRPC")] {
        for (place, target) in args.values(flag).enumerate() {
            let kind = if place == 0 { kind.to_owned() } else { format!("{kind}-{}", place + 1) };
            let mut check = check(&kind);
            check.insert(field.to_owned(), json!(target));
            check.insert("Interval".to_owned(), json!(duration::format(interval)));
            check.insert("Timeout".to_owned(), json!(duration::format(timeout)));
            checks.push(Value::Object(check));
        }
    }
    let (pulse, ttl, beat) = pulse(args, &id, interval, timeout, checks.is_empty())?;
    if let Some(ttl) = ttl {
        let mut check = check("alive");
        check.insert("TTL".to_owned(), json!(duration::format(ttl)));
        checks.push(Value::Object(check));
    }
    let mut body = service_to_json(&service);
    body["Checks"] = Value::Array(checks);
    Ok(Registration { id, body: body.to_string().into_bytes(), pulse, beat })
}

/// How the service is kept alive, the TTL this takes, and how often.
fn pulse(
    args: &Args,
    id: &str,
    interval: Duration,
    timeout: Duration,
    is_only: bool,
) -> Result<(Pulse, Option<Duration>, Duration), String> {
    let check = format!("service:{id}:alive");
    let given = time(args, "check-ttl")?;
    match args.value("check-cmd") {
        Some(line) => {
            // A program that takes all the time it may is not silence.
            let least = interval + timeout;
            let ttl = given.unwrap_or(least + SILENCE);
            if ttl <= least {
                let least = duration::format(least);
                return Err(format!("-check-ttl must be above {least}, the sum of -check-interval and -check-timeout"));
            }
            Ok((Pulse::Program { check, line: line.to_owned(), timeout }, Some(ttl), interval))
        }
        None if is_only || given.is_some() => {
            let ttl = given.unwrap_or(SILENCE);
            Ok((Pulse::Heartbeat { check }, Some(ttl), ttl / 3))
        }
        None => Ok((Pulse::Watched, None, SILENCE)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Pulse, registration};
    use crate::cli::args::Args;
    use crate::cli::run::FLAGS;
    use serde_json::{Value, json};
    use std::time::Duration;

    fn of(line: &str) -> Result<(Value, Pulse, Duration), String> {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        let registration = registration(&Args::parse(&words, FLAGS).unwrap())?;
        Ok((serde_json::from_slice(&registration.body).unwrap(), registration.pulse, registration.beat))
    }

    #[test]
    fn a_service_without_a_check_is_kept_alive_by_heartbeats() {
        let (body, pulse, beat) = of("-service=web -port=80 -tag=a -id=web-1").unwrap();
        assert_eq!((&body["Name"], &body["ID"], &body["Port"], &body["Tags"]), (&json!("web"), &json!("web-1"), &json!(80), &json!(["a"])));
        assert_eq!(body["Checks"], json!([{"CheckID": "service:web-1:alive", "TTL": "15s"}]));
        assert_eq!((pulse, beat), (Pulse::Heartbeat { check: "service:web-1:alive".to_owned() }, Duration::from_secs(5)));
    }

    #[test]
    fn checks_of_the_agents_need_no_heartbeat_unless_one_is_asked_for() {
        let (body, pulse, _) = of("-service=web -check-http=http://x/ -check-tcp=x:1 -check-interval=1s -deregister-after=1m").unwrap();
        let http = json!({"CheckID": "service:web:http", "HTTP": "http://x/", "Interval": "1s", "Timeout": "10s", "DeregisterCriticalServiceAfter": "1m0s"});
        assert_eq!((&body["Checks"][0], &body["Checks"][1]["TCP"], pulse), (&http, &json!("x:1"), Pulse::Watched));
        let (body, pulse, beat) = of("-service=web -check-http=http://x/ -check-ttl=3s").unwrap();
        assert_eq!((&body["Checks"][1]["TTL"], beat), (&json!("3s"), Duration::from_secs(1)));
        assert!(matches!(pulse, Pulse::Heartbeat { .. }));
    }

    #[test]
    fn a_program_that_tells_has_time_to_end_before_its_silence_counts() {
        let (body, pulse, beat) = of("-service=web -check-cmd=true -check-interval=2s -check-timeout=1s").unwrap();
        assert_eq!((&body["Checks"][0]["TTL"], beat), (&json!("18s"), Duration::from_secs(2)));
        assert!(matches!(pulse, Pulse::Program { .. }));
        let refused = of("-service=web -check-cmd=true -check-interval=2s -check-timeout=1s -check-ttl=3s").unwrap_err();
        assert_eq!(refused, "-check-ttl must be above 3s, the sum of -check-interval and -check-timeout");
        assert!(of("-service=web -check-ttl=0s").unwrap_err().contains("must be above zero"));
        assert!(of("-service=web -check-ttl=x").unwrap_err().contains("-check-ttl"));
    }
}
