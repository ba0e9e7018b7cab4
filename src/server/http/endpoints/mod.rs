//! Who answers what.

mod absent;
mod agent;
mod catalog;
mod coordinate;
mod event;
mod health;
mod history;
mod kv;
mod local;
mod lock;
mod metrics;
mod operator;
mod query;
mod registration;
mod rows;
mod session;
mod snapshot;
mod status;
mod txn;
mod ui;

use super::backend::{Answered, Backend, RequestError};
use super::reply::{self, Reply};
use super::routes::{Endpoint, Verb};
use super::settings::Settings;
use super::telemetry::Telemetry;
use super::{Connections, body};
use crate::agent::query::{Query, ReadOptions};
use crate::api::ApiError;
use crate::api::json::Layout;
use crate::api::limit::BodyLimit;
use crate::api::params::Params;
use crate::api::read::{CacheControl, check_namespace};
use crate::model::CheckStatus;
use crate::runtime::Runtime;
use crate::server::connections::{Activity, Order, Phase};
use hyper::body::Incoming;
use hyper::header::CACHE_CONTROL;
use hyper::{HeaderMap, StatusCode};
use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

/// The longest JSON body of a request. A later route that needs more says so.
const MOST_JSON: BodyLimit = BodyLimit::fixed(64 * 1_024);

/// One request and what there is to answer it with.
pub(super) struct Call<'a, B> {
    pub(super) backend: &'a B,
    pub(super) settings: &'a Settings,
    pub(super) telemetry: &'a Telemetry,
    pub(super) connections: &'a Connections,
    pub(super) activity: &'a Arc<Activity>,
    pub(super) verb: Verb,
    pub(super) headers: &'a HeaderMap,
    pub(super) params: &'a Params<'a>,
    /// What follows the route's path, unescaped.
    pub(super) segment: &'a [u8],
    pub(super) layout: Layout,
    /// Who asks.
    pub(super) peer: IpAddr,
}

/// Answers a request of `endpoint`.
pub(super) async fn answer<R: Runtime, B: Backend>(endpoint: Endpoint, call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    match endpoint {
        // The busiest one is not boxed.
        Endpoint::Kv => kv::answer::<R, B>(call, body).await,
        // A request that waits keeps its box for as long: these have boxes of their own, which hold nothing of the others.
        Endpoint::Catalog(one) => Box::pin(catalog::answer::<R, B>(one, call, body)).await,
        Endpoint::Health(one) => Box::pin(health::answer::<R, B>(one, call)).await,
        other => Box::pin(answer_other::<R, B>(other, call, body)).await,
    }
}

async fn answer_other<R: Runtime, B: Backend>(endpoint: Endpoint, call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    match endpoint {
        Endpoint::Kv => kv::answer::<R, B>(call, body).await,
        Endpoint::LockVerify => lock::verify(call).await,
        Endpoint::Session(one) => session::answer::<R, B>(one, call, body).await,
        Endpoint::Txn => txn::answer::<R, B>(call, body).await,
        Endpoint::Root => Ok(reply::text(StatusCode::OK, "Consul Agent")),
        Endpoint::StatusLeader => status::leader(call).await,
        Endpoint::StatusPeers => status::peers(call).await,
        Endpoint::AgentSelf => agent::itself(call).await,
        Endpoint::AgentMembers => agent::members(call).await,
        Endpoint::AgentHost => agent::host(call).await,
        Endpoint::AgentVersion => Ok(reply::json(call.layout, &call.backend.version())),
        Endpoint::AgentMonitor => agent::monitor::<R, B>(call),
        Endpoint::AgentMetrics => metrics::answer::<R, B>(call),
        Endpoint::AgentJoin => agent::join(call).await,
        Endpoint::AgentLeave => agent::leave(call).await,
        Endpoint::AgentForceLeave => agent::force_leave(call).await,
        Endpoint::AgentReload => agent::reload(call).await,
        Endpoint::AgentServices => local::services(call),
        Endpoint::AgentService => local::service::<R, B>(call).await,
        Endpoint::AgentServiceRegister => registration::register_service::<R, B>(call, body).await,
        Endpoint::AgentServiceDeregister => registration::deregister_service(call).await,
        Endpoint::AgentServiceMaintenance => registration::service_maintenance(call).await,
        Endpoint::AgentMaintenance => registration::node_maintenance(call).await,
        Endpoint::AgentChecks => local::checks(call),
        Endpoint::AgentCheckRegister => registration::register_check::<R, B>(call, body).await,
        Endpoint::AgentCheckDeregister => registration::deregister_check(call).await,
        Endpoint::AgentCheckPass => registration::told(call, CheckStatus::Passing).await,
        Endpoint::AgentCheckWarn => registration::told(call, CheckStatus::Warning).await,
        Endpoint::AgentCheckFail => registration::told(call, CheckStatus::Critical).await,
        Endpoint::AgentCheckUpdate => registration::update::<R, B>(call, body).await,
        Endpoint::AgentHealthById => local::health_by_id(call),
        Endpoint::AgentHealthByName => local::health_by_name(call),
        Endpoint::Catalog(one) => Box::pin(catalog::answer::<R, B>(one, call, body)).await,
        Endpoint::Health(one) => Box::pin(health::answer::<R, B>(one, call)).await,
        Endpoint::Ui(one) => ui::answer::<R, B>(one, call).await,
        Endpoint::Coordinate(one) => coordinate::answer::<R, B>(one, call, body).await,
        Endpoint::EventFire => event::fire::<R, B>(call, body).await,
        Endpoint::EventList => event::list::<R, B>(call).await,
        Endpoint::EventQuery => event::query::<R, B>(call, body).await,
        Endpoint::Queries => Box::pin(query::all::<R, B>(call, body)).await,
        Endpoint::Query => Box::pin(query::one::<R, B>(call, body)).await,
        Endpoint::Snapshot => snapshot::answer::<R, B>(call, body).await,
        Endpoint::Acl => absent::acl(),
        Endpoint::Mesh => absent::mesh(),
        Endpoint::ConfigEntries => absent::config_entries(call),
        Endpoint::RaftConfiguration => operator::raft_configuration(call).await,
        Endpoint::RaftPeer => operator::remove_peer(call).await,
        Endpoint::RaftTransferLeader => operator::transfer_leader(call).await,
        Endpoint::AutopilotConfiguration => match call.verb {
            Verb::Get => operator::autopilot_configuration(call).await,
            Verb::Put | Verb::Post | Verb::Delete => operator::set_autopilot::<R, B>(call, body).await,
        },
        Endpoint::AutopilotHealth => operator::autopilot_health(call).await,
        Endpoint::AutopilotState => operator::autopilot_state(call).await,
    }
}

impl<B: Backend> Call<'_, B> {
    /// The options of a read.
    fn read_options(&self) -> Result<ReadOptions, ApiError> {
        self.check_namespace()?;
        let mut options = ReadOptions::parse(self.params)?;
        if let Some(header) = self.headers.get(CACHE_CONTROL).and_then(|value| value.to_str().ok()) {
            let control = CacheControl::parse(header)?;
            options.cached = options.cached.map(|_| control);
        }
        Ok(options)
    }

    fn check_namespace(&self) -> Result<(), ApiError> {
        let header = self.headers.get("x-consul-namespace").and_then(|value| value.to_str().ok());
        check_namespace(self.params, header)
    }

    /// The address of the client: what the first proxy on the way says it is, else the connection's.
    fn client(&self) -> IpAddr {
        let forwarded = self.headers.get("x-forwarded-for").and_then(|value| value.to_str().ok());
        let first = forwarded.and_then(|list| list.split(',').next()).and_then(|first| first.trim().parse().ok());
        first.unwrap_or(self.peer)
    }

    /// The datacenter the request names.
    fn dc(&self) -> Option<String> {
        crate::api::read::datacenter(self.params)
    }

    /// The segment as text.
    fn name(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.segment)
    }

    /// Asks the backend. A query that waits ends with what there is when the server is told to finish.
    async fn read(&self, query: Query, options: ReadOptions) -> Result<Answered, RequestError> {
        if options.min_index == 0 {
            return self.backend.read(query, options).await;
        }
        let mut waiting = Box::pin(self.backend.read(query.clone(), options.clone()));
        let answered = tokio::select! {
            biased;
            answered = &mut waiting => Some(answered),
            () = self.activity.ordered(Order::Finish) => None,
        };
        match answered {
            Some(answered) => answered,
            None => Box::pin(self.backend.read(query, ReadOptions { min_index: 0, ..options })).await,
        }
    }

    /// Reads the request's body within `limit`. The answer's time begins when it is there.
    async fn body<R: Runtime>(&self, incoming: Incoming, limit: BodyLimit) -> Result<Vec<u8>, ApiError> {
        let collected = body::collect::<R>(incoming, self.headers, limit).await;
        self.activity.enter(Phase::Answering, R::now());
        collected
    }
}
