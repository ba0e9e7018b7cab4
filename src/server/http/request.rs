//! A request's way from its head to the endpoint that answers it.

use super::Shared;
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
use hyper::{Method, Request, StatusCode, Uri};
use std::net::IpAddr;

/// Answers a request of `client`.
pub(super) async fn answer<R: Runtime, B: Backend>(
    shared: &Shared<B>,
    activity: &Activity,
    client: IpAddr,
    request: Request<Incoming>,
) -> Reply {
    let began = R::now();
    if request.body().is_end_stream() {
        activity.enter(Phase::Answering, began);
    }
    let takes_gzip = finish::takes_gzip(request.headers());
    let mut reply = match route(shared, request.uri()) {
        Ok((at, segment)) => {
            let verb = Verb::parse(request.method());
            let reply = serve::<R, B>(shared, activity, client, at, &segment, request).await;
            if let Some(verb) = verb.filter(|verb| ROUTES[at].need(*verb).is_some()) {
                shared.telemetry.answered(at, verb, began, R::now());
            }
            reply
        }
        Err(reply) => reply,
    };
    if takes_gzip {
        reply = finish::compress::<R>(reply).await;
    }
    finish::add_headers(&mut reply, &shared.settings, shared.date.at(R::wall()));
    if activity.order() >= Order::Finish {
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    activity.enter(Phase::Idle, R::now());
    reply
}

/// The line of the table a path leads to, and what of the path is left; or the answer if it leads nowhere.
fn route<B>(shared: &Shared<B>, uri: &Uri) -> Result<(usize, Vec<u8>), Reply> {
    let raw = uri.path().as_bytes();
    let Some(unescaped) = path::unescape(raw) else { return Err(reply::empty(StatusCode::BAD_REQUEST)) };
    if !shared.settings.allow_unprintable && !path::is_printable(&unescaped) {
        return Err(reply::empty(StatusCode::BAD_REQUEST));
    }
    if let Some(clean) = path::cleaned(raw) {
        return Err(moved(&clean, uri.query()));
    }
    match find(&unescaped) {
        Way::Route(at) if shared.settings.is_blocked(&unescaped) => {
            debug_assert!(at < ROUTES.len());
            Err(reply::text(StatusCode::FORBIDDEN, "Endpoint is blocked by agent configuration"))
        }
        Way::Route(at) => Ok((at, unescaped[ROUTES[at].path.len()..].to_vec())),
        Way::Slash => Err(moved(&[raw, b"/"].concat(), uri.query())),
        Way::Nowhere => Err(reply::empty(StatusCode::NOT_FOUND)),
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
    activity: &Activity,
    client: IpAddr,
    at: usize,
    segment: &[u8],
    request: Request<Incoming>,
) -> Reply {
    let route = &ROUTES[at];
    if request.method() == Method::OPTIONS {
        return with_allow(reply::empty(StatusCode::OK), route);
    }
    let verb = Verb::parse(request.method());
    let Some((verb, need)) = verb.and_then(|verb| Some((verb, route.need(verb)?))) else {
        let text = format!("method {} not allowed", request.method());
        return with_allow(reply::text(StatusCode::METHOD_NOT_ALLOWED, text), route);
    };
    let (head, body) = request.into_parts();
    let params = head.uri.query().map(Params::parse).unwrap_or_default();
    let layout = if params.has("pretty") { Layout::Pretty } else { shared.settings.layout };
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
