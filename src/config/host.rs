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

    /// `text` with its go-sockaddr templates replaced by what they stand for.
    pub(super) fn expand(&self, key: &str, text: &str) -> Result<String, Problem> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, after)) = rest.split_once("{{") {
            let Some((template, after)) = after.split_once("}}") else {
                return Err(Problem::value(key, format!("{text:?}"), "must close its template with }}"));
            };
            out.push_str(before);
            out.push_str(&self.template(key, template.trim())?.to_string());
            rest = after;
        }
        out.push_str(rest);
        Ok(out)
    }

    fn template(&self, key: &str, template: &str) -> Result<IpAddr, Problem> {
        let argument = template.strip_prefix("GetInterfaceIP").map(|rest| rest.trim().trim_matches('"'));
        let found = match (template, argument) {
            ("GetPrivateIP", _) => {
                let private = self.addresses.iter().filter(|a| is_private(a.ip));
                let routed = private.clone().find(|a| a.on_default_route);
                routed.or_else(|| if self.knows_routes() { None } else { private.clone().next() })
            }
            (_, Some(name)) if !name.is_empty() && !name.contains('"') => {
                let on = self.addresses.iter().filter(|a| a.interface == name);
                on.clone().find(|a| a.ip.is_ipv4()).or_else(|| on.clone().next())
            }
            (_, _) => {
                let rule = "is a template this version does not know: it knows {{ GetPrivateIP }} and {{ GetInterfaceIP \"eth0\" }}";
                return Err(Problem::value(key, format!("{{{{ {template} }}}}"), rule));
            }
        };
        let ip = found.map(|address| address.ip);
        ip.ok_or_else(|| Problem::value(key, format!("{{{{ {template} }}}}"), "finds no address on this host"))
    }

    fn knows_routes(&self) -> bool {
        self.addresses.iter().any(|a| a.on_default_route)
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

fn is_private(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_private_v4(v4),
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Host, HostAddress};

    fn host(addresses: &[(&str, &str, &str)]) -> Host {
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

    #[test]
    fn templates_stand_for_addresses() {
        let host = host(&[("docker0", "172.17.0.1", ""), ("eth0", "fd00::1", "default"), ("eth0", "10.1.2.3", "default")]);
        let expand = |text| host.expand("bind_addr", text).map_err(|p| p.to_string());
        assert_eq!(expand("{{ GetInterfaceIP \"eth0\" }}"), Ok("10.1.2.3".to_owned()));
        assert_eq!(expand("{{GetPrivateIP}} ::1"), Ok("fd00::1 ::1".to_owned()));
        assert_eq!(
            expand("{{ GetInterfaceIP \"eth9\" }}"),
            Err("bind_addr {{ GetInterfaceIP \"eth9\" }} finds no address on this host".to_owned())
        );
        let unknown = expand("{{ GetAllInterfaces | attr \"address\" }}").unwrap_err();
        assert!(unknown.starts_with("bind_addr {{ GetAllInterfaces | attr \"address\" }} is a template this version does not know"));
        assert!(expand("{{ GetPrivateIP").unwrap_err().contains("must close its template"));
    }

    #[test]
    fn without_routes_the_first_private_address_counts() {
        let host = host(&[("lo", "127.0.0.1", ""), ("eth0", "10.1.2.3", ""), ("eth1", "10.1.2.4", "")]);
        assert_eq!(host.expand("bind_addr", "{{ GetPrivateIP }}").unwrap(), "10.1.2.3");
    }
}
