//! An agent that is asked while other things go on, and what its answers mean to who goes on in any case.

use super::client::{Query, unexpected};
use super::http::{Endpoint, Request, Response, round_trip};
use std::time::Duration;

/// Patience with an answer that the agent need not wait for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why something did not work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It may work the next time: no answer, or no leader.
    Passing(String),
    /// There is no such session any more.
    SessionGone,
    /// It will not work the next time either.
    Lasting(String),
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Trouble::Passing(why) | Trouble::Lasting(why) => f.write_str(why),
            Trouble::SessionGone => f.write_str("the session has expired or was destroyed"),
        }
    }
}

/// An agent, and the datacenter to ask.
#[derive(Debug, Clone)]
pub(super) struct Remote {
    endpoint: Endpoint,
    headers: Vec<(&'static str, String)>,
    datacenter: Option<String>,
}

impl std::fmt::Display for Remote {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "http://{}:{}", self.endpoint.host, self.endpoint.port)
    }
}

impl Remote {
    /// The agent at `endpoint`, with these headers in each request.
    pub(super) fn new(endpoint: Endpoint, headers: Vec<(&'static str, String)>, datacenter: Option<String>) -> Remote {
        Remote { endpoint, headers, datacenter }
    }

    /// Asks with the usual patience.
    pub(super) async fn ask(&self, method: &'static str, path: &str, query: Query, body: Vec<u8>) -> Result<Response, Trouble> {
        self.wait(method, path, query, body, Duration::ZERO).await
    }

    /// Asks for something that the agent may keep open for `wait`.
    pub(super) async fn wait(
        &self,
        method: &'static str,
        path: &str,
        query: Query,
        body: Vec<u8>,
        wait: Duration,
    ) -> Result<Response, Trouble> {
        let Query(query) = query.with_some("dc", self.datacenter.as_deref());
        let request = Request { method, target: format!("{path}{query}"), headers: self.headers.clone(), body };
        // An agent spreads waits by up to a sixteenth.
        let patience = PATIENCE + wait + wait / 16;
        let sent = round_trip(&self.endpoint, request, patience).await;
        judged(sent.map_err(|e| Trouble::Passing(format!("no answer from {self}: {e}")))?)
    }
}

/// An answer that is of use: 200, or 404 for what is not there.
fn judged(response: Response) -> Result<Response, Trouble> {
    match response.status {
        200 | 404 => Ok(response),
        500.. if String::from_utf8_lossy(&response.body).contains("invalid session") => Err(Trouble::SessionGone),
        429 | 500.. => Err(Trouble::Passing(unexpected(&response))),
        _ => Err(Trouble::Lasting(unexpected(&response))),
    }
}

/// Whether a write's answer says that it took effect.
pub(super) fn took_effect(response: &Response) -> bool {
    response.body.trim_ascii() == b"true"
}

#[cfg(test)]
mod tests {
    use super::{Trouble, judged};
    use crate::cli::http::Response;

    #[test]
    fn what_an_answer_means_depends_on_its_status_and_on_lost_sessions() {
        let answer =
            |status, body: &str| judged(Response { status, body: body.as_bytes().to_vec(), ..Response::default() }).map(|r| r.status);
        assert_eq!((answer(200, "true"), answer(404, "")), (Ok(200), Ok(404)));
        assert_eq!(answer(500, "raft apply failed: invalid session \"x\""), Err(Trouble::SessionGone));
        assert!(matches!(answer(500, "No cluster leader"), Err(Trouble::Passing(_))));
        assert!(matches!(answer(429, ""), Err(Trouble::Passing(_))));
        assert!(matches!(answer(403, "Permission denied"), Err(Trouble::Lasting(_))));
    }
}
