//! The address templates of HashiCorp's go-sockaddr, as far as configurations use them: one source, then filters, then what to print.
//!
//! `{{ GetPrivateIP }}`, `{{ GetInterfaceIP "eth0" }}`, `{{ GetAllInterfaces | include "network" "10.0.0.0/8" | attr "address" }}`.

use super::error::Problem;
use super::host::{Host, HostAddress, is_private};
use super::network::Network;
use std::net::IpAddr;

const KNOWN: &str = "is a template this version does not know: it knows GetPrivateIP, GetInterfaceIP, and GetAllInterfaces, \
     GetPrivateInterfaces and GetDefaultInterfaces with include, exclude (network, type, name), limit, attr \"address\" and join \"address\"";

/// Most stages of one template.
const STAGES: usize = 16;

/// `text` with its templates replaced by what they stand for on `host`.
pub(super) fn expand(host: &Host, key: &str, text: &str) -> Result<String, Problem> {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((template, after)) = after.split_once("}}") else {
            return Err(Problem::value(key, format!("{text:?}"), "must close its template with }}"));
        };
        out.push_str(before);
        let refused = |rule| Problem::value(key, format!("{{{{ {} }}}}", template.trim()), rule);
        let stages = stages(template).ok_or_else(|| refused(KNOWN))?;
        let found = evaluate(host, &stages).ok_or_else(|| refused(KNOWN))?;
        if found.is_empty() {
            return Err(refused("finds no address on this host"));
        }
        out.push_str(&found);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

/// The words of each stage, quotes taken off; `None` if a quote is not closed or there are too many.
fn stages(template: &str) -> Option<Vec<Vec<String>>> {
    let mut stages: Vec<Vec<String>> = vec![Vec::new()];
    let mut word: Option<String> = None;
    let mut quoted = false;
    for c in template.chars().chain([' ']) {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '|' | ' ' | '\t' if !quoted => {
                stages.last_mut()?.extend(word.take());
                if c == '|' {
                    stages.push(Vec::new());
                }
            }
            c => word.get_or_insert_default().push(c),
        }
    }
    (!quoted && stages.len() <= STAGES).then_some(stages)
}

/// What a template prints, empty if it finds nothing; `None` if it is not understood.
fn evaluate(host: &Host, stages: &[Vec<String>]) -> Option<String> {
    let [source, filters @ ..] = stages else { return None };
    let source: Vec<&str> = source.iter().map(String::as_str).collect();
    let all = host.addresses.iter();
    let routed = |address: &&HostAddress| address.on_default_route;
    // Where no route is known, any private address may be the one.
    let knows_routes = host.addresses.iter().any(|address| address.on_default_route);
    let private = |address: &&HostAddress| is_private(address.ip) && (address.on_default_route || !knows_routes);
    match (source.as_slice(), filters) {
        (["GetPrivateIP"], []) => Some(all.clone().find(private).map(|a| a.ip.to_string()).unwrap_or_default()),
        (["GetInterfaceIP", name], []) => {
            let on: Vec<IpAddr> = all.filter(|a| a.interface == *name).map(|a| a.ip).collect();
            Some(on.iter().find(|ip| ip.is_ipv4()).or(on.first()).map(IpAddr::to_string).unwrap_or_default())
        }
        (["GetAllInterfaces"], [filters @ .., print]) => printed(&filtered(all.collect(), filters)?, print),
        (["GetPrivateInterfaces"], [filters @ .., print]) => printed(&filtered(all.filter(private).collect(), filters)?, print),
        (["GetDefaultInterfaces"], [filters @ .., print]) => printed(&filtered(all.filter(routed).collect(), filters)?, print),
        (_, _) => None,
    }
}

fn filtered<'a>(mut found: Vec<&'a HostAddress>, filters: &[Vec<String>]) -> Option<Vec<&'a HostAddress>> {
    for filter in filters {
        let words: Vec<&str> = filter.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["include", by, value] => {
                let test = Test::parse(by, value)?;
                found.retain(|address| test.holds(address));
            }
            ["exclude", by, value] => {
                let test = Test::parse(by, value)?;
                found.retain(|address| !test.holds(address));
            }
            ["limit", count] => found.truncate(count.parse().ok()?),
            _ => return None,
        }
    }
    Some(found)
}

/// What `include` and `exclude` ask of an address.
enum Test {
    Network(Network),
    Ipv4,
    Ipv6,
    Name(String),
}

impl Test {
    /// Interface names are taken as they are; go-sockaddr would take them as regular expressions.
    fn parse(by: &str, value: &str) -> Option<Test> {
        match (by, value.to_ascii_lowercase().as_str()) {
            ("network", _) => Network::parse(value).map(Test::Network),
            ("type", "ipv4") => Some(Test::Ipv4),
            ("type", "ipv6") => Some(Test::Ipv6),
            ("name", _) if value.chars().all(|c| c.is_ascii_alphanumeric() || "-_:@".contains(c)) => Some(Test::Name(value.to_owned())),
            (_, _) => None,
        }
    }

    fn holds(&self, address: &HostAddress) -> bool {
        match self {
            Test::Network(network) => network.holds(address.ip),
            Test::Ipv4 => address.ip.is_ipv4(),
            Test::Ipv6 => address.ip.is_ipv6(),
            Test::Name(name) => address.interface == *name,
        }
    }
}

fn printed(found: &[&HostAddress], print: &[String]) -> Option<String> {
    let mut texts = found.iter().map(|address| address.ip.to_string());
    match print.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["attr", "address"] => Some(texts.next().unwrap_or_default()),
        ["join", "address", between] => Some(texts.collect::<Vec<_>>().join(between)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::host::tests::host;
    use super::expand;
    use proptest::prelude::*;

    const HOST: &[(&str, &str, &str)] = &[
        ("lo", "127.0.0.1", ""),
        ("docker0", "172.17.0.1", ""),
        ("eth0", "fd00::1", "default"),
        ("eth0", "10.1.2.3", "default"),
        ("eth1", "8.8.8.8", ""),
    ];

    #[test]
    fn templates_stand_for_addresses() {
        for (text, address) in [
            ("{{ GetInterfaceIP \"eth0\" }}", "10.1.2.3"),
            ("{{GetPrivateIP}} ::1", "fd00::1 ::1"),
            ("{{ GetPrivateInterfaces | exclude \"type\" \"IPv6\" | attr \"address\" }}", "10.1.2.3"),
            ("{{ GetAllInterfaces | include \"network\" \"172.16.0.0/12\" | attr \"address\" }}", "172.17.0.1"),
            ("{{ GetAllInterfaces | include \"name\" \"eth1\" | attr \"address\" }}", "8.8.8.8"),
            ("{{ GetDefaultInterfaces | limit 1 | join \"address\" \" \" }}", "fd00::1"),
            ("{{ GetAllInterfaces | include \"type\" \"ipv4\" | join \"address\" \" \" }}", "127.0.0.1 172.17.0.1 10.1.2.3 8.8.8.8"),
            ("10.0.0.1", "10.0.0.1"),
        ] {
            assert_eq!(expand(&host(HOST), "bind_addr", text).map_err(|p| p.to_string()), Ok(address.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_template_that_finds_nothing_or_is_not_known_is_refused_by_name() {
        let refused = |text| expand(&host(HOST), "bind_addr", text).unwrap_err().to_string();
        assert_eq!(refused("{{ GetInterfaceIP \"eth9\" }}"), "bind_addr {{ GetInterfaceIP \"eth9\" }} finds no address on this host");
        for text in [
            "{{ GetPublicIP }}",
            "{{ GetAllInterfaces }}",
            "{{ GetAllInterfaces | sort \"address\" | attr \"address\" }}",
            "{{ GetAllInterfaces | include \"name\" \"eth.*\" | attr \"address\" }}",
            "{{ GetAllInterfaces | include \"network\" \"x\" | attr \"address\" }}",
            "{{ GetPrivateIP | attr \"address\" }}",
            "{{ GetInterfaceIP \"eth0 }}",
        ] {
            assert!(refused(text).contains("is a template this version does not know"), "{text}");
        }
        assert!(refused("{{ GetPrivateIP").contains("must close its template"));
    }

    #[test]
    fn without_routes_the_first_private_address_counts() {
        let host = host(&[("lo", "127.0.0.1", ""), ("eth0", "10.1.2.3", ""), ("eth1", "10.1.2.4", "")]);
        assert_eq!(expand(&host, "bind_addr", "{{ GetPrivateIP }}").unwrap(), "10.1.2.3");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(\\{\\{|\\}\\}|\"|\\||GetAllInterfaces|include|attr| |\\PC)*") {
            let _ = expand(&host(HOST), "k", &text);
        }
    }
}
