//! The fields of definitions: Go's names as clients send them, the names in files, and what else is taken.
//!
//! Names of ours, which Consul has not: `Postgres`, `Redis`, `MySQL`, `DNS`, `SMTP`, `HTTPBody`, `HTTPStatus`, `All`, `Any`.

use super::fields::{Field, Shape, aliased, field};

pub(super) static SERVICE: Shape = Shape { name: "ServiceDefinition", fields: &[SERVICE_FIELDS, ENTERPRISE_FIELDS] };

const SERVICE_FIELDS: &[Field] = &[
    field("ID", "id"),
    field("Name", "name"),
    field("Tags", "tags"),
    field("Port", "port"),
    field("Address", "address"),
    field("SocketPath", "socket_path"),
    aliased("TaggedAddresses", "tagged_addresses", &["tagged_addresses"]),
    field("Meta", "meta"),
    field("Weights", "weights"),
    aliased("EnableTagOverride", "enable_tag_override", &["enable_tag_override"]),
    field("Check", "check"),
    field("Checks", "checks"),
    field("Kind", "kind"),
    field("Proxy", "proxy"),
    field("Connect", "connect"),
    field("Token", "token"),
    field("Locality", "locality"),
    field("Ports", "ports"),
];

/// What only Enterprise has; `default` and nothing are taken.
const ENTERPRISE_FIELDS: &[Field] = &[field("Namespace", "namespace"), field("Partition", "partition")];

pub(super) static WEIGHTS: Shape = Shape { name: "Weights", fields: &[&[field("Passing", "passing"), field("Warning", "warning")]] };

pub(super) static ADDRESS: Shape = Shape { name: "ServiceAddress", fields: &[&[field("Address", "address"), field("Port", "port")]] };

pub(super) static CONNECT: Shape = Shape {
    name: "ServiceConnect",
    fields: &[&[field("Native", "native"), aliased("SidecarService", "sidecar_service", &["sidecar_service"])]],
};

/// A check inside a service.
pub(super) static CHECK_OF_SERVICE: Shape = Shape {
    name: "CheckType",
    fields: &[&[field("CheckID", "id"), field("ProxyHTTP", "proxy_http"), field("ProxyGRPC", "proxy_grpc")], CHECK_FIELDS, PROBE_FIELDS],
};

/// A check inside a service in a file, whose id may be called either.
pub(super) static CHECK_OF_SERVICE_IN_FILE: Shape =
    Shape { name: "CheckType", fields: &[&[aliased("CheckID", "id", &["check_id", "checkid"])], CHECK_FIELDS, PROBE_FIELDS] };

/// A check of its own.
pub(super) static CHECK: Shape = Shape {
    name: "CheckDefinition",
    fields: &[
        &[field("ID", "id"), aliased("ServiceID", "service_id", &["service_id"]), field("Token", "token")],
        CHECK_FIELDS,
        PROBE_FIELDS,
        ENTERPRISE_FIELDS,
    ],
};

/// A branch of a tree.
pub(super) static BRANCH: Shape = Shape { name: "CheckType", fields: &[CHECK_FIELDS, PROBE_FIELDS] };

const CHECK_FIELDS: &[Field] = &[
    field("Name", "name"),
    field("Notes", "notes"),
    field("Status", "status"),
    field("Interval", "interval"),
    field("Timeout", "timeout"),
    field("SuccessBeforePassing", "success_before_passing"),
    field("FailuresBeforeWarning", "failures_before_warning"),
    field("FailuresBeforeCritical", "failures_before_critical"),
    aliased("DeregisterCriticalServiceAfter", "deregister_critical_service_after", &["deregister_critical_service_after"]),
    field("OutputMaxSize", "output_max_size"),
];

const PROBE_FIELDS: &[Field] = &[
    field("TTL", "ttl"),
    aliased("ScriptArgs", "args", &["args", "script_args", "scriptargs"]),
    aliased("DockerContainerID", "docker_container_id", &["docker_container_id"]),
    field("Shell", "shell"),
    field("HTTP", "http"),
    field("Method", "method"),
    field("Header", "header"),
    field("Body", "body"),
    aliased("DisableRedirects", "disable_redirects", &["disable_redirects"]),
    field("HTTPBody", "http_body"),
    field("HTTPStatus", "http_status"),
    field("TCP", "tcp"),
    aliased("TCPUseTLS", "tcp_use_tls", &["tcp_use_tls"]),
    field("UDP", "udp"),
    field("GRPC", "grpc"),
    aliased("GRPCUseTLS", "grpc_use_tls", &["grpc_use_tls"]),
    field("H2PING", "h2ping"),
    aliased("H2PingUseTLS", "h2ping_use_tls", &["h2ping_use_tls"]),
    aliased("TLSServerName", "tls_server_name", &["tls_server_name"]),
    aliased("TLSSkipVerify", "tls_skip_verify", &["tls_skip_verify"]),
    aliased("AliasNode", "alias_node", &["alias_node"]),
    aliased("AliasService", "alias_service", &["alias_service"]),
    aliased("OSService", "os_service", &["os_service"]),
    field("Postgres", "postgres"),
    field("Redis", "redis"),
    field("MySQL", "mysql"),
    field("DNS", "dns"),
    field("SMTP", "smtp"),
    field("All", "all"),
    field("Any", "any"),
];

/// The parameters of PostgreSQL and MySQL checks beside the address.
pub(super) static DATABASE: Shape = Shape {
    name: "DatabaseCheck",
    fields: &[
        ADDRESS_FIELD,
        &[
            field("User", "user"),
            field("Password", "password"),
            field("Database", "database"),
            field("Query", "query"),
            field("TLS", "tls"),
        ],
    ],
};

/// The parameters of Redis checks.
pub(super) static REDIS: Shape =
    Shape { name: "RedisCheck", fields: &[ADDRESS_FIELD, &[field("User", "user"), field("Password", "password"), field("Role", "role")]] };

/// The parameters of DNS checks.
pub(super) static DNS: Shape = Shape { name: "DNSCheck", fields: &[ADDRESS_FIELD, &[field("Name", "name"), field("Type", "type")]] };

/// The parameters of SMTP checks.
pub(super) static SMTP: Shape = Shape { name: "SMTPCheck", fields: &[ADDRESS_FIELD, &[field("From", "from"), field("Helo", "helo")]] };

const ADDRESS_FIELD: &[Field] = &[field("Address", "address")];

impl Shape {
    /// The names, as files spell them, of all fields but the address.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static Field> {
        self.fields.iter().copied().flatten().filter(|field| field.name != "Address")
    }
}
