//! What an operator decides about DNS.

use super::name::{Name, OwnedName};
use crate::model::Datacenter;
use std::collections::BTreeMap;
use std::time::Duration;

/// Everything that answers depend on beside the catalog.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The domain that is served (`domain`); names made by us lie in it.
    pub domain: Domain,
    /// A second domain under which everything is found as well (`alt_domain`).
    pub alt_domain: Option<Domain>,
    /// The datacenter of the catalog.
    pub datacenter: Datacenter,
    /// Whether an instance with a warning is left out, too (`only_passing`). A critical one always is.
    pub only_passing: bool,
    /// For how long a node's records may be kept (`node_ttl`).
    pub node_ttl: Ttl,
    /// The same for a service's (`service_ttl`).
    pub service_ttl: ServiceTtls,
    /// Whether answers that were left out are told by TC (`enable_truncate`). An answer of which nothing fits always tells it.
    pub enable_truncate: bool,
    /// The most answers over UDP without EDNS (`udp_answer_limit`); more than 8 count as 8, as in Consul.
    pub udp_answer_limit: usize,
    /// The most answers to A, AAAA and ANY however they are asked (`a_record_limit`); 0 sets no limit.
    pub a_record_limit: usize,
    /// Whether names are written whole (`disable_compression`).
    pub disable_compression: bool,
    /// Whether nodes' meta stands as TXT in the additional section (`enable_additional_node_meta_txt`).
    pub node_meta_txt: bool,
    /// The zone's own record (`soa`).
    pub soa: Soa,
    /// Whether there are recursors: foreign names are theirs to answer.
    pub recursion: Recursion,
    /// By how much the weights in SRV records are multiplied, at most up to 65535. HAProxy divides them by 256, which leaves nothing of Consul's usual
    /// weight of 1: 256 gives it what was meant.
    pub weight_factor: u16,
}

/// Whether foreign names are resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recursion {
    /// There are recursors to ask.
    Offered,
    /// There are none: foreign names are refused.
    Refused,
}

/// Seconds for which a record may be kept, at most 2^31 - 1 (RFC 2181 section 8).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(u32);

impl Ttl {
    /// Not at all.
    pub const ZERO: Ttl = Ttl(0);

    /// So many whole seconds, or as many as can be written.
    pub fn of(duration: Duration) -> Ttl {
        Ttl::of_secs(duration.as_secs())
    }

    /// So many seconds, or as many as can be written.
    pub fn of_secs(secs: u64) -> Ttl {
        Ttl(secs.min(i32::MAX as u64) as u32)
    }

    /// Seconds.
    pub const fn as_secs(self) -> u32 {
        self.0
    }
}

/// The numbers of the zone's SOA record, in seconds (RFC 1035 section 3.3.13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Soa {
    /// How often a secondary would look for changes.
    pub refresh: u32,
    /// How long it would wait after a failure.
    pub retry: u32,
    /// When it would give up.
    pub expire: u32,
    /// For how long it may be remembered that there is no such name or record (RFC 2308 section 4); also the record's own TTL.
    pub min_ttl: Ttl,
}

impl Default for Soa {
    fn default() -> Soa {
        Soa { refresh: 3600, retry: 600, expire: 86_400, min_ttl: Ttl::ZERO }
    }
}

/// A domain that is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Domain(OwnedName);

/// What a domain is called when it is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("domain {value:?} must be a DNS name of labels of 1 to 63 bytes, short enough for names below it (180 bytes)")]
pub struct DomainError {
    value: String,
}

/// Bytes of the longest domain: 32 hex digits, `addr` and a datacenter must find room below it.
const LONGEST_DOMAIN: usize = 180;

impl Domain {
    /// The domain that `text` names, with or without the dots around it.
    ///
    /// # Errors
    /// It is no name, the root, or too long for names to lie below it.
    pub fn parse(text: &str) -> Result<Domain, DomainError> {
        let refused = || DomainError { value: text.to_owned() };
        let bare = text.trim_matches('.');
        OwnedName::parse(bare).filter(|_| bare.len() <= LONGEST_DOMAIN).map(|name| Domain(name.to_folded())).ok_or_else(refused)
    }

    /// Its name, in lower case.
    pub fn name(&self) -> Name<'_> {
        self.0.as_name()
    }
}

/// TTLs by the name of the service: `name`, `beginning*` or `*`. An exact name comes first, then the longest beginning. Case does not count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServiceTtls {
    exact: BTreeMap<String, Ttl>,
    /// By what they begin with.
    beginnings: BTreeMap<String, Ttl>,
}

impl ServiceTtls {
    /// The TTL of a service, given in lower case.
    pub fn of(&self, service: &str) -> Ttl {
        if let Some(ttl) = self.exact.get(service) {
            return *ttl;
        }
        let fitting = self.beginnings.iter().filter(|(beginning, _)| service.starts_with(beginning.as_str()));
        fitting.max_by_key(|(beginning, _)| beginning.len()).map_or(Ttl::ZERO, |(_, ttl)| *ttl)
    }
}

impl FromIterator<(String, Duration)> for ServiceTtls {
    fn from_iter<I: IntoIterator<Item = (String, Duration)>>(rules: I) -> ServiceTtls {
        let mut ttls = ServiceTtls::default();
        for (rule, ttl) in rules {
            let rule = rule.to_lowercase();
            match rule.strip_suffix('*') {
                Some(beginning) => ttls.beginnings.insert(beginning.to_owned(), Ttl::of(ttl)),
                None => ttls.exact.insert(rule, Ttl::of(ttl)),
            };
        }
        ttls
    }
}

impl Settings {
    /// Consul's defaults for these domains and this datacenter.
    pub fn new(domain: Domain, alt_domain: Option<Domain>, datacenter: Datacenter) -> Settings {
        Settings {
            domain,
            alt_domain,
            datacenter,
            only_passing: false,
            node_ttl: Ttl::ZERO,
            service_ttl: ServiceTtls::default(),
            enable_truncate: false,
            udp_answer_limit: 3,
            a_record_limit: 0,
            disable_compression: false,
            node_meta_txt: true,
            soa: Soa::default(),
            recursion: Recursion::Refused,
            weight_factor: 1,
        }
    }

    /// The served domain that `name` is or lies in, and where in its bytes the domain begins. Of two that fit, the longer.
    pub fn zone_of(&self, name: Name<'_>) -> Option<(&Domain, usize)> {
        let zones = [Some(&self.domain), self.alt_domain.as_ref()];
        zones.into_iter().flatten().filter_map(|zone| Some((zone, name.offset_of(zone.name())?))).min_by_key(|(_, offset)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use super::{Domain, OwnedName, ServiceTtls, Settings, Ttl};
    use crate::model::Datacenter;
    use std::time::Duration;

    #[test]
    fn an_exact_ttl_comes_first_then_the_longest_beginning() {
        let rules = [("*", 5), ("web*", 20), ("web-b*", 25), ("Web-Exact", 30), ("db", 0)];
        let ttls: ServiceTtls = rules.map(|(rule, secs)| (rule.to_owned(), Duration::from_secs(secs))).into_iter().collect();
        let of = |service| ttls.of(service).as_secs();
        assert_eq!((of("other"), of("web"), of("web-b1"), of("web-exact"), of("db")), (5, 20, 25, 30, 0));
        assert_eq!(ServiceTtls::default().of("web"), Ttl::ZERO);
    }

    #[test]
    fn ttls_are_whole_seconds_that_can_be_written() {
        assert_eq!(Ttl::of(Duration::from_millis(1999)).as_secs(), 1);
        assert_eq!(Ttl::of(Duration::MAX).as_secs(), 2_147_483_647);
    }

    #[test]
    fn a_domain_is_a_name_with_room_below_it() {
        assert_eq!(Domain::parse(".Corp.").unwrap().name().to_string(), "corp.");
        for bad in ["", ".", "a..b", &"abcdefgh.".repeat(21)] {
            assert!(Domain::parse(bad).unwrap_err().to_string().contains("must be a DNS name"), "{bad}");
        }
    }

    #[test]
    fn of_two_domains_the_inner_one_holds_a_name() {
        let domains = ["test", "alt.test"].map(|text| Domain::parse(text).unwrap());
        let settings = Settings::new(domains[0].clone(), Some(domains[1].clone()), Datacenter::parse("dc1").unwrap());
        let zone = |text| {
            let name = OwnedName::parse(text).unwrap();
            settings.zone_of(name.as_name()).map(|(zone, offset)| (zone.name().to_string(), offset))
        };
        assert_eq!(zone("web.ALT.test"), Some(("alt.test.".to_owned(), 4)));
        assert_eq!((zone("web.test"), zone("web.consul")), (Some(("test.".to_owned(), 4)), None));
    }
}
