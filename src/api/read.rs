//! The parameters every read shares: consistency, blocking, datacenter.

use super::params::Params;
use super::{ApiError, number};
use crate::model::Index;
use crate::model::duration;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How current an answer must be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ReadMode {
    /// The leader answers while its lease holds.
    #[default]
    Default,
    /// The leader asks a quorum first.
    Consistent,
    /// Any server answers with what it has, however old.
    Stale {
        /// At most this old; an older answer is asked of the leader instead.
        max_age: Option<Duration>,
    },
}

/// How a question is to be answered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadOptions {
    /// How current.
    pub mode: ReadMode,
    /// Wait until something asked for changed after this index; 0 answers at once.
    pub min_index: Index,
    /// How long to wait at most; `None` is the server's default, more than its maximum is cut.
    pub wait: Option<Duration>,
    /// The datacenter to ask, `None` for the agent's own.
    pub dc: Option<String>,
    /// Whether the agent may answer from its cache (`cached`), and how old an answer may be then.
    pub cached: Option<CacheControl>,
}

/// How old a cached answer may be: the `Cache-Control` header of a request with `cached`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheControl {
    /// `max-age`: an older answer is fetched anew; zero is `must-revalidate`. `None` takes any age.
    pub max_age: Option<Duration>,
    /// `stale-if-error`: an answer at most this old will do if it cannot be fetched anew. `None` takes any age.
    pub stale_if_error: Option<Duration>,
}

impl CacheControl {
    /// Reads the header; directives of other kinds are ignored.
    ///
    /// # Errors
    /// An age that is no number of seconds.
    pub fn parse(header: &str) -> Result<CacheControl, ApiError> {
        let seconds = |age| match number::parse_u64(age) {
            Ok(seconds) => Ok(Some(Duration::from_secs(seconds))),
            Err(_) => Err(ApiError::bad_request("Invalid Cache-Control header.")),
        };
        let mut control = CacheControl::default();
        for directive in header.split(',').map(str::trim) {
            if let Some(age) = directive.strip_prefix("max-age=") {
                control.max_age = seconds(age)?;
            } else if let Some(age) = directive.strip_prefix("stale-if-error=") {
                control.stale_if_error = seconds(age)?;
            } else if directive == "must-revalidate" {
                control.max_age = Some(Duration::ZERO);
            }
        }
        Ok(control)
    }
}

impl ReadOptions {
    /// Reads `index`, `wait`, `stale`, `consistent`, `leader`, `max_stale`, `cached` and the datacenter. The ages that go with `cached` stand in a header
    /// ([`CacheControl::parse`]).
    pub fn parse(params: &Params<'_>) -> Result<ReadOptions, ApiError> {
        let wait = match params.value("wait").map(duration::parse) {
            None | Some(Err(duration::DurationError::Negative(_))) => None,
            Some(Ok(wait)) => Some(wait),
            Some(Err(_)) => return Err(ApiError::bad_request("Invalid wait time")),
        };
        let min_index = match params.value("index").map(number::parse_u64) {
            None => 0,
            Some(index) => index.map_err(|_| ApiError::bad_request("Invalid index"))?,
        };
        let cached = params.has("cached").then(CacheControl::default);
        Ok(ReadOptions { mode: mode(params)?, min_index, wait, dc: datacenter(params), cached })
    }
}

fn mode(params: &Params<'_>) -> Result<ReadMode, ApiError> {
    let max_age = match params.value("max_stale").map(duration::parse) {
        None | Some(Err(duration::DurationError::Negative(_))) => None,
        Some(Ok(age)) => Some(age).filter(|age| !age.is_zero()),
        Some(Err(_)) => {
            let value = crate::model::quote(params.value("max_stale").unwrap_or_default());
            return Err(ApiError::bad_request(format!("Invalid max_stale value {value}")));
        }
    };
    let stale = params.has("stale") || max_age.is_some();
    match (stale, params.has("consistent")) {
        (true, true) => Err(ApiError::bad_request("Cannot specify ?stale with ?consistent, conflicting semantics.")),
        (false, true) if params.has("cached") => {
            Err(ApiError::bad_request("Cannot specify ?cached with ?consistent, conflicting semantics."))
        }
        (false, true) => Ok(ReadMode::Consistent),
        (true, false) => Ok(ReadMode::Stale { max_age }),
        (false, false) => Ok(ReadMode::Default),
    }
}

/// The datacenter a request names: `datacenter`, the newer name, before `dc`.
pub fn datacenter(params: &Params<'_>) -> Option<String> {
    params.value("datacenter").or_else(|| params.value("dc")).map(str::to_owned)
}

/// Refuses a namespace other than the one there is.
pub fn check_namespace(params: &Params<'_>, header: Option<&str>) -> Result<(), ApiError> {
    let refused = |place: &str| ApiError::bad_request(format!("Bad request: Invalid {place} - Namespaces are a Consul Enterprise feature"));
    let foreign = |namespace: &&str| !namespace.is_empty() && *namespace != "default";
    if params.value("ns").filter(foreign).is_some() {
        return Err(refused("query parameter: \"ns\""));
    }
    match header.filter(foreign) {
        Some(_) => Err(refused("header: \"X-Consul-Namespace\"")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{CacheControl, ReadMode, ReadOptions, check_namespace};
    use crate::api::ApiError;
    use crate::api::params::Params;
    use std::time::Duration;

    fn parse(query: &str) -> Result<ReadOptions, ApiError> {
        ReadOptions::parse(&Params::parse(query))
    }

    fn refusal(query: &str) -> String {
        let error = parse(query).unwrap_err();
        assert_eq!(error.status, 400);
        error.to_string()
    }

    #[test]
    fn without_parameters_the_leader_answers_at_once() {
        assert_eq!(parse("").unwrap(), ReadOptions::default());
        assert_eq!(parse("leader&index=&wait=").unwrap(), ReadOptions::default());
        assert_eq!(parse("cached").unwrap(), ReadOptions { cached: Some(CacheControl::default()), ..ReadOptions::default() });
    }

    #[test]
    fn index_and_wait_make_it_block() {
        let options = parse("index=7&wait=1m30s&dc=dc1").unwrap();
        assert_eq!((options.min_index, options.wait, options.dc.as_deref()), (7, Some(Duration::from_secs(90)), Some("dc1")));
        assert_eq!(parse("wait=-1s").unwrap().wait, None);
        assert_eq!(refusal("index=-1"), "Invalid index");
        assert_eq!(refusal("wait=10"), "Invalid wait time");
    }

    #[test]
    fn the_modes_exclude_one_another() {
        assert_eq!(parse("stale").unwrap().mode, ReadMode::Stale { max_age: None });
        assert_eq!(parse("max_stale=5s").unwrap().mode, ReadMode::Stale { max_age: Some(Duration::from_secs(5)) });
        assert_eq!(parse("max_stale=0s").unwrap().mode, ReadMode::Default);
        assert_eq!(parse("consistent").unwrap().mode, ReadMode::Consistent);
        assert_eq!(refusal("stale&consistent"), "Cannot specify ?stale with ?consistent, conflicting semantics.");
        assert_eq!(refusal("cached&consistent"), "Cannot specify ?cached with ?consistent, conflicting semantics.");
        assert_eq!(refusal("max_stale=x"), "Invalid max_stale value \"x\"");
    }

    #[test]
    fn only_the_default_namespace_is_there() {
        assert_eq!(check_namespace(&Params::parse("ns=default&ns="), Some("")), Ok(()));
        assert!(check_namespace(&Params::parse("ns=team"), None).unwrap_err().text.contains("\"ns\""));
        assert!(check_namespace(&Params::parse(""), Some("team")).is_err());
    }

    #[test]
    fn ages_in_cache_control_are_seconds() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        let control = CacheControl::parse("no-cache, max-age=5, stale-if-error=10").unwrap();
        assert_eq!(control, CacheControl { max_age: seconds(5), stale_if_error: seconds(10) });
        assert_eq!(CacheControl::parse("must-revalidate").unwrap().max_age, seconds(0));
        assert_eq!(CacheControl::parse("").unwrap(), CacheControl::default());
        for header in ["max-age=5s", "max-age=", "stale-if-error=-1"] {
            assert_eq!(CacheControl::parse(header).unwrap_err().text, "Invalid Cache-Control header.", "{header}");
        }
    }
}
