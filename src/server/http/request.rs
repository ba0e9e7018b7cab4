//! A request's way from its head to the endpoint that answers it.

use super::Shared;
use super::answer::AnswerBody;
use super::authorize::{authorize, token};
use super::backend::Backend;
use super::connections::{Activity, Order, Phase};
use super::endpoints::{self, Call};
use super::finish;
use super::reply::{self, Reply};
use super::routes::{ROUTES, Route, Verb, Way, find};
use crate::api::ApiError;
use crate::api::json::Layout;
use crate::api::params::Params;
use crate::api::path;
use crate::runtime::Runtime;
use hyper::body::{Body, Incoming};
use hyper::header::{ALLOW, CONNECTION, HeaderValue, LOCATION};
use hyper::http::request::Parts;
use hyper::{Method, Request, StatusCode, Uri};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// Answers a request of `client`.
pub(super) async fn answer<R: Runtime, B: Backend>(
    shared: &Shared<B>,
    activity: &Arc<Activity>,
    client: IpAddr,
    request: Request<Incoming>,
) -> Reply {
    let began = R::now();
    if request.body().is_end_stream() {
        activity.enter(Phase::Answering, began);
    }
    let (head, body) = request.into_parts();
    let head = if may_wait(&head.uri) { of_its_own(head) } else { head };
    let mut reply = match way(shared, &head.uri) {
        Leads::To { route, path } => {
            let reply = serve::<R, B>(shared, activity, client, route, &path, &head, body).await;
            if let Some(verb) = Verb::parse(&head.method).filter(|verb| ROUTES[route].need(*verb).is_some()) {
                shared.telemetry.answered(route, verb, began, R::now());
            }
            reply
        }
        Leads::Blocked => reply::text(StatusCode::FORBIDDEN, "Endpoint is blocked by agent configuration"),
        Leads::Elsewhere(path) => moved(&path, head.uri.query()),
        Leads::Nowhere => reply::empty(StatusCode::NOT_FOUND),
        Leads::Malformed => reply::empty(StatusCode::BAD_REQUEST),
    };
    if finish::takes_gzip(&head.headers) {
        reply = finish::compress::<R>(reply).await;
    }
    let ended = R::now();
    finish::add_headers(&mut reply, &shared.settings, shared.date.at(R::wall()));
    if activity.order() >= Order::Finish {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    match reply.body() {
        AnswerBody::Whole(_) => activity.enter(Phase::Idle, ended),
        // It is being answered until its last line is sent.
        AnswerBody::Stream(_) => {}
    }
    reply
}

/// Whether a request may wait for long before it is answered.
fn may_wait(uri: &Uri) -> bool {
    uri.query().is_some_and(|query| query.contains("index=") || query.contains("hash="))
}

/// The same head in memory of its own: as it arrives it keeps the whole buffer that it came in.
fn of_its_own(head: Parts) -> Parts {
    let (mut copy, ()) = Request::new(()).into_parts();
    (copy.method, copy.version) = (head.method.clone(), head.version);
    let Ok(uri) = Uri::try_from(head.uri.to_string()) else { return head };
    copy.uri = uri;
    copy.headers.reserve(head.headers.len());
    for (name, value) in &head.headers {
        let Ok(mut value_copy) = HeaderValue::from_bytes(value.as_bytes()) else { return head };
        value_copy.set_sensitive(value.is_sensitive());
        copy.headers.append(name.clone(), value_copy);
    }
    copy
}

/// Where a request's path leads.
enum Leads<'a> {
    /// To a line of the table, with the path unescaped.
    To { route: usize, path: Cow<'a, [u8]> },
    /// To one the operator turned off.
    Blocked,
    /// To a line of the table if it is spelt like this.
    Elsewhere(Vec<u8>),
    /// Nowhere.
    Nowhere,
    /// It is badly escaped, or cannot be printed.
    Malformed,
}

fn way<'a, B>(shared: &Shared<B>, uri: &'a Uri) -> Leads<'a> {
    let raw = uri.path().as_bytes();
    let Some(path) = path::unescape(raw) else { return Leads::Malformed };
    if !shared.settings.allow_unprintable && !path::is_printable(&path) {
        return Leads::Malformed;
    }
    if let Some(clean) = path::cleaned(raw) {
        return Leads::Elsewhere(clean);
    }
    match find(&path) {
        Way::Route(_) if shared.settings.is_blocked(&path) => Leads::Blocked,
        Way::Route(route) => Leads::To { route, path },
        Way::Slash => Leads::Elsewhere([raw, b"/"].concat()),
        Way::Nowhere => Leads::Nowhere,
    }
}

fn moved(path: &[u8], query: Option<&str>) -> Reply {
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    let mut reply = reply::empty(StatusCode::MOVED_PERMANENTLY);
    // Both came in a request line, so they are fit for a header.
    if let Ok(location) = HeaderValue::from_bytes(&[path, query.as_bytes()].concat()) {
        reply.headers_mut().insert(LOCATION, location);
    }
    reply
}

async fn serve<R: Runtime, B: Backend>(
    shared: &Shared<B>,
    activity: &Arc<Activity>,
    client: IpAddr,
    at: usize,
    path: &[u8],
    head: &Parts,
    body: Incoming,
) -> Reply {
    let route = &ROUTES[at];
    if head.method == Method::OPTIONS {
        return with_allow(reply::empty(StatusCode::OK), route);
    }
    let verb = Verb::parse(&head.method);
    let Some((verb, need)) = verb.and_then(|verb| Some((verb, route.need(verb)?))) else {
        let text = format!("method {} not allowed", head.method);
        return with_allow(reply::text(StatusCode::METHOD_NOT_ALLOWED, text), route);
    };
    let params = head.uri.query().map(Params::parse).unwrap_or_default();
    let layout = if params.has("pretty") { Layout::Pretty } else { shared.settings.layout };
    let segment = &path[route.path.len()..];
    let call = Call {
        backend: &shared.backend,
        settings: &shared.settings,
        telemetry: &shared.telemetry,
        connections: &shared.connections,
        activity,
        verb,
        headers: &head.headers,
        params: &params,
        segment,
        layout,
        peer: client,
    };
    let admitted = permit(&call, client).and_then(|()| authorize(token(&params, &head.headers), need, segment));
    match admitted {
        Ok(()) => endpoints::answer::<R, B>(route.endpoint, &call, body).await.unwrap_or_else(reply::refusal),
        Err(error) => reply::refusal(error),
    }
}

/// Refuses a write from a network that may not.
fn permit<B>(call: &Call<'_, B>, client: IpAddr) -> Result<(), ApiError> {
    match call.verb {
        Verb::Get => Ok(()),
        Verb::Put | Verb::Post | Verb::Delete if call.settings.may_write(client) => Ok(()),
        Verb::Put | Verb::Post | Verb::Delete => Err(ApiError::new(403, "Access is restricted")),
    }
}

fn with_allow(mut reply: Reply, route: &Route) -> Reply {
    let allow = HeaderValue::from_str(&route.allow()).expect("names of methods are ASCII");
    reply.headers_mut().insert(ALLOW, allow);
    reply
}

#[cfg(test)]
mod tests {
    use super::super::Shared;
    use super::answer;
    use crate::runtime::tokio::Tokio;
    use crate::server::Agent;
    use crate::server::http::connections::Activity;
    use hyper::Request;
    use hyper::body::Incoming;
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;

    /// The size of the future that `make` makes, which is never made.
    fn size<F: Future>(_make: impl FnOnce(&'static Shared<Agent<Tokio>>, &'static Arc<Activity>, Request<Incoming>) -> F) -> usize {
        size_of::<F>()
    }

    #[test]
    fn a_connection_holds_little_for_the_request_it_answers() {
        let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let answering = size(|shared, activity, request| answer::<Tokio, _>(shared, activity, client, request));
        assert!(answering < 6_144, "{answering} bytes for each connection");
    }
}
