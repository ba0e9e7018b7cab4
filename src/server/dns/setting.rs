//! What of the configuration answers go by. All but the domains can be changed while the agent runs.

use super::recursor::Recursors;
use crate::agent::query::{CacheControl, ReadMode, ReadOptions};
use crate::config::Config;
use crate::dns::{Domain, DomainError, Recursion, Settings, Soa, Ttl};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// One reading of the configuration.
#[derive(Debug, Clone)]
pub(super) struct Setting {
    pub(super) answers: Settings,
    pub(super) recursors: Recursors,
    pub(super) freshness: Freshness,
    /// Answers a second to one network; 0 is no limit.
    pub(super) rate_limit: u32,
}

/// How old an answer may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Freshness {
    /// `allow_stale` and `max_stale`: at most this much behind the leader; `None` asks the leader.
    pub(super) stale: Option<Duration>,
    /// `use_cache` and `cache_max_age`: a copy is looked at anew when it is older; `None` is no cache.
    pub(super) cache: Option<CacheControl>,
}

impl Freshness {
    fn of(config: &Config) -> Freshness {
        let max_age = Some(config.dns.cache_max_age).filter(|age| !age.is_zero());
        Freshness {
            stale: config.dns.allow_stale.then_some(config.dns.max_stale),
            cache: config.dns.use_cache.then_some(CacheControl { max_age, stale_if_error: None }),
        }
    }

    /// Whether what is at hand will do, being `behind` the leader by so much and not vouched for since `age`.
    pub(super) fn allows(&self, behind: Duration, age: Duration) -> bool {
        let fresh = self.cache.is_none_or(|control| control.max_age.is_none_or(|max| age <= max));
        fresh && (self.stale.is_some_and(|max| behind <= max) || (self.stale.is_none() && self.cache.is_some()))
    }

    /// How to ask for what is not at hand. Where stale answers will do, a copy will as well: it is how a client agent has its answers at hand the
    /// next time.
    pub(super) fn options(&self) -> ReadOptions {
        let mode = match self.stale {
            Some(max) => ReadMode::Stale { max_age: Some(max) },
            None => ReadMode::Default,
        };
        ReadOptions { mode, cached: self.cache.or(self.stale.map(|_| CacheControl::default())), ..ReadOptions::default() }
    }
}

impl Setting {
    /// The domains of `started`, everything else of `reread`.
    ///
    /// # Errors
    /// A domain that is none.
    pub(super) fn of(started: &Config, reread: &Config) -> Result<Setting, DomainError> {
        let dns = &reread.dns;
        let alt_domain = started.dns.alt_domain.as_deref().map(Domain::parse).transpose()?;
        let mut addresses = dns.recursors.clone();
        addresses.retain(|addr| {
            let ours = is_ours(started, *addr);
            if ours {
                tracing::warn!(recursor = %addr, "this recursor is the agent itself and is not asked");
            }
            !ours
        });
        let answers = Settings {
            only_passing: dns.only_passing,
            node_ttl: Ttl::of(dns.node_ttl),
            service_ttl: dns.service_ttl.clone().into_iter().collect(),
            enable_truncate: dns.enable_truncate,
            udp_answer_limit: dns.udp_answer_limit as usize,
            a_record_limit: dns.a_record_limit as usize,
            disable_compression: dns.disable_compression,
            node_meta_txt: dns.additional_node_meta_txt,
            soa: Soa {
                refresh: dns.soa.refresh,
                retry: dns.soa.retry,
                expire: dns.soa.expire,
                min_ttl: Ttl::of_secs(dns.soa.min_ttl.into()),
            },
            recursion: if addresses.is_empty() { Recursion::Refused } else { Recursion::Offered },
            weight_factor: dns.srv_weight_factor,
            ..Settings::new(Domain::parse(&started.dns.domain)?, alt_domain, started.datacenter.clone())
        };
        let recursors = Recursors { addresses, strategy: dns.recursor_strategy, timeout: dns.recursor_timeout };
        Ok(Setting { answers, recursors, freshness: Freshness::of(reread), rate_limit: dns.response_rate_limit })
    }
}

/// Whether this agent's own DNS answers at `addr`: a question passed there would come back for ever.
fn is_ours(config: &Config, addr: SocketAddr) -> bool {
    let reaches = |listen: IpAddr| match listen.is_unspecified() {
        true => addr.ip().is_loopback() || addr.ip() == config.advertise_addr,
        false => addr.ip() == listen,
    };
    config.listen.dns.iter().any(|listen| listen.port() == addr.port() && reaches(listen.ip()))
}

#[cfg(test)]
mod tests {
    use super::{Freshness, Setting, is_ours};
    use crate::agent::query::{CacheControl, ReadMode};
    use crate::config::{Config, Host, Profile, Sources, load};
    use std::time::Duration;

    fn config(text: &str) -> Config {
        let sources = Sources { profile: Profile::Dev, fragments: vec![text.to_owned()], ..Sources::default() };
        load(&sources, &Host { name: "box".to_owned(), ..Host::default() }).unwrap()
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn stale_answers_will_do_unless_the_operator_says_otherwise() {
        let of = |text: &str| Freshness::of(&config(text));
        let usual = of("");
        assert!(usual.allows(SECOND * 3_600, SECOND * 3_600));
        assert!(matches!(usual.options().mode, ReadMode::Stale { max_age: Some(_) }) && usual.options().cached.is_some());
        let bounded = of(r#"dns_config { max_stale = "5s" }"#);
        assert!(bounded.allows(SECOND * 5, SECOND * 9) && !bounded.allows(SECOND * 6, SECOND));
        let leader = of("dns_config { allow_stale = false }");
        assert!(!leader.allows(Duration::ZERO, Duration::ZERO));
        assert_eq!((leader.options().mode, leader.options().cached), (ReadMode::Default, None));
    }

    #[test]
    fn a_cache_answers_until_it_is_too_old() {
        let of = |text: &str| Freshness::of(&config(text));
        let cached = of(r#"dns_config { allow_stale = false use_cache = true cache_max_age = "10s" }"#);
        assert!(cached.allows(SECOND * 60, SECOND * 10) && !cached.allows(Duration::ZERO, SECOND * 11));
        let control = CacheControl { max_age: Some(SECOND * 10), stale_if_error: None };
        assert_eq!((cached.options().mode, cached.options().cached), (ReadMode::Default, Some(control)));
        let any_age = of("dns_config { use_cache = true }");
        assert!(any_age.allows(SECOND * 60, SECOND * 3_600));
    }

    #[test]
    fn an_agent_is_not_its_own_recursor() {
        let here = config(r#"addresses { dns = "127.0.0.1 10.0.0.1" } recursors = ["127.0.0.1:8600", "10.0.0.1", "8.8.8.8"]"#);
        let setting = Setting::of(&here, &here).unwrap();
        let asked: Vec<String> = setting.recursors.addresses.iter().map(ToString::to_string).collect();
        assert_eq!(asked, ["10.0.0.1:53", "8.8.8.8:53"]);
        let everywhere = config(r#"client_addr = "0.0.0.0""#);
        assert!(is_ours(&everywhere, "127.0.0.1:8600".parse().unwrap()) && is_ours(&everywhere, "[::1]:8600".parse().unwrap()));
        assert!(!is_ours(&everywhere, "127.0.0.1:53".parse().unwrap()) && !is_ours(&everywhere, "10.9.9.9:8600".parse().unwrap()));
    }

    #[test]
    fn a_reload_changes_everything_but_the_domains() {
        let started = config(r#"domain = "corp" alt_domain = "alt""#);
        let reread = config(r#"domain = "other" recursors = ["8.8.8.8"] dns_config { node_ttl = "7s" srv_weight_factor = 256 }"#);
        let setting = Setting::of(&started, &reread).unwrap();
        assert_eq!((setting.answers.domain.name().to_string(), setting.answers.alt_domain.is_some()), ("corp.".to_owned(), true));
        assert_eq!((setting.answers.node_ttl.as_secs(), setting.answers.weight_factor, setting.recursors.addresses.len()), (7, 256, 1));
    }
}
