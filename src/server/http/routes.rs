//! The one table of what is served: path, methods, the permission needed, and who answers.

use super::authorize::{Access, Need, Resource};

/// A request's method, of those anything is served for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Get,
    Put,
    Post,
    Delete,
}

impl Verb {
    pub(super) const ALL: [Verb; 4] = [Verb::Get, Verb::Put, Verb::Post, Verb::Delete];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Verb::Get => "GET",
            Verb::Put => "PUT",
            Verb::Post => "POST",
            Verb::Delete => "DELETE",
        }
    }

    pub(super) fn parse(method: &hyper::Method) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.as_str() == method.as_str())
    }
}

/// Who answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Root,
    Kv,
    LockVerify,
    Session(Session),
    Txn,
    StatusLeader,
    StatusPeers,
    AgentSelf,
    AgentMembers,
    AgentHost,
    AgentVersion,
    AgentMetrics,
    AgentMonitor,
    AgentJoin,
    AgentLeave,
    AgentForceLeave,
    AgentReload,
    AgentServices,
    AgentService,
    AgentServiceRegister,
    AgentServiceDeregister,
    AgentServiceMaintenance,
    AgentMaintenance,
    AgentChecks,
    AgentCheckRegister,
    AgentCheckDeregister,
    AgentCheckPass,
    AgentCheckWarn,
    AgentCheckFail,
    AgentCheckUpdate,
    AgentHealthById,
    AgentHealthByName,
    Catalog(Catalog),
    Health(Health),
    Ui(Ui),
    Coordinate(Coordinate),
    EventFire,
    EventList,
    EventQuery,
    /// Anything about ACLs.
    Acl,
    /// Anything that takes a service mesh.
    Mesh,
    ConfigEntries,
    RaftConfiguration,
    RaftPeer,
    RaftTransferLeader,
    AutopilotConfiguration,
    AutopilotHealth,
    AutopilotState,
    Snapshot,
    Queries,
    Query,
}

/// Who answers below `/v1/catalog/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Catalog {
    Register,
    Deregister,
    Datacenters,
    Nodes,
    Services,
    Service,
    Connect,
    Node,
    NodeServices,
    GatewayServices,
}

/// Who answers below `/v1/coordinate/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coordinate {
    Datacenters,
    Nodes,
    Node,
    Update,
}

/// Who answers below `/v1/health/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Node,
    Checks,
    State,
    Service,
    Connect,
    Ingress,
}

/// Who answers below `/v1/session/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    Create,
    Destroy,
    Info,
    List,
    Node,
    Renew,
}

/// Who answers below `/v1/internal/ui/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ui {
    Services,
    Nodes,
    Node,
}

/// A line of the table.
#[derive(Debug)]
pub(super) struct Route {
    /// The path. One that ends in `/` serves everything below it too.
    pub(super) path: &'static str,
    /// What it can be asked, and the permission each needs.
    pub(super) verbs: &'static [(Verb, Need)],
    /// Who answers.
    pub(super) endpoint: Endpoint,
}

impl Route {
    /// The `Allow` header.
    pub(super) fn allow(&self) -> String {
        let verbs: Vec<&str> = self.verbs.iter().map(|(verb, _)| verb.as_str()).collect();
        // Consul's handler of this path alone sorts methods out by itself.
        let options = if self.endpoint == Endpoint::Query { "" } else { "OPTIONS," };
        format!("{options}{}", verbs.join(","))
    }

    /// The permission `verb` needs; `None` if the route does not serve it.
    pub(super) fn need(&self, verb: Verb) -> Option<Need> {
        self.verbs.iter().find(|(served, _)| *served == verb).map(|(_, need)| *need)
    }
}

const OPEN: Need = Need { resource: Resource::Nothing, access: Access::Read };
const AGENT_READ: Need = Need { resource: Resource::Agent, access: Access::Read };
const AGENT_WRITE: Need = Need { resource: Resource::Agent, access: Access::Write };
const NODE_READ: Need = Need { resource: Resource::Node, access: Access::Read };
const SERVICE_READ: Need = Need { resource: Resource::Service, access: Access::Read };
const SERVICE_WRITE: Need = Need { resource: Resource::Service, access: Access::Write };
const NODE_WRITE: Need = Need { resource: Resource::Node, access: Access::Write };
const KEY_READ: Need = Need { resource: Resource::Key, access: Access::Read };
const KEY_WRITE: Need = Need { resource: Resource::Key, access: Access::Write };
const EVENT_READ: Need = Need { resource: Resource::Event, access: Access::Read };
const EVENT_WRITE: Need = Need { resource: Resource::Event, access: Access::Write };
const SESSION_READ: Need = Need { resource: Resource::Session, access: Access::Read };
const SESSION_WRITE: Need = Need { resource: Resource::Session, access: Access::Write };
const OPERATOR_READ: Need = Need { resource: Resource::Operator, access: Access::Read };
/// All there is, or whatever is put in its place.
const MANAGEMENT: Need = Need { resource: Resource::Acl, access: Access::Write };
const OPERATOR_WRITE: Need = Need { resource: Resource::Operator, access: Access::Write };

const fn route(path: &'static str, endpoint: Endpoint, verbs: &'static [(Verb, Need)]) -> Route {
    Route { path, verbs, endpoint }
}

/// What most things with an id can be asked.
const GET_PUT_DELETE: &[(Verb, Need)] = &[(Verb::Get, OPEN), (Verb::Put, OPEN), (Verb::Delete, OPEN)];

/// The table, sorted by path.
pub(super) static ROUTES: &[Route] = &[
    route("/", Endpoint::Root, &[(Verb::Get, OPEN)]),
    route("/v1/acl/auth-method", Endpoint::Acl, &[(Verb::Put, OPEN)]),
    route("/v1/acl/auth-method/", Endpoint::Acl, GET_PUT_DELETE),
    route("/v1/acl/auth-methods", Endpoint::Acl, &[(Verb::Get, OPEN)]),
    route("/v1/acl/binding-rule", Endpoint::Acl, &[(Verb::Put, OPEN)]),
    route("/v1/acl/binding-rule/", Endpoint::Acl, GET_PUT_DELETE),
    route("/v1/acl/binding-rules", Endpoint::Acl, &[(Verb::Get, OPEN)]),
    route("/v1/acl/bootstrap", Endpoint::Acl, &[(Verb::Put, OPEN)]),
    route("/v1/acl/login", Endpoint::Acl, &[(Verb::Post, OPEN)]),
    route("/v1/acl/logout", Endpoint::Acl, &[(Verb::Post, OPEN)]),
    route("/v1/acl/policies", Endpoint::Acl, &[(Verb::Get, OPEN)]),
    route("/v1/acl/policy", Endpoint::Acl, &[(Verb::Put, OPEN)]),
    route("/v1/acl/policy/", Endpoint::Acl, GET_PUT_DELETE),
    route("/v1/acl/replication", Endpoint::Acl, &[(Verb::Get, OPEN)]),
    route("/v1/acl/role", Endpoint::Acl, &[(Verb::Put, OPEN)]),
    route("/v1/acl/role/", Endpoint::Acl, GET_PUT_DELETE),
    route("/v1/acl/roles", Endpoint::Acl, &[(Verb::Get, OPEN)]),
    route("/v1/acl/templated-policies", Endpoint::Acl, &[(Verb::Get, OPEN)]),
    route("/v1/acl/templated-policy/name/", Endpoint::Acl, &[(Verb::Get, OPEN)]),
    route("/v1/acl/templated-policy/preview/", Endpoint::Acl, &[(Verb::Post, OPEN)]),
    route("/v1/acl/token", Endpoint::Acl, &[(Verb::Put, OPEN)]),
    route("/v1/acl/token/", Endpoint::Acl, GET_PUT_DELETE),
    route("/v1/acl/tokens", Endpoint::Acl, &[(Verb::Get, OPEN)]),
    route("/v1/agent/check/deregister/", Endpoint::AgentCheckDeregister, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/check/fail/", Endpoint::AgentCheckFail, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/check/pass/", Endpoint::AgentCheckPass, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/check/register", Endpoint::AgentCheckRegister, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/check/update/", Endpoint::AgentCheckUpdate, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/check/warn/", Endpoint::AgentCheckWarn, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/checks", Endpoint::AgentChecks, &[(Verb::Get, NODE_READ)]),
    route("/v1/agent/connect/authorize", Endpoint::Mesh, &[(Verb::Post, SERVICE_READ)]),
    route("/v1/agent/connect/ca/leaf/", Endpoint::Mesh, &[(Verb::Get, SERVICE_WRITE)]),
    route("/v1/agent/connect/ca/roots", Endpoint::Mesh, &[(Verb::Get, OPEN)]),
    route("/v1/agent/force-leave/", Endpoint::AgentForceLeave, &[(Verb::Put, OPERATOR_WRITE)]),
    route("/v1/agent/health/service/id/", Endpoint::AgentHealthById, &[(Verb::Get, SERVICE_READ)]),
    route("/v1/agent/health/service/name/", Endpoint::AgentHealthByName, &[(Verb::Get, SERVICE_READ)]),
    route("/v1/agent/host", Endpoint::AgentHost, &[(Verb::Get, OPERATOR_READ)]),
    route("/v1/agent/join/", Endpoint::AgentJoin, &[(Verb::Put, AGENT_WRITE)]),
    route("/v1/agent/leave", Endpoint::AgentLeave, &[(Verb::Put, AGENT_WRITE)]),
    route("/v1/agent/maintenance", Endpoint::AgentMaintenance, &[(Verb::Put, NODE_WRITE)]),
    route("/v1/agent/members", Endpoint::AgentMembers, &[(Verb::Get, NODE_READ)]),
    route("/v1/agent/metrics", Endpoint::AgentMetrics, &[(Verb::Get, AGENT_READ)]),
    route("/v1/agent/monitor", Endpoint::AgentMonitor, &[(Verb::Get, AGENT_READ)]),
    route("/v1/agent/reload", Endpoint::AgentReload, &[(Verb::Put, AGENT_WRITE)]),
    route("/v1/agent/self", Endpoint::AgentSelf, &[(Verb::Get, AGENT_READ)]),
    route("/v1/agent/service/", Endpoint::AgentService, &[(Verb::Get, SERVICE_READ)]),
    route("/v1/agent/service/deregister/", Endpoint::AgentServiceDeregister, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/service/maintenance/", Endpoint::AgentServiceMaintenance, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/service/register", Endpoint::AgentServiceRegister, &[(Verb::Put, SERVICE_WRITE)]),
    route("/v1/agent/services", Endpoint::AgentServices, &[(Verb::Get, SERVICE_READ)]),
    route("/v1/agent/token/", Endpoint::Acl, &[(Verb::Put, AGENT_WRITE)]),
    route("/v1/agent/version", Endpoint::AgentVersion, &[(Verb::Get, AGENT_READ)]),
    route("/v1/catalog/connect/", Endpoint::Catalog(Catalog::Connect), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/catalog/datacenters", Endpoint::Catalog(Catalog::Datacenters), &[(Verb::Get, OPEN)]),
    route("/v1/catalog/deregister", Endpoint::Catalog(Catalog::Deregister), &[(Verb::Put, NODE_WRITE)]),
    route("/v1/catalog/gateway-services/", Endpoint::Catalog(Catalog::GatewayServices), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/catalog/node-services/", Endpoint::Catalog(Catalog::NodeServices), &[(Verb::Get, NODE_READ)]),
    route("/v1/catalog/node/", Endpoint::Catalog(Catalog::Node), &[(Verb::Get, NODE_READ)]),
    route("/v1/catalog/nodes", Endpoint::Catalog(Catalog::Nodes), &[(Verb::Get, NODE_READ)]),
    route("/v1/catalog/register", Endpoint::Catalog(Catalog::Register), &[(Verb::Put, NODE_WRITE)]),
    route("/v1/catalog/service/", Endpoint::Catalog(Catalog::Service), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/catalog/services", Endpoint::Catalog(Catalog::Services), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/config", Endpoint::ConfigEntries, &[(Verb::Put, OPERATOR_WRITE)]),
    route("/v1/config/", Endpoint::ConfigEntries, &[(Verb::Get, SERVICE_READ), (Verb::Delete, OPERATOR_WRITE)]),
    route("/v1/connect/ca/configuration", Endpoint::Mesh, &[(Verb::Get, OPERATOR_READ), (Verb::Put, OPERATOR_WRITE)]),
    route("/v1/connect/ca/roots", Endpoint::Mesh, &[(Verb::Get, OPEN)]),
    route("/v1/connect/intentions", Endpoint::Mesh, &[(Verb::Get, SERVICE_READ), (Verb::Post, SERVICE_WRITE)]),
    route(
        "/v1/connect/intentions/",
        Endpoint::Mesh,
        &[(Verb::Get, SERVICE_READ), (Verb::Put, SERVICE_WRITE), (Verb::Delete, SERVICE_WRITE)],
    ),
    route("/v1/coordinate/datacenters", Endpoint::Coordinate(Coordinate::Datacenters), &[(Verb::Get, OPEN)]),
    route("/v1/coordinate/node/", Endpoint::Coordinate(Coordinate::Node), &[(Verb::Get, NODE_READ)]),
    route("/v1/coordinate/nodes", Endpoint::Coordinate(Coordinate::Nodes), &[(Verb::Get, NODE_READ)]),
    route("/v1/coordinate/update", Endpoint::Coordinate(Coordinate::Update), &[(Verb::Put, NODE_WRITE)]),
    route("/v1/discovery-chain/", Endpoint::Mesh, &[(Verb::Get, SERVICE_READ), (Verb::Post, SERVICE_READ)]),
    route("/v1/event/fire/", Endpoint::EventFire, &[(Verb::Put, EVENT_WRITE)]),
    route("/v1/event/list", Endpoint::EventList, &[(Verb::Get, EVENT_READ)]),
    route("/v1/event/query/", Endpoint::EventQuery, &[(Verb::Put, EVENT_WRITE)]),
    route("/v1/health/checks/", Endpoint::Health(Health::Checks), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/health/connect/", Endpoint::Health(Health::Connect), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/health/ingress/", Endpoint::Health(Health::Ingress), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/health/node/", Endpoint::Health(Health::Node), &[(Verb::Get, NODE_READ)]),
    route("/v1/health/service/", Endpoint::Health(Health::Service), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/health/state/", Endpoint::Health(Health::State), &[(Verb::Get, NODE_READ)]),
    route("/v1/internal/acl/authorize", Endpoint::Acl, &[(Verb::Post, OPEN)]),
    route("/v1/internal/ui/node/", Endpoint::Ui(Ui::Node), &[(Verb::Get, NODE_READ)]),
    route("/v1/internal/ui/nodes", Endpoint::Ui(Ui::Nodes), &[(Verb::Get, NODE_READ)]),
    route("/v1/internal/ui/services", Endpoint::Ui(Ui::Services), &[(Verb::Get, SERVICE_READ)]),
    route("/v1/kv/", Endpoint::Kv, &[(Verb::Get, KEY_READ), (Verb::Put, KEY_WRITE), (Verb::Delete, KEY_WRITE)]),
    route("/v1/lock/verify", Endpoint::LockVerify, &[(Verb::Get, KEY_READ)]),
    route(
        "/v1/operator/autopilot/configuration",
        Endpoint::AutopilotConfiguration,
        &[(Verb::Get, OPERATOR_READ), (Verb::Put, OPERATOR_WRITE)],
    ),
    route("/v1/operator/autopilot/health", Endpoint::AutopilotHealth, &[(Verb::Get, OPERATOR_READ)]),
    route("/v1/operator/autopilot/state", Endpoint::AutopilotState, &[(Verb::Get, OPERATOR_READ)]),
    route("/v1/operator/raft/configuration", Endpoint::RaftConfiguration, &[(Verb::Get, OPERATOR_READ)]),
    route("/v1/operator/raft/peer", Endpoint::RaftPeer, &[(Verb::Delete, OPERATOR_WRITE)]),
    route("/v1/operator/raft/transfer-leader", Endpoint::RaftTransferLeader, &[(Verb::Post, OPERATOR_WRITE)]),
    route("/v1/query", Endpoint::Queries, &[(Verb::Get, OPEN), (Verb::Post, OPEN)]),
    route("/v1/query/", Endpoint::Query, GET_PUT_DELETE),
    route("/v1/session/create", Endpoint::Session(Session::Create), &[(Verb::Put, SESSION_WRITE)]),
    route("/v1/session/destroy/", Endpoint::Session(Session::Destroy), &[(Verb::Put, SESSION_WRITE)]),
    route("/v1/session/info/", Endpoint::Session(Session::Info), &[(Verb::Get, SESSION_READ)]),
    route("/v1/session/list", Endpoint::Session(Session::List), &[(Verb::Get, SESSION_READ)]),
    route("/v1/session/node/", Endpoint::Session(Session::Node), &[(Verb::Get, SESSION_READ)]),
    route("/v1/session/renew/", Endpoint::Session(Session::Renew), &[(Verb::Put, SESSION_WRITE)]),
    route("/v1/snapshot", Endpoint::Snapshot, &[(Verb::Get, MANAGEMENT), (Verb::Put, MANAGEMENT)]),
    route("/v1/status/leader", Endpoint::StatusLeader, &[(Verb::Get, OPEN)]),
    route("/v1/status/peers", Endpoint::StatusPeers, &[(Verb::Get, OPEN)]),
    route("/v1/txn", Endpoint::Txn, &[(Verb::Put, OPEN)]),
];

/// Where a path leads, as in Go's `ServeMux`.
#[derive(Debug)]
pub(super) enum Way {
    /// To this line of the table.
    Route(usize),
    /// To the same path with a slash behind it.
    Slash,
    /// Nowhere.
    Nowhere,
}

/// Finds the way of a path that is clean and unescaped: the line that is it, else the line that is it with a slash, else the longest that it is below.
pub(super) fn find(path: &[u8]) -> Way {
    let behind = ROUTES.partition_point(|route| route.path.as_bytes() <= path);
    if let Some(at) = behind.checked_sub(1).filter(|at| ROUTES[*at].path.as_bytes() == path) {
        return Way::Route(at);
    }
    let slashed = |route: &Route| route.path.as_bytes().strip_suffix(b"/") == Some(path);
    if ROUTES[behind..].iter().take_while(|route| route.path.as_bytes().starts_with(path)).any(slashed) {
        return Way::Slash;
    }
    // The root serves itself alone.
    let covers = |route: &Route| route.path.len() > 1 && route.path.ends_with('/') && path.starts_with(route.path.as_bytes());
    // Only a line that sorts before the path can be its prefix, and of several prefixes the longest sorts last.
    ROUTES[..behind].iter().rposition(covers).map_or(Way::Nowhere, Way::Route)
}

#[cfg(test)]
mod tests {
    use super::{Endpoint, ROUTES, Way, find};
    use crate::api::kv;
    use crate::api::params::Params;
    use crate::api::path::{cleaned, is_printable, unescape};
    use crate::api::read::ReadOptions;

    #[test]
    fn the_table_is_sorted() {
        assert!(ROUTES.is_sorted_by(|one, other| one.path < other.path));
    }

    #[test]
    fn of_two_lines_that_cover_a_path_the_longer_serves_it() {
        for (path, endpoint) in [
            ("/v1/agent/service/web", Endpoint::AgentService),
            ("/v1/agent/service/registers", Endpoint::AgentService),
            ("/v1/agent/service/register", Endpoint::AgentServiceRegister),
            ("/v1/agent/service/register/x", Endpoint::AgentService),
            ("/v1/agent/service/deregister/web", Endpoint::AgentServiceDeregister),
            ("/v1/agent/services", Endpoint::AgentServices),
        ] {
            assert!(matches!(find(path.as_bytes()), Way::Route(at) if ROUTES[at].endpoint == endpoint), "{path}");
        }
        assert!(matches!(find(b"/v1/agent/service/deregister"), Way::Slash));
    }

    #[test]
    fn paths_lead_where_gos_mux_leads_them() {
        let of = |path: &str| match find(path.as_bytes()) {
            Way::Route(at) => Some(ROUTES[at].endpoint),
            Way::Slash | Way::Nowhere => None,
        };
        assert_eq!(of("/"), Some(Endpoint::Root));
        assert_eq!(of("/v1/kv/"), Some(Endpoint::Kv));
        assert_eq!(of("/v1/kv/a/b"), Some(Endpoint::Kv));
        assert_eq!(of("/v1/status/leader"), Some(Endpoint::StatusLeader));
        assert_eq!(of("/v1/agent/join/10.0.0.1"), Some(Endpoint::AgentJoin));
        for path in ["/v1/status/leader/", "/v1/status/leaderx", "/v1/kvx", "/v2/kv/x", "/nope", "/v1", "/zzz", ""] {
            assert_eq!(of(path), None, "{path}");
        }
        assert!(matches!(find(b"/v1/kv"), Way::Slash) && matches!(find(b"/v1/k"), Way::Nowhere));
    }

    #[test]
    fn the_allow_header_lists_options_first() {
        let Way::Route(kv) = find(b"/v1/kv/a") else { panic!("kv is served") };
        assert_eq!(ROUTES[kv].allow(), "OPTIONS,GET,PUT,DELETE");
    }

    proptest::proptest! {
        /// Every target a request line can carry is read, by whichever endpoint, without a panic.
        #[test]
        fn no_target_makes_reading_it_panic(path in "(/v1/kv/|/v1/|/)?[ -~\u{e9}]{0,20}(%[0-9a-fz]{2}){0,3}", query in "((keys|cas|flags|index|wait|max_stale|separator|stale|%)?[=&]?[ -~]{0,6}&?){0,4}") {
            let (Some(path), raw) = (unescape(path.as_bytes()), path.as_bytes()) else { return Ok(()) };
            let (_, _, way) = (cleaned(raw), is_printable(&path), find(&path));
            let params = Params::parse(&query);
            _ = (ReadOptions::parse(&params), kv::lookup(&path, &params), kv::put(&path, &params), kv::delete(&path, &params));
            if let Way::Route(at) = way {
                assert!(path.starts_with(ROUTES[at].path.as_bytes()));
            }
        }
    }
}
