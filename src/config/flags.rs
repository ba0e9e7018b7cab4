//! `agent`'s flags, each standing for a key. `-config-file`, `-config-dir`, `-config-format`, `-hcl` and `-dev` name sources instead.

use super::keys::{self, Found, Key, Kind};

/// What flags are called in errors.
pub(super) const SOURCE: &str = "command line flags";

/// A flag that stands for a key.
#[derive(Debug, PartialEq, Eq)]
pub struct Flag {
    /// Without its dash.
    pub name: &'static str,
    /// What it says, for `-help`.
    pub about: &'static str,
    path: &'static str,
}

impl Flag {
    /// The flag called `name`, without dashes.
    pub fn find(name: &str) -> Option<&'static Flag> {
        FLAGS.iter().find(|flag| flag.name == name)
    }

    /// All flags, in alphabetical order.
    pub fn all() -> &'static [Flag] {
        FLAGS
    }

    /// A switch: `-flag` alone means `-flag=true`.
    pub fn is_switch(&self) -> bool {
        self.key().kind == Kind::Bool
    }

    /// May be repeated, each adding to a list.
    pub(super) fn is_list(&self) -> bool {
        self.key().kind == Kind::Texts
    }

    pub(super) fn key(&self) -> &'static Key {
        match keys::find(self.path) {
            Found::Key(key) => key,
            Found::Block | Found::Nothing => panic!("-{} stands for {}, which is not a key", self.name, self.path),
        }
    }
}

const fn flag(name: &'static str, path: &'static str, about: &'static str) -> Flag {
    Flag { name, about, path }
}

const FLAGS: &[Flag] = &[
    flag("advertise", "advertise_addr", "Address other agents are told to connect to."),
    flag("advertise-wan", "advertise_addr_wan", "Address servers of other datacenters are told to connect to."),
    flag("allow-write-http-from", "http_config.allow_write_http_from", "Network (CIDR) that may write over HTTP; may be repeated."),
    flag("alt-domain", "alt_domain", "Second DNS domain."),
    flag("auto-reload-config", "auto_reload_config", "Reload when configuration files change."),
    flag("bind", "bind_addr", "Address to listen on for other agents."),
    flag("bootstrap", "bootstrap", "Form a cluster of this server alone."),
    flag("bootstrap-expect", "bootstrap_expect", "Form the first cluster when this many servers see one another."),
    flag("check_output_max_size", "check_output_max_size", "Longest check output kept, in bytes."),
    flag("client", "client_addr", "Addresses to serve HTTP and DNS on, separated by spaces."),
    flag("data-dir", "data_dir", "Folder that keeps everything durable."),
    flag("datacenter", "datacenter", "Name of the datacenter."),
    flag("default-query-time", "default_query_time", "How long a blocking query without 'wait' waits."),
    flag("disable-host-node-id", "disable_host_node_id", "Draw the node ID instead of deriving it from the host."),
    flag("disable-keyring-file", "disable_keyring_file", "Keep no keyring on disk."),
    flag("dns-port", "ports.dns", "DNS port."),
    flag("domain", "domain", "DNS domain."),
    flag("enable-local-script-checks", "enable_local_script_checks", "Allow script checks from files."),
    flag("enable-script-checks", "enable_script_checks", "Allow script checks."),
    flag("encrypt", "encrypt", "Gossip encryption key."),
    flag("grpc-port", "ports.grpc", "gRPC port."),
    flag("grpc-tls-port", "ports.grpc_tls", "gRPC port with TLS."),
    flag("http-port", "ports.http", "HTTP port."),
    flag("https-port", "ports.https", "HTTPS port."),
    flag("join", "start_join", "Agent to join once at start; may be repeated."),
    flag("join-wan", "start_join_wan", "Server of another datacenter to join once at start; may be repeated."),
    flag("log-file", "log_file", "File to write the log to as well."),
    flag("log-json", "log_json", "Write the log as JSON."),
    flag("log-level", "log_level", "trace, debug, info, warn or error."),
    flag("log-rotate-bytes", "log_rotate_bytes", "Size at which the log file is rotated."),
    flag("log-rotate-duration", "log_rotate_duration", "Age at which the log file is rotated."),
    flag("log-rotate-max-files", "log_rotate_max_files", "How many rotated log files are kept."),
    flag("max-query-time", "max_query_time", "Longest 'wait' of a blocking query."),
    flag("node", "node_name", "Name of this node, unique in the datacenter; the host's name unless set."),
    flag("node-id", "node_id", "UUID of this node; drawn once and kept unless set."),
    flag("node-meta", "node_meta", "key:value of this node; may be repeated."),
    flag("partition", "partition", "Admin partition."),
    flag("pid-file", "pid_file", "File to write the process id to."),
    flag("primary-gateway", "primary_gateways", "Mesh gateway of the primary datacenter; may be repeated."),
    flag("protocol", "protocol", "Protocol version."),
    flag("raft-protocol", "raft_protocol", "Raft protocol version."),
    flag("read-replica", "read_replica", "Replicate as a server but never vote."),
    flag("recursor", "recursors", "Upstream DNS server; may be repeated."),
    flag("rejoin", "rejoin_after_leave", "Join the remembered members even after a graceful leave."),
    flag("retry-interval", "retry_interval", "Time between attempts to join."),
    flag("retry-interval-wan", "retry_interval_wan", "Time between attempts to join other datacenters."),
    flag("retry-join", "retry_join", "Agent to join, tried until it works; may be repeated."),
    flag("retry-join-wan", "retry_join_wan", "Server of another datacenter to join, tried until it works; may be repeated."),
    flag("retry-max", "retry_max", "Attempts to join before giving up; 0 is never."),
    flag("retry-max-wan", "retry_max_wan", "Attempts to join other datacenters before giving up; 0 is never."),
    flag("segment", "segment", "Network segment."),
    flag("serf-lan-allowed-cidrs", "serf_lan_allowed_cidrs", "Network that may join the LAN pool; may be repeated."),
    flag("serf-lan-bind", "serf_lan", "Address to listen on for LAN gossip."),
    flag("serf-lan-port", "ports.serf_lan", "LAN gossip port."),
    flag("serf-wan-allowed-cidrs", "serf_wan_allowed_cidrs", "Network that may join the WAN pool; may be repeated."),
    flag("serf-wan-bind", "serf_wan", "Address to listen on for WAN gossip."),
    flag("serf-wan-port", "ports.serf_wan", "WAN gossip port."),
    flag("server", "server", "Run as a server."),
    flag("server-port", "ports.server", "RPC port of a server."),
    flag("syslog", "enable_syslog", "Write the log to syslog as well."),
    flag("ui", "ui_config.enabled", "Serve the web UI."),
    flag("ui-content-path", "ui_config.content_path", "Path the web UI is served under."),
    flag("ui-dir", "ui_config.dir", "Folder with a web UI to serve instead."),
];

#[cfg(test)]
mod tests {
    use super::Flag;

    #[test]
    fn each_flag_stands_for_a_key_and_is_listed_once_in_order() {
        assert!(Flag::all().windows(2).all(|pair| pair[0].name < pair[1].name));
        for flag in Flag::all() {
            assert_eq!(flag.key().path, flag.path);
        }
    }
}
