//! What the configuration needs to know of the machine it is for. Asked of the operating system above; plain values here.

use super::error::Problem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The machine's name and addresses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Host {
    /// The host's name: `node_name` unless set.
    pub name: String,
    /// Addresses of its interfaces, in the system's order.
    pub addresses: Vec<HostAddress>,
}

/// One address of an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAddress {
    /// The interface's name, such as `eth0`.
    pub interface: String,
    /// The address.
    pub ip: IpAddr,
    /// The route to everywhere else leads over this interface.
    pub on_default_route: bool,
}

impl Host {
    /// The one private IPv4 address (RFC 1918, and RFC 6598's shared space), as the address to advertise when none is given.
    pub(super) fn only_private_ipv4(&self) -> Result<IpAddr, Problem> {
        let found = self.addresses.iter().map(|a| a.ip).filter(|ip| matches!(ip, IpAddr::V4(v4) if is_private_v4(*v4)));
        only(found, "private IPv4")
    }

    /// The one public IPv6 address.
    pub(super) fn only_public_ipv6(&self) -> Result<IpAddr, Problem> {
        let found = self.addresses.iter().map(|a| a.ip).filter(|ip| matches!(ip, IpAddr::V6(v6) if is_public_v6(*v6)));
        only(found, "public IPv6")
    }
}

fn only(mut found: impl Iterator<Item = IpAddr>, what: &str) -> Result<IpAddr, Problem> {
    let hint = "Please configure one with 'bind' and/or 'advertise'.";
    match (found.next(), found.next()) {
        (Some(ip), None) => Ok(ip),
        (None, _) => Err(Problem::Rule(format!("No {what} address found. {hint}"))),
        (Some(_), Some(_)) => Err(Problem::Rule(format!("Multiple {what} addresses found. {hint}"))),
    }
}

fn is_private_v4(ip: Ipv4Addr) -> bool {
    ip.is_private() || (ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    !(ip.is_loopback() || ip.is_unspecified() || ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_multicast())
}

/// Private to a site: RFC 1918, RFC 6598, RFC 4193.
pub(super) fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::{Host, HostAddress};

    /// Interfaces, addresses, and `default` for those on the default route.
    pub(in super::super) fn host(addresses: &[(&str, &str, &str)]) -> Host {
        let address = |(interface, ip, route): &(&str, &str, &str)| HostAddress {
            interface: (*interface).to_owned(),
            ip: ip.parse().unwrap(),
            on_default_route: *route == "default",
        };
        Host { name: "h".to_owned(), addresses: addresses.iter().map(address).collect() }
    }

    #[test]
    fn the_address_to_advertise_is_found_only_when_there_is_no_choice() {
        let one = host(&[("lo", "127.0.0.1", ""), ("eth0", "10.1.2.3", ""), ("eth0", "8.8.8.8", ""), ("eth0", "2001:db8::1", "")]);
        assert_eq!(one.only_private_ipv4().unwrap().to_string(), "10.1.2.3");
        assert_eq!(one.only_public_ipv6().unwrap().to_string(), "2001:db8::1");
        let two = host(&[("eth0", "192.168.0.1", ""), ("eth1", "100.64.0.1", "")]);
        let text = two.only_private_ipv4().unwrap_err().to_string();
        assert_eq!(text, "Multiple private IPv4 addresses found. Please configure one with 'bind' and/or 'advertise'.");
        let text = host(&[("lo", "::1", "")]).only_public_ipv6().unwrap_err().to_string();
        assert_eq!(text, "No public IPv6 address found. Please configure one with 'bind' and/or 'advertise'.");
    }
}
