//! `/v1/query`: bodies, rules and shapes of prepared queries.

use super::ApiError;
use super::document::Document;
use crate::config::definition::{self as bodies, DefinitionError, Dialect, Field, Fields, Shape, Value, field};
use crate::model::{Index, duration};
use crate::state::queries::{QuerySpec, ServiceQuery, TemplateSpec};

/// Stands for a token that is not shown; nobody means to keep it.
const HIDDEN: &str = "<hidden>";

const OTHERS: &[Field] = &[field("CreateIndex", ""), field("ModifyIndex", ""), field("Namespace", ""), field("Partition", "")];

static QUERY: Shape = Shape {
    name: "PreparedQuery",
    fields: &[
        &[
            field("ID", ""),
            field("Name", ""),
            field("Session", ""),
            field("Token", ""),
            field("Template", ""),
            field("Service", ""),
            field("DNS", ""),
        ],
        OTHERS,
    ],
};

static TEMPLATE: Shape =
    Shape { name: "QueryTemplateOptions", fields: &[&[field("Type", ""), field("Regexp", ""), field("RemoveEmptyTags", "")]] };

static SERVICE: Shape = Shape {
    name: "ServiceQuery",
    fields: &[
        &[
            field("Service", ""),
            field("Failover", ""),
            field("OnlyPassing", ""),
            field("IgnoreCheckIDs", ""),
            field("Near", ""),
            field("Tags", ""),
            field("NodeMeta", ""),
            field("ServiceMeta", ""),
            field("Connect", ""),
            field("Peer", ""),
            field("SamenessGroup", ""),
        ],
        OTHERS,
    ],
};

static FAILOVER: Shape = Shape {
    name: "QueryFailoverOptions",
    fields: &[&[field("NearestN", ""), field("Datacenters", ""), field("Targets", ""), field("Regions", "")]],
};

static TARGET: Shape = Shape { name: "QueryFailoverTarget", fields: &[&[field("Datacenter", ""), field("Peer", "")], OTHERS] };

static DNS: Shape = Shape { name: "QueryDNSOptions", fields: &[&[field("TTL", "")]] };

/// A query as it was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SentQuery {
    /// The id that its sender gave it.
    pub id: String,
    /// What it says. Its rules are still to be checked ([`check`]).
    pub spec: QuerySpec,
    /// As sent: a negative one is refused by its rule.
    nearest_n: i64,
}

fn unread(error: DefinitionError) -> ApiError {
    ApiError::bad_request(format!("Request decode failed: {}", error.text))
}

fn part<'a>(fields: &Fields<'a>, name: &'static str, shape: &'static Shape) -> Result<Fields<'a>, ApiError> {
    Fields::open(fields.given(name).unwrap_or(&Value::Null), shape, Dialect::Http, String::new()).map_err(unread)
}

/// Reads a body.
///
/// # Errors
/// 400 for what cannot be read.
pub fn parse(body: &[u8]) -> Result<SentQuery, ApiError> {
    let value = bodies::parse(body).map_err(unread)?;
    let fields = Fields::open(&value, &QUERY, Dialect::Http, String::new()).map_err(unread)?;
    let text = |name| fields.text(name).map_err(unread);
    let template = part(&fields, "Template", &TEMPLATE)?;
    let (service, nearest_n) = service(&part(&fields, "Service", &SERVICE)?)?;
    let spec = QuerySpec {
        name: text("Name")?,
        session: text("Session")?,
        token: text("Token")?,
        template: TemplateSpec {
            kind: template.text("Type").map_err(unread)?,
            regexp: template.text("Regexp").map_err(unread)?,
            remove_empty_tags: template.switch("RemoveEmptyTags").map_err(unread)? == Some(true),
        },
        service,
        dns_ttl: part(&fields, "DNS", &DNS)?.text("TTL").map_err(unread)?,
    };
    Ok(SentQuery { id: text("ID")?, spec, nearest_n })
}

fn service(fields: &Fields<'_>) -> Result<(ServiceQuery, i64), ApiError> {
    let failover = part(fields, "Failover", &FAILOVER)?;
    let mut datacenters = failover.texts("Datacenters").map_err(unread)?;
    for (target, _) in failover.objects("Targets").map_err(unread)? {
        let target = Fields::open(target, &TARGET, Dialect::Http, String::new()).map_err(unread)?;
        datacenters.extend(Some(target.text("Datacenter").map_err(unread)?).filter(|name| !name.is_empty()));
    }
    let switch = |name| fields.switch(name).map(|on| on == Some(true)).map_err(unread);
    let nearest_n = failover.int("NearestN").map_err(unread)?.unwrap_or(0);
    let service = ServiceQuery {
        service: fields.text("Service").map_err(unread)?,
        nearest_n: u32::try_from(nearest_n).unwrap_or(0),
        datacenters,
        only_passing: switch("OnlyPassing")?,
        ignore_check_ids: fields.texts("IgnoreCheckIDs").map_err(unread)?,
        near: fields.text("Near").map_err(unread)?,
        tags: fields.texts("Tags").map_err(unread)?,
        node_meta: fields.text_map("NodeMeta").map_err(unread)?,
        service_meta: fields.text_map("ServiceMeta").map_err(unread)?,
        connect: switch("Connect")?,
    };
    Ok((service, nearest_n))
}

/// Whether a name would be taken for an id.
fn looks_like_an_id(name: &str) -> bool {
    uuid::Uuid::parse_str(name).is_ok_and(|_| name.len() == 36)
}

/// Whether a query may be kept, as far as it says itself.
///
/// # Errors
/// 500 with Consul's text.
pub fn check(sent: &SentQuery) -> Result<(), ApiError> {
    let refused = |why: String| Err(ApiError::internal(format!("Invalid prepared query: {why}")));
    let spec = &sent.spec;
    if spec.name.is_empty() && spec.session.is_empty() && !spec.is_template() {
        return refused("Must be bound to a session".to_owned());
    }
    if looks_like_an_id(&spec.name) {
        return refused(format!("Bad Name '{}', it must not look like a UUID: a query is found by its id before its name", spec.name));
    }
    if spec.token == HIDDEN {
        return refused(format!("Bad Token '{HIDDEN}', it looks like a query definition with a redacted token was submitted"));
    }
    if spec.service.service.is_empty() {
        return refused("Must provide a Service name to query".to_owned());
    }
    if sent.nearest_n < 0 || sent.nearest_n > i64::from(u32::MAX) {
        return refused(format!("Bad NearestN '{}', must be >= 0", sent.nearest_n));
    }
    match duration::parse(&spec.dns_ttl) {
        _ if spec.dns_ttl.is_empty() => Ok(()),
        Ok(_) => Ok(()),
        Err(duration::DurationError::Negative(_)) => refused(format!("DNS TTL '{}', must be >=0", spec.dns_ttl)),
        Err(e) => refused(format!("Bad DNS TTL '{}': {e}", spec.dns_ttl)),
    }
}

/// What a path below `/v1/query/` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way<'a> {
    /// The query with this id.
    Itself(&'a str),
    /// The instances that the query with this id or name finds.
    Execute(&'a str),
    /// What becomes of a template asked by this name.
    Explain(&'a str),
}

impl<'a> Way<'a> {
    /// Reads the part of the path behind the route.
    pub fn of(segment: &'a str) -> Way<'a> {
        match (segment.strip_suffix("/execute"), segment.strip_suffix("/explain")) {
            (Some(name), _) => Way::Execute(name),
            (None, Some(name)) => Way::Explain(name),
            (None, None) => Way::Itself(segment),
        }
    }
}

/// A query's id in lower case.
///
/// # Errors
/// 500 if it cannot be one.
pub fn id(text: &str) -> Result<String, ApiError> {
    match text.len() {
        36 => Ok(text.to_lowercase()),
        _ => Err(ApiError::internal("failed prepared query lookup: index error: UUID must be 36 characters")),
    }
}

/// Writes a query as clients see it.
pub fn write_query(to: &mut Document, id: &str, spec: &QuerySpec, (create_index, modify_index): (Index, Index)) {
    let text = |to: &mut Document, name: &str, text: &str| {
        to.raw(name);
        to.text(text);
    };
    text(to, "{\"ID\":", id);
    text(to, ",\"Name\":", &spec.name);
    text(to, ",\"Session\":", &spec.session);
    text(to, ",\"Token\":", &spec.token);
    text(to, ",\"Template\":{\"Type\":", &spec.template.kind);
    text(to, ",\"Regexp\":", &spec.template.regexp);
    to.raw(",\"RemoveEmptyTags\":");
    to.truth(spec.template.remove_empty_tags);
    to.raw("},\"Service\":");
    write_service(to, &spec.service);
    text(to, ",\"DNS\":{\"TTL\":", &spec.dns_ttl);
    to.raw("}");
    super::catalog::write_indexes(to, create_index, modify_index);
}

fn write_service(to: &mut Document, service: &ServiceQuery) {
    to.raw("{\"Service\":");
    to.text(&service.service);
    to.raw(",\"Failover\":{\"NearestN\":");
    to.number(service.nearest_n.into());
    to.raw(",\"Datacenters\":");
    texts_or_null(to, &service.datacenters);
    to.raw("},\"OnlyPassing\":");
    to.truth(service.only_passing);
    to.raw(",\"IgnoreCheckIDs\":");
    texts_or_null(to, &service.ignore_check_ids);
    to.raw(",\"Near\":");
    to.text(&service.near);
    to.raw(",\"Tags\":");
    texts_or_null(to, &service.tags);
    to.raw(",\"NodeMeta\":");
    to.map_or_null(&service.node_meta);
    to.raw(",\"ServiceMeta\":");
    to.map_or_null(&service.service_meta);
    to.raw(",\"Connect\":");
    to.truth(service.connect);
    to.raw("}");
}

fn texts_or_null(to: &mut Document, texts: &[String]) {
    match texts {
        [] => to.raw("null"),
        texts => to.texts(texts.iter().map(String::as_str)),
    }
}

#[cfg(test)]
mod tests;
