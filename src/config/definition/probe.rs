//! What a check does: one probe, chosen among the fields given as Consul chooses.

use super::error::DefinitionError;
use super::fields::Fields;
use crate::model::{HttpExpectation, HttpProbe, Probe, Redirects, TlsProbe, Trust};
use std::time::Duration;

/// Largest compiled regular expression of `HTTPBody`, in bytes.
const LARGEST_PATTERN: usize = 1 << 20;

/// Fields that stand for a kind of check which Consul does not have.
pub(super) const OURS: [&str; 7] = ["Postgres", "Redis", "MySQL", "DNS", "SMTP", "All", "Any"];

/// When a check runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    pub(super) interval: Duration,
    pub(super) ttl: Duration,
}

/// Where a check stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    /// By itself: clients see it.
    Whole,
    /// As a leaf of a tree: nobody can feed it or ask for it.
    Leaf,
}

/// The fields that stand for a kind of check, as given.
#[derive(Debug)]
pub(super) struct Kinds {
    script: Vec<String>,
    http: String,
    tcp: String,
    udp: String,
    grpc: String,
    h2ping: String,
    alias_node: String,
    alias_service: String,
    os_service: String,
    /// The one of [`OURS`] that is given.
    pub(super) ours: Option<&'static str>,
}

impl Kinds {
    pub(super) fn read(fields: &Fields<'_>) -> Result<Kinds, DefinitionError> {
        Ok(Kinds {
            script: fields.texts("ScriptArgs")?,
            http: fields.text("HTTP")?,
            tcp: fields.text("TCP")?,
            udp: fields.text("UDP")?,
            grpc: fields.text("GRPC")?,
            h2ping: fields.text("H2PING")?,
            alias_node: fields.text("AliasNode")?,
            alias_service: fields.text("AliasService")?,
            os_service: fields.text("OSService")?,
            ours: OURS.into_iter().find(|ours| is_given(fields, ours)),
        })
    }

    fn is_alias(&self) -> bool {
        !self.alias_node.is_empty() || !self.alias_service.is_empty()
    }

    /// Whether something is done at each interval.
    fn is_run(&self) -> bool {
        let texts = [&self.http, &self.tcp, &self.udp, &self.grpc, &self.h2ping, &self.os_service];
        self.ours.is_some() || !self.script.is_empty() || texts.iter().any(|text| !text.is_empty())
    }

    /// Consul's rules in its order, and ours.
    pub(super) fn check_rules(&self, fields: &Fields<'_>, timing: Timing, position: Position) -> Result<(), DefinitionError> {
        let Timing { interval, ttl } = timing;
        if !interval.is_zero() && !ttl.is_zero() {
            return Err(fields.broken("Interval", "Interval and TTL cannot both be specified"));
        }
        if self.is_run() && interval.is_zero() {
            return Err(fields.broken("Interval", "Interval must be > 0 for Script, HTTP, H2PING, or TCP checks"));
        }
        if self.is_run() && self.is_alias() {
            return Err(fields.broken("Interval", "Interval cannot be set for Alias checks"));
        }
        if self.is_alias() && !ttl.is_zero() {
            return Err(fields.broken("TTL", "TTL must be not be set for Alias checks"));
        }
        if position == Position::Leaf && !self.is_run() {
            return Err(DefinitionError::rule(fields.path.clone(), "Part of a tree must be a check that is run, not a TTL or Alias check"));
        }
        if !self.is_run() && !self.is_alias() && ttl.is_zero() {
            return Err(fields.broken("TTL", "TTL must be > 0 for TTL checks"));
        }
        if !self.os_service.is_empty() {
            return Err(fields.broken("OSService", "OSService checks ask Windows for a service, and this agent does not run there"));
        }
        self.only_one_of_ours(fields)
    }

    /// Consul chooses when several of its kinds are given; with ours there is no precedent, so two are a mistake.
    fn only_one_of_ours(&self, fields: &Fields<'_>) -> Result<(), DefinitionError> {
        let Some(ours) = self.ours else { return Ok(()) };
        let consuls = ["ScriptArgs", "HTTP", "TCP", "UDP", "GRPC", "H2PING"];
        match consuls.into_iter().chain(OURS).find(|name| *name != ours && is_given(fields, name)) {
            Some(other) => {
                Err(fields.broken(ours, format!("{ours} and {other} are two checks: give each its own, or join them with All or Any")))
            }
            None => Ok(()),
        }
    }
}

/// Whether a field says something.
pub(super) fn is_given(fields: &Fields<'_>, name: &'static str) -> bool {
    fields.given(name).is_some_and(|value| !value.is_blank())
}

/// Reads the probe of a check of Consul's kinds. Every field is read whatever the probe is, so that a wrong type is told always.
pub(super) fn read(fields: &Fields<'_>, kinds: Kinds, timing: Timing) -> Result<Probe, DefinitionError> {
    let tls = tls(fields)?;
    let http = http(fields, &kinds.http, tls.clone())?;
    let (docker, shell) = (fields.text("DockerContainerID")?, fields.text("Shell")?);
    let (tcp_tls, grpc_tls) = (fields.switch("TCPUseTLS")?, fields.switch("GRPCUseTLS")?);
    let h2ping_tls = fields.switch("H2PingUseTLS")?.unwrap_or(true);
    let over_tls = |on: bool| on.then(|| tls.clone());
    Ok(if !timing.ttl.is_zero() {
        Probe::Ttl { ttl: timing.ttl }
    } else if !kinds.http.is_empty() {
        Probe::Http(http)
    } else if !kinds.tcp.is_empty() {
        Probe::Tcp { addr: kinds.tcp, tls: over_tls(tcp_tls == Some(true)) }
    } else if !kinds.udp.is_empty() {
        Probe::Udp { addr: kinds.udp }
    } else if !kinds.grpc.is_empty() {
        Probe::Grpc { target: kinds.grpc, tls: over_tls(grpc_tls == Some(true)) }
    } else if !kinds.script.is_empty() && !docker.is_empty() {
        Probe::Docker { container: docker, shell, args: kinds.script }
    } else if !kinds.script.is_empty() {
        Probe::Script { args: kinds.script }
    } else if !kinds.h2ping.is_empty() {
        Probe::H2Ping { addr: kinds.h2ping, tls: over_tls(h2ping_tls) }
    } else {
        Probe::Alias { node: kinds.alias_node, service: kinds.alias_service }
    })
}

fn tls(fields: &Fields<'_>) -> Result<TlsProbe, DefinitionError> {
    let trust = if fields.switch("TLSSkipVerify")? == Some(true) { Trust::Any } else { Trust::Verified };
    Ok(TlsProbe { trust, server_name: fields.text("TLSServerName")? })
}

fn http(fields: &Fields<'_>, url: &str, tls: TlsProbe) -> Result<HttpProbe, DefinitionError> {
    let redirects = if fields.switch("DisableRedirects")? == Some(true) { Redirects::Refuse } else { Redirects::Follow };
    Ok(HttpProbe {
        url: url.to_owned(),
        method: fields.text("Method")?,
        headers: fields.texts_map("Header")?,
        body: fields.text("Body")?,
        tls,
        redirects,
        expect: expectation(fields, url)?,
    })
}

/// What the answer must be besides a good one.
fn expectation(fields: &Fields<'_>, url: &str) -> Result<Option<HttpExpectation>, DefinitionError> {
    let (body, status) = (fields.text("HTTPBody")?, fields.int("HTTPStatus")?);
    let status = status.filter(|status| *status != 0);
    if body.is_empty() && status.is_none() {
        return Ok(None);
    }
    let expected = if body.is_empty() { "HTTPStatus" } else { "HTTPBody" };
    if url.is_empty() {
        return Err(fields.broken(expected, format!("{expected} says what the answer to HTTP must be: give HTTP too")));
    }
    if let Err(error) = regex::RegexBuilder::new(&body).size_limit(LARGEST_PATTERN).build() {
        return Err(fields.broken("HTTPBody", format!("HTTPBody must be a regular expression: {error}")));
    }
    let status = match status.map(u16::try_from) {
        None => None,
        Some(Ok(status)) if (100..=999).contains(&status) => Some(status),
        Some(_) => return Err(fields.broken("HTTPStatus", "HTTPStatus must be a status: 100 to 999")),
    };
    Ok(Some(HttpExpectation { status, body }))
}
