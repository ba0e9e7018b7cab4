//! How a check of the catalog is run, for whoever runs it: kept as JSON text in the form Consul gives it back.

use super::unread;
use crate::api::ApiError;
use crate::api::document::Document;
use crate::api::json::Layout;
use crate::config::definition::{DefinitionError, Dialect, Field, Fields, Shape, Value, field};
use crate::model::duration;
use std::time::Duration;

/// A `Definition` object.
#[derive(Debug, Default)]
pub(super) struct Definition {
    /// As JSON text; empty if it says nothing.
    pub(super) json: String,
    /// What sort of check it is.
    pub(super) kind: &'static str,
}

/// The fields in the order they are given back. Those after the durations are given back as they came, unless they say nothing.
const SPANS: [(&str, &str); 3] = [
    ("Interval", "IntervalDuration"),
    ("Timeout", "TimeoutDuration"),
    ("DeregisterCriticalServiceAfter", "DeregisterCriticalServiceAfterDuration"),
];

/// A field's type in Go.
#[derive(Debug, Clone, Copy)]
enum Type {
    Text,
    Switch,
    Number,
    Texts,
    TextsMap,
    Span,
}

const PLAIN: [(&str, Type); 23] = [
    ("OutputMaxSize", Type::Number),
    ("HTTP", Type::Text),
    ("TLSServerName", Type::Text),
    ("TLSSkipVerify", Type::Switch),
    ("Header", Type::TextsMap),
    ("Method", Type::Text),
    ("Body", Type::Text),
    ("DisableRedirects", Type::Switch),
    ("TCP", Type::Text),
    ("TCPUseTLS", Type::Switch),
    ("UDP", Type::Text),
    ("H2PING", Type::Text),
    ("H2PingUseTLS", Type::Switch),
    ("OSService", Type::Text),
    ("ScriptArgs", Type::Texts),
    ("DockerContainerID", Type::Text),
    ("Shell", Type::Text),
    ("GRPC", Type::Text),
    ("GRPCUseTLS", Type::Switch),
    ("AliasNode", Type::Text),
    ("AliasService", Type::Text),
    ("SessionName", Type::Text),
    ("TTL", Type::Span),
];

const FIELDS: &[Field] = &{
    let mut fields = [const { field("", "") }; PLAIN.len() + 2 * SPANS.len()];
    let mut at = 0;
    while at < PLAIN.len() {
        fields[at] = field(PLAIN[at].0, "");
        at += 1;
    }
    let mut span = 0;
    while span < SPANS.len() {
        fields[at] = field(SPANS[span].0, "");
        fields[at + 1] = field(SPANS[span].1, "");
        at += 2;
        span += 1;
    }
    fields
};

static SHAPE: Shape = Shape { name: "HealthCheckDefinition", fields: &[FIELDS] };

/// Reads a `Definition`. What it has beside the known fields is left out, as in Consul.
pub(super) fn read(value: &Value) -> Result<Definition, ApiError> {
    let known = SHAPE.overlook_unknown(value);
    let fields = Fields::open(&known, &SHAPE, Dialect::Http, String::new()).map_err(unread)?;
    let json = write(&fields).map_err(unread)?;
    Ok(Definition { json, kind: kind(&fields).map_err(unread)? })
}

fn write(fields: &Fields<'_>) -> Result<String, DefinitionError> {
    let mut parts: Vec<(&str, Part)> = Vec::new();
    for (name, other_name) in SPANS {
        let span = match fields.given(other_name) {
            Some(_) => fields.span(other_name)?,
            None => fields.span(name)?,
        };
        if !span.is_zero() {
            parts.push((name, Part::Text(duration::format(span))));
        }
    }
    for (name, kind) in PLAIN {
        if let Some(part) = part(fields, name, kind)? {
            parts.push((name, part));
        }
    }
    if parts.is_empty() {
        return Ok(String::new());
    }
    let mut to = Document::default();
    to.object(parts, Part::write);
    Ok(String::from_utf8(to.finish(Layout::Compact)).expect("a document is made of texts"))
}

/// A field that says something.
enum Part {
    Text(String),
    Truth,
    Number(i64),
    Texts(Vec<String>),
    TextsMap(std::collections::BTreeMap<String, Vec<String>>),
}

impl Part {
    fn write(to: &mut Document, part: Part) {
        let texts = |to: &mut Document, texts: &[String]| to.texts(texts.iter().map(String::as_str));
        match part {
            Part::Text(text) => to.text(&text),
            Part::Truth => to.truth(true),
            Part::Number(number) => to.number(number),
            Part::Texts(list) => texts(to, &list),
            Part::TextsMap(map) => to.object(map.iter().map(|(name, list)| (name.as_str(), list)), |to, list| texts(to, list)),
        }
    }
}

fn part(fields: &Fields<'_>, name: &'static str, kind: Type) -> Result<Option<Part>, DefinitionError> {
    Ok(match kind {
        Type::Text => Some(fields.text(name)?).filter(|text| !text.is_empty()).map(Part::Text),
        Type::Switch => fields.switch(name)?.filter(|on| *on).map(|_| Part::Truth),
        Type::Number => fields.int(name)?.filter(|number| *number != 0).map(Part::Number),
        Type::Texts => Some(fields.texts(name)?).filter(|list| !list.is_empty()).map(Part::Texts),
        Type::TextsMap => Some(fields.texts_map(name)?).filter(|map| !map.is_empty()).map(Part::TextsMap),
        // Alone among the durations it is given back as a number of nanoseconds.
        Type::Span => Some(fields.span(name)?).filter(|span| *span != Duration::ZERO).map(|span| Part::Number(nanos(span))),
    })
}

fn nanos(span: Duration) -> i64 {
    i64::try_from(span.as_nanos()).unwrap_or(i64::MAX)
}

/// What sort of check it is; the first that fits.
fn kind(fields: &Fields<'_>) -> Result<&'static str, DefinitionError> {
    let has = |name| Ok(!fields.text(name)?.is_empty());
    let runs = !fields.texts("ScriptArgs")?.is_empty();
    Ok(match () {
        () if has("GRPC")? => "grpc",
        () if has("HTTP")? => "http",
        () if !fields.span("TTL")?.is_zero() => "ttl",
        () if has("TCP")? => "tcp",
        () if has("UDP")? => "udp",
        () if has("AliasNode")? || has("AliasService")? => "alias",
        () if runs && has("DockerContainerID")? => "docker",
        () if runs => "script",
        () if has("H2PING")? => "h2ping",
        () if has("OSService")? => "os_service",
        () => "",
    })
}
