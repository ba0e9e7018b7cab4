//! `dns_config`, `domain`, `alt_domain` and `recursors`.

use super::error::Problem;
use super::reader::Reader;
use super::template;
use super::{DnsTuning, RecursorStrategy, SoaTuning};
use crate::model::duration;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Where recursors listen unless they name a port (RFC 1035 section 4.2).
const PORT: u16 = 53;
/// Most recursors: each costs its timeout when all are silent.
const MOST_RECURSORS: usize = 16;
/// Ten years: any server may answer.
const MAX_STALE: Duration = Duration::from_secs(87_600 * 3_600);

/// Reads all keys that are about DNS.
pub(super) fn dns(reader: &mut Reader<'_>) -> DnsTuning {
    DnsTuning {
        domain: domain(reader, "domain").unwrap_or_else(|| "consul".to_owned()),
        alt_domain: domain(reader, "alt_domain"),
        recursors: recursors(reader),
        recursor_strategy: strategy(reader),
        recursor_timeout: reader.span("dns_config.recursor_timeout", Duration::from_secs(2), Duration::from_millis(1)),
        allow_stale: reader.switch("dns_config.allow_stale", true),
        max_stale: reader.span("dns_config.max_stale", MAX_STALE, Duration::ZERO),
        use_cache: reader.switch("dns_config.use_cache", false),
        cache_max_age: reader.span("dns_config.cache_max_age", Duration::ZERO, Duration::ZERO),
        node_ttl: reader.span("dns_config.node_ttl", Duration::ZERO, Duration::ZERO),
        service_ttl: service_ttl(reader),
        only_passing: reader.switch("dns_config.only_passing", false),
        enable_truncate: reader.switch("dns_config.enable_truncate", false),
        udp_answer_limit: reader.count("dns_config.udp_answer_limit", 3, 0),
        a_record_limit: reader.count("dns_config.a_record_limit", 0, 0),
        disable_compression: reader.switch("dns_config.disable_compression", false),
        additional_node_meta_txt: reader.switch("dns_config.enable_additional_node_meta_txt", true),
        soa: SoaTuning {
            refresh: reader.count("dns_config.soa.refresh", 3_600, 0),
            retry: reader.count("dns_config.soa.retry", 600, 0),
            expire: reader.count("dns_config.soa.expire", 86_400, 0),
            min_ttl: reader.count("dns_config.soa.min_ttl", 0, 0),
        },
        srv_weight_factor: reader.count_within("dns_config.srv_weight_factor", 1, 1, u16::MAX.into()) as u16,
        response_rate_limit: reader.count("dns_config.response_rate_limit", 0, 0),
    }
}

/// A domain in lower case without its final dot; `None` if it is not set.
fn domain(reader: &mut Reader<'_>, key: &'static str) -> Option<String> {
    let given = reader.settings.text(key).map(str::trim).filter(|text| !text.is_empty())?;
    let name = given.trim_matches('.').to_ascii_lowercase();
    let is_label = |label: &str| {
        (1..=63).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    // Room for the names under it: RFC 1035 section 2.3.4 allows 255 bytes.
    if name.len() <= 128 && name.split('.').all(is_label) {
        return Some(name);
    }
    let rule = "must be a domain name: labels of letters, digits, - and _ with dots between them, 128 bytes at most";
    reader.problems.push(Problem::value(key, format!("{given:?}"), rule));
    None
}

/// The recursors in their order, each once; a template may stand for several.
fn recursors(reader: &mut Reader<'_>) -> Vec<SocketAddr> {
    let mut recursors: Vec<SocketAddr> = Vec::new();
    for text in reader.settings.texts("recursors") {
        let expanded = template::expand(reader.host, "recursors", text);
        for word in reader.or(expanded, String::new()).split_whitespace() {
            match address(word) {
                Some(addr) if recursors.contains(&addr) => {}
                Some(addr) => recursors.push(addr),
                None => reader.problems.push(Problem::value("recursors", format!("{word:?}"), "must be an ip address, or ip:port")),
            }
        }
    }
    if recursors.len() > MOST_RECURSORS {
        reader.broken(format!("recursors cannot be more than {MOST_RECURSORS}"));
    }
    recursors
}

fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    let whole = text.parse().ok().or_else(|| bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, PORT)));
    whole.filter(|addr: &SocketAddr| addr.port() != 0 && !addr.ip().is_unspecified())
}

fn strategy(reader: &mut Reader<'_>) -> RecursorStrategy {
    let key = "dns_config.recursor_strategy";
    match reader.settings.text(key).unwrap_or_default() {
        "" | "sequential" => RecursorStrategy::Sequential,
        "random" => RecursorStrategy::Random,
        other => {
            reader.problems.push(Problem::value(key, format!("{other:?}"), "must be \"sequential\" or \"random\""));
            RecursorStrategy::Sequential
        }
    }
}

fn service_ttl(reader: &mut Reader<'_>) -> BTreeMap<String, Duration> {
    let mut ttls = BTreeMap::new();
    for (service, text) in reader.settings.map("dns_config.service_ttl") {
        match duration::parse(&text) {
            Ok(ttl) => drop(ttls.insert(service, ttl)),
            Err(_) => {
                let key = format!("dns_config.service_ttl.{service}");
                reader.problems.push(Problem::value(&key, format!("{text:?}"), "must be a duration, not negative, with a unit: \"10s\""));
            }
        }
    }
    ttls
}

#[cfg(test)]
mod tests {
    use super::{MAX_STALE, address};
    use crate::config::{Config, Host, HostAddress, Profile, RecursorStrategy, Sources, load};
    use std::time::Duration;

    fn parse(text: &str) -> Result<Config, String> {
        let sources = Sources { profile: Profile::Dev, fragments: vec![text.to_owned()], ..Sources::default() };
        let eth0 = HostAddress { interface: "eth0".to_owned(), ip: "10.1.2.3".parse().unwrap(), on_default_route: true };
        let host = Host { name: "box".to_owned(), addresses: vec![eth0] };
        load(&sources, &host).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_not_given_is_as_in_consul() {
        let dns = parse("").unwrap().dns;
        assert_eq!((dns.domain.as_str(), dns.alt_domain, dns.recursors), ("consul", None, vec![]));
        assert_eq!((dns.allow_stale, dns.max_stale, dns.use_cache, dns.only_passing), (true, MAX_STALE, false, false));
        assert_eq!((dns.udp_answer_limit, dns.a_record_limit, dns.enable_truncate, dns.disable_compression), (3, 0, false, false));
        assert_eq!((dns.soa.refresh, dns.soa.retry, dns.soa.expire, dns.soa.min_ttl), (3_600, 600, 86_400, 0));
        assert_eq!((dns.additional_node_meta_txt, dns.recursor_timeout, dns.response_rate_limit), (true, Duration::from_secs(2), 0));
    }

    #[test]
    fn domains_lose_their_final_dot_and_their_case() {
        let dns = parse(r#"domain = "Corp.Example." alt_domain = "alt.test""#).unwrap().dns;
        assert_eq!((dns.domain.as_str(), dns.alt_domain.as_deref()), ("corp.example", Some("alt.test")));
        for bad in ["a b", "a..b", &"a".repeat(64), &"abc.".repeat(40)] {
            assert!(parse(&format!("domain = {bad:?}")).unwrap_err().contains("must be a domain name"), "{bad}");
        }
    }

    #[test]
    fn recursors_are_addresses_with_or_without_port_or_templates() {
        let dns =
            parse(r#"recursors = ["8.8.8.8", "127.0.0.1:5353", "::1", "[fd00::1]:54", "{{ GetInterfaceIP \"eth0\" }}", "8.8.8.8:53"]"#);
        let shown: Vec<String> = dns.unwrap().dns.recursors.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["8.8.8.8:53", "127.0.0.1:5353", "[::1]:53", "[fd00::1]:54", "10.1.2.3:53"]);
        assert!(
            parse(r#"recursors = ["dns.example"]"#).unwrap_err().contains("recursors \"dns.example\" must be an ip address, or ip:port")
        );
        assert_eq!(["0.0.0.0", "1.2.3.4:0", "", "[::1]"].map(|text| address(text).is_some()), [false, false, false, true]);
    }

    #[test]
    fn durations_of_services_and_the_strategy_are_checked() {
        let text = r#"dns_config { service_ttl { "*" = "5s" "web*" = "1m" } recursor_strategy = "random" soa { min_ttl = 60 } }"#;
        let dns = parse(text).unwrap().dns;
        assert_eq!(dns.service_ttl["web*"], Duration::from_secs(60));
        assert_eq!((dns.recursor_strategy, dns.soa.min_ttl), (RecursorStrategy::Random, 60));
        assert!(parse(r#"dns_config { service_ttl { web = "5" } }"#).unwrap_err().contains("dns_config.service_ttl.web \"5\""));
        assert!(parse(r#"dns_config { recursor_strategy = "fast" }"#).unwrap_err().contains("must be \"sequential\" or \"random\""));
    }
}
