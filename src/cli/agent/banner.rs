//! What `agent` says once it serves.

use super::super::version::VERSION;
use crate::config::Config;
use crate::model::NodeId;
use std::net::SocketAddr;

/// Who serves where.
pub(in crate::cli) fn banner(config: &Config, id: NodeId) -> String {
    let addresses = |list: &[SocketAddr]| {
        let ips: std::collections::BTreeSet<_> = list.iter().map(|addr| addr.ip().to_string()).collect();
        ips.into_iter().collect::<Vec<_>>().join(" ")
    };
    let port = |list: &[SocketAddr]| list.first().map_or("-1".to_owned(), |addr| addr.port().to_string());
    let wan = config.listen.serf_wan.map_or("-1".to_owned(), |addr| addr.port().to_string());
    let rows = [
        ("Version", format!("'{VERSION}'")),
        ("Node ID", format!("'{id}'")),
        ("Node name", format!("'{}'", config.node_name)),
        ("Datacenter", format!("'{}' (Segment: '{}')", config.datacenter, if config.server { "<all>" } else { "" })),
        ("Server", format!("{} (Bootstrap: {})", config.server, config.bootstrap_expect == 1)),
        (
            "Client Addr",
            format!("[{}] (HTTP: {}, DNS: {})", addresses(&config.listen.http), port(&config.listen.http), port(&config.listen.dns)),
        ),
        ("Cluster Addr", format!("{} (LAN: {}, WAN: {wan})", config.advertise_addr, config.listen.serf_lan.port())),
        ("Encrypt", "Gossip: false, TLS-Outgoing: false, TLS-Incoming: false".to_owned()),
    ];
    let mut text = "==> Muster agent running!\n".to_owned();
    text.extend(rows.map(|(name, value)| format!("{name:>16}: {value}\n")));
    text.push_str("\n==> Log data will now stream in as it occurs:\n\n");
    text
}

#[cfg(test)]
mod tests {
    use super::banner;
    use crate::config::{Host, Profile, Sources, load};
    use crate::model::NodeId;

    #[test]
    fn the_banner_says_who_serves_where() {
        let host = Host { name: "box".to_owned(), ..Host::default() };
        let config = load(&Sources { profile: Profile::Dev, ..Sources::default() }, &host).unwrap();
        let text = banner(&config, NodeId::from_u128(7));
        for line in [
            "==> Muster agent running!",
            "         Node ID: '00000000-0000-0000-0000-000000000007'",
            "       Node name: 'box'",
            "          Server: true (Bootstrap: true)",
            "     Client Addr: [127.0.0.1] (HTTP: 8500, DNS: 8600)",
            "    Cluster Addr: 127.0.0.1 (LAN: 8301, WAN: 8302)",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
