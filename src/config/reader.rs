//! Takes values out of the merged settings and collects what is wrong with them, so that all of it is told at once.

use super::error::Problem;
use super::host::Host;
use super::settings::Settings;
use super::template;
use std::net::IpAddr;
use std::time::Duration;

/// The settings being read.
pub(super) struct Reader<'a> {
    pub(super) settings: &'a Settings,
    pub(super) host: &'a Host,
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<String>,
}

impl Reader<'_> {
    /// Keeps the problem, if there is one, and goes on with `instead`.
    pub(super) fn or<T>(&mut self, result: Result<T, Problem>, instead: T) -> T {
        result.unwrap_or_else(|problem| {
            self.problems.push(problem);
            instead
        })
    }

    /// A rule over several keys is broken.
    pub(super) fn broken(&mut self, rule: impl Into<String>) {
        self.problems.push(Problem::Rule(rule.into()));
    }

    /// A switch, `off` or on unless set.
    pub(super) fn switch(&self, path: &str, unless_set: bool) -> bool {
        self.settings.switch(path).unwrap_or(unless_set)
    }

    /// A whole number from `least` to `most`.
    pub(super) fn int(&mut self, path: &str, unless_set: i64, least: i64, most: i64) -> i64 {
        match self.settings.int(path) {
            None => unless_set,
            Some(n) if (least..=most).contains(&n) => n,
            Some(n) => {
                self.problems.push(Problem::value(path, n, format!("must be between {least} and {most}")));
                unless_set
            }
        }
    }

    /// A count: [`Reader::int`] with no upper bound but what the machine can count to in a `u32`.
    pub(super) fn count(&mut self, path: &str, unless_set: u32, least: u32) -> u32 {
        let n = self.int(path, i64::from(unless_set), i64::from(least), i64::from(u32::MAX));
        u32::try_from(n).expect("within its bounds")
    }

    /// Like [`Reader::count`], with a greatest value too.
    pub(super) fn count_within(&mut self, path: &str, unless_set: u32, least: u32, most: u32) -> u32 {
        let n = self.int(path, i64::from(unless_set), i64::from(least), i64::from(most));
        u32::try_from(n).expect("within its bounds")
    }

    /// Like [`Reader::count`], where 0 stands for the default.
    pub(super) fn count_or_default(&mut self, path: &str, default: u32) -> u32 {
        match self.count(path, default, 0) {
            0 => default,
            n => n,
        }
    }

    /// A duration of at least `least`.
    pub(super) fn span(&mut self, path: &str, unless_set: Duration, least: Duration) -> Duration {
        match self.settings.span(path) {
            None => unless_set,
            Some(d) if d >= least => d,
            Some(d) => {
                let rule = format!("must be at least {}", crate::model::duration::format(least));
                self.problems.push(Problem::value(path, crate::model::duration::format(d), rule));
                unless_set
            }
        }
    }

    /// A duration from `least` to `most`.
    pub(super) fn span_within(&mut self, path: &str, unless_set: Duration, least: Duration, most: Duration) -> Duration {
        let given = self.span(path, unless_set, least);
        if given <= most {
            return given;
        }
        let [shown, least, most] = [given, least, most].map(crate::model::duration::format);
        self.problems.push(Problem::value(path, shown, format!("must be between {least} and {most}")));
        unless_set
    }

    /// The addresses under a key, templates replaced; `None` if it is not set.
    pub(super) fn addresses(&mut self, path: &str) -> Option<Vec<IpAddr>> {
        let text = self.settings.text(path)?;
        let expanded = template::expand(self.host, path, text);
        let expanded = self.or(expanded, String::new());
        let mut addresses = Vec::new();
        for word in expanded.split_whitespace() {
            match word.trim_start_matches('[').trim_end_matches(']').parse() {
                Ok(ip) => addresses.push(ip),
                Err(_) if word.starts_with("unix://") => {
                    self.problems.push(Problem::value(path, format!("{word:?}"), "is a unix socket, which this version does not serve"));
                }
                Err(_) => self.problems.push(Problem::value(path, format!("{word:?}"), "must be an ip address")),
            }
        }
        Some(addresses)
    }

    /// The one address under a key.
    pub(super) fn address(&mut self, path: &str) -> Option<IpAddr> {
        let before = self.problems.len();
        let addresses = self.addresses(path)?;
        match addresses.as_slice() {
            [] if self.problems.len() == before => self.broken(format!("{path} cannot be empty")),
            [] | [_] => {}
            [_, ..] => self.broken(format!("{path} cannot contain multiple addresses")),
        }
        addresses.first().copied()
    }

    /// The port under a key; zero and below is off, as in Consul.
    pub(super) fn port(&mut self, path: &str, unless_set: u16) -> Option<u16> {
        let n = self.settings.int(path).unwrap_or(i64::from(unless_set));
        match u16::try_from(n) {
            Ok(port) if port > 0 => Some(port),
            Err(_) if n > 0 => {
                self.problems.push(Problem::value(path, n, "must be between -1 and 65535"));
                None
            }
            Ok(_) | Err(_) => None,
        }
    }
}
