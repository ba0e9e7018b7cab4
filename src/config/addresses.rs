//! Where to listen and what to tell others to connect to.

use super::Listen;
use super::reader::Reader;
use super::template;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const ANY: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// Whether the agent is a server: only servers listen for RPC and WAN gossip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// All addresses of an agent.
pub(super) struct Addresses {
    pub(super) listen: Listen,
    pub(super) advertise: IpAddr,
    pub(super) advertise_wan: IpAddr,
}

/// Reads `bind_addr`, `client_addr`, `advertise_addr*`, `serf_*`, `addresses` and `ports`.
pub(super) fn read(reader: &mut Reader<'_>, role: Role) -> Addresses {
    let bind = bind(reader);
    let advertise = advertise(reader, bind);
    let advertise_wan = ["advertise_addr_wan", "advertise_addr_wan_ipv4", "advertise_addr_wan_ipv6"];
    let advertise_wan = advertise_wan.iter().find_map(|key| reader.address(key)).unwrap_or(advertise);
    if advertise_wan.is_unspecified() && !advertise.is_unspecified() {
        reader.broken("Advertise WAN address cannot be 0.0.0.0, :: or [::]");
    }
    let listen = listen(reader, role, bind);
    refuse_shared_sockets(reader, &listen);
    Addresses { listen, advertise, advertise_wan }
}

fn bind(reader: &mut Reader<'_>) -> IpAddr {
    let Some(text) = reader.settings.text("bind_addr") else { return ANY };
    match template::expand(reader.host, "bind_addr", text) {
        Ok(text) if text.trim().is_empty() => reader.broken("bind_addr cannot be empty"),
        Ok(text) => match text.trim().trim_start_matches('[').trim_end_matches(']').parse() {
            Ok(ip) => return ip,
            Err(_) if text.split_whitespace().count() > 1 => reader.broken("bind_addr cannot contain multiple addresses"),
            Err(_) => reader.broken(format!("bind_addr must be an ip address, and {text:?} is none")),
        },
        Err(problem) => reader.problems.push(problem),
    }
    LOOPBACK
}

/// What was given, else the address bound to, else the only one it can be.
fn advertise(reader: &mut Reader<'_>, bind: IpAddr) -> IpAddr {
    let given = ["advertise_addr", "advertise_addr_ipv4", "advertise_addr_ipv6"].iter().find_map(|key| reader.address(key));
    match given {
        Some(ip) if ip.is_unspecified() => {
            reader.broken("Advertise address cannot be 0.0.0.0, :: or [::]");
            ip
        }
        Some(ip) => ip,
        None if bind == ANY => {
            let found = reader.host.only_private_ipv4();
            reader.or(found, LOOPBACK)
        }
        None if bind == IpAddr::V6(Ipv6Addr::UNSPECIFIED) => {
            let found = reader.host.only_public_ipv6();
            reader.or(found, LOOPBACK)
        }
        None => bind,
    }
}

fn listen(reader: &mut Reader<'_>, role: Role, bind: IpAddr) -> Listen {
    let client = reader.addresses("client_addr").unwrap_or_else(|| vec![LOOPBACK]);
    let http = reader.addresses("addresses.http").unwrap_or_else(|| client.clone());
    let dns = reader.addresses("addresses.dns").unwrap_or(client);
    let at = |ips: Vec<IpAddr>, port: Option<u16>| port.iter().flat_map(|port| ips.iter().map(|ip| SocketAddr::new(*ip, *port))).collect();
    let serf_lan_ip = reader.address("serf_lan").unwrap_or(bind);
    let serf_wan_ip = reader.address("serf_wan").unwrap_or(bind);
    let serf_lan = reader.port("ports.serf_lan", 8301);
    if serf_lan.is_none() {
        reader.broken("ports.serf_lan must be a valid port from 1 to 65535");
    }
    let rpc = reader.port("ports.server", 8300);
    if role == Role::Server && rpc.is_none() {
        reader.broken("ports.server must be a valid port from 1 to 65535 with 'server = true'");
    }
    let serf_wan = reader.port("ports.serf_wan", 8302);
    if reader.port("ports.https", 0).is_some() {
        reader.warnings.push("ports.https: nothing listens there, TLS is not served by this version; HTTP is on ports.http".to_owned());
    }
    let of_server = |port: Option<u16>, ip| port.filter(|_| role == Role::Server).map(|port| SocketAddr::new(ip, port));
    Listen {
        rpc: of_server(rpc, bind),
        serf_lan: SocketAddr::new(serf_lan_ip, serf_lan.unwrap_or(8301)),
        serf_wan: of_server(serf_wan, serf_wan_ip),
        http: at(http, reader.port("ports.http", 8500)),
        dns: at(dns, reader.port("ports.dns", 8600)),
    }
}

/// Two services cannot have one socket.
fn refuse_shared_sockets(reader: &mut Reader<'_>, listen: &Listen) {
    let mut taken: BTreeMap<SocketAddr, &str> = BTreeMap::new();
    let dns = listen.dns.iter().map(|addr| ("DNS", *addr));
    let http = listen.http.iter().map(|addr| ("HTTP", *addr));
    let rpc = listen.rpc.iter().map(|addr| ("RPC", *addr));
    let wan = listen.serf_wan.iter().map(|addr| ("Serf WAN", *addr));
    for (name, addr) in dns.chain(http).chain(rpc).chain([("Serf LAN", listen.serf_lan)]).chain(wan) {
        if let Some(other) = taken.insert(addr, name) {
            reader.broken(format!("{name} address {addr} already configured for {other}"));
        }
    }
}
