//! What was given in all sources together, kept to see later what another reading changes.

use super::keys;
use super::settings::Settings;

/// The merged settings of a configuration, key by key.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Given(pub(super) Settings);

/// Keys that two readings of a configuration do not agree on, by their dotted names, in alphabetical order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Those that a running agent takes over.
    pub live: Vec<&'static str>,
    /// Those that have an effect when the agent is started again.
    pub at_restart: Vec<&'static str>,
}

impl Given {
    /// What `later` changes. Keys without effect are left out.
    pub fn changes(&self, later: &Given) -> Changes {
        let mut changes = Changes::default();
        for key in keys::all().filter(|key| !self.0.agrees(&later.0, key.path)) {
            match key.effect {
                keys::Effect::Live => changes.live.push(key.path),
                keys::Effect::Used | keys::Effect::Unprotected(_) => changes.at_restart.push(key.path),
                keys::Effect::NotYet => {}
            }
        }
        changes.live.sort_unstable();
        changes.at_restart.sort_unstable();
        changes
    }

    /// The keys that a running agent takes over when it reads its configuration again, in alphabetical order.
    pub fn live_keys() -> Vec<&'static str> {
        let mut live: Vec<&str> = keys::all().filter(|key| key.effect == keys::Effect::Live).map(|key| key.path).collect();
        live.sort_unstable();
        live
    }
}

#[cfg(test)]
mod tests {
    use super::{Changes, Given};
    use crate::config::{Config, Host, Profile, Sources, load};

    fn of(text: &str) -> Config {
        let sources = Sources { profile: Profile::Dev, fragments: vec![text.to_owned()], ..Sources::default() };
        load(&sources, &Host { name: "box".to_owned(), ..Host::default() }).unwrap()
    }

    #[test]
    fn what_changed_is_told_by_when_it_takes_effect() {
        let before = of(r#"log_level = "info" service { name = "web" port = 1 } ports { http = 1 } ui = true"#);
        let same = of(r#"ports { http = 1 } ui = false log_level = "info" service { port = 1 name = "web" }"#);
        assert_eq!(before.given.changes(&same.given), Changes::default(), "ui has no effect");
        let after = of(r#"log_level = "warn" service { name = "web" port = 2 } check { name = "c" ttl = "1s" } retry_max = 3"#);
        let changes = before.given.changes(&after.given);
        assert_eq!(changes.live, ["check", "log_level", "service"]);
        assert_eq!(changes.at_restart, ["ports.http", "retry_max"]);
        let (dns, others): (Vec<&str>, Vec<&str>) = Given::live_keys().into_iter().partition(|key| key.starts_with("dns_config."));
        assert_eq!(
            others,
            [
                "check",
                "check_output_max_size",
                "checks",
                "discard_check_output",
                "log_level",
                "recursors",
                "service",
                "services",
                "watches"
            ]
        );
        assert!(dns.contains(&"dns_config.soa.min_ttl") && !dns.contains(&"dns_config.prefer_namespace"));
    }
}
