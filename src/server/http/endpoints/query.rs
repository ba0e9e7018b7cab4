//! `/v1/query`: prepared queries.

use super::rows::{Sheet, strange};
use super::{Call, MOST_JSON};
use crate::agent::query::{Executed, Execution, NotExecuted, Query, ReadOptions, Rows};
use crate::api::catalog::Blank;
use crate::api::document::Document;
use crate::api::health::write_instance;
use crate::api::query::{self, Way, write_query};
use crate::api::{ApiError, number};
use crate::model::{Datacenter, NodeId};
use crate::runtime::Runtime;
use crate::server::http::backend::{Answered, Backend};
use crate::server::http::reply::{self, Effective, Reply};
use crate::server::http::routes::Verb;
use crate::state::queries::PreparedQuery;
use crate::state::{Command, QueryCommand};
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{ALLOW, HeaderValue};
use serde::Serialize;
use std::sync::Arc;

/// About how many bytes a query takes.
const QUERY: usize = 512;
/// About how many bytes an instance takes with its node and a check or two.
const INSTANCE: usize = 1_400;

#[derive(Serialize)]
struct Created {
    #[serde(rename = "ID")]
    id: String,
}

/// `/v1/query`.
pub(super) async fn all<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    match call.verb {
        Verb::Get => list(call, None).await,
        Verb::Post | Verb::Put | Verb::Delete => create::<R, B>(call, body).await,
    }
}

/// `/v1/query/`.
pub(super) async fn one<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    let name = call.name();
    match (Way::of(&name), call.verb) {
        (Way::Itself(id), Verb::Get) => list(call, Some(query::id(id)?)).await,
        (Way::Itself(id), Verb::Put) => update::<R, B>(call, id, body).await,
        (Way::Itself(id), Verb::Delete | Verb::Post) => {
            let command = QueryCommand::Delete { id: query::id(id)? };
            change(call, command).await.map(|()| reply::empty(StatusCode::OK))
        }
        (Way::Execute(name), Verb::Get) => execute::<R, B>(call, name).await,
        (Way::Explain(name), Verb::Get) => explain(call, name).await,
        (Way::Execute(_) | Way::Explain(_), verb) => {
            let mut refused = reply::text(StatusCode::METHOD_NOT_ALLOWED, format!("method {} not allowed", verb.as_str()));
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
            Ok(refused)
        }
    }
}

async fn list<B: Backend>(call: &Call<'_, B>, id: Option<String>) -> Result<Reply, ApiError> {
    let options = call.read_options()?;
    let single = id.is_some();
    let answered = call.read(Query::PreparedQueries { id }, options).await?;
    let Rows::PreparedQueries(found) = &answered.answer.rows else { return Err(strange()) };
    if single && found.is_empty() {
        return Err(ApiError::new(404, "Query not found"));
    }
    let write = |to: &mut Document, row: &Arc<PreparedQuery>, _: &Datacenter| {
        write_query(to, &row.id, &row.spec, (row.create_index, row.modify_index));
    };
    let document = Sheet::of(call).list(found, QUERY, write);
    Ok(reply::mark(reply::document(StatusCode::OK, document), &answered, Effective::Told))
}

async fn create<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let sent = query::parse(&call.body::<R>(body, MOST_JSON).await?)?;
    if !sent.id.is_empty() {
        return Err(ApiError::internal("ID must be empty when creating a new prepared query"));
    }
    query::check(&sent)?;
    let mut drawn = [0; 16];
    drawn[..8].copy_from_slice(&R::random().to_le_bytes());
    drawn[8..].copy_from_slice(&R::random().to_le_bytes());
    let id = NodeId::from_random(drawn).to_string();
    change(call, QueryCommand::Create { id: id.clone(), query: sent.spec }).await?;
    Ok(reply::json(call.layout, &Created { id }))
}

async fn update<R: Runtime, B: Backend>(call: &Call<'_, B>, id: &str, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let sent = query::parse(&call.body::<R>(body, MOST_JSON).await?)?;
    let id = query::id(id)?;
    query::check(&sent)?;
    change(call, QueryCommand::Update { id, query: sent.spec }).await?;
    Ok(reply::empty(StatusCode::OK))
}

async fn change<B: Backend>(call: &Call<'_, B>, command: QueryCommand) -> Result<(), ApiError> {
    let (_, outcome) = call.backend.write(Command::Query(command), call.dc()).await?;
    outcome.settled().map(drop).map_err(ApiError::internal)
}

/// Reads never wait: the answer is not the state's alone.
fn options_of<B: Backend>(call: &Call<'_, B>) -> Result<ReadOptions, ApiError> {
    Ok(ReadOptions { min_index: 0, cached: None, ..call.read_options()? })
}

async fn explain<B: Backend>(call: &Call<'_, B>, name: &str) -> Result<Reply, ApiError> {
    let options = options_of(call)?;
    let answered = call.read(Query::ExplainPrepared { name: name.to_owned(), segment: String::new() }, options).await?;
    let explained = match &answered.answer.rows {
        Rows::Explained(explained) => explained.as_deref().map_err(refused)?,
        _ => return Err(strange()),
    };
    let document = Sheet::of(call).document(QUERY, |to| {
        to.raw("{\"Query\":");
        write_query(to, &explained.id, &explained.spec, explained.indexes);
        write_meta(to, &answered);
    });
    Ok(reply::mark(reply::document(StatusCode::OK, document), &answered, Effective::Told))
}

async fn execute<R: Runtime, B: Backend>(call: &Call<'_, B>, name: &str) -> Result<Reply, ApiError> {
    let options = options_of(call)?;
    let execution = Execution {
        limit: limit(call)?,
        near: call.params.value("near").unwrap_or_default().to_owned(),
        agent: call.backend.node_name().as_str().to_owned(),
        client: call.client().to_string(),
        segment: String::new(),
        seed: R::random(),
    };
    let asked = Query::ExecutePrepared { name: name.to_owned(), execution: execution.clone() };
    let mut answered = call.read(asked, options.clone()).await?;
    let mut found = executed(&mut answered)?;
    let mut datacenter = options.dc.clone().unwrap_or_else(|| call.backend.datacenter().as_str().to_owned());
    let mut failovers = 0;
    if found.instances.is_empty() {
        for other in others(call, &found, &datacenter).await? {
            failovers += 1;
            let elsewhere = Query::ExecuteForOther { query: Box::new(found.query.clone()), execution: execution.clone() };
            // One that does not answer is passed over.
            let Ok(mut answer) = call.read(elsewhere, ReadOptions { dc: Some(other.clone()), ..options.clone() }).await else { continue };
            let instances = executed(&mut answer)?.instances;
            datacenter = other;
            if !instances.is_empty() {
                found.instances = instances;
                break;
            }
        }
    }
    let sheet =
        Sheet { datacenter: Datacenter::parse(&datacenter).unwrap_or_else(|_| call.backend.datacenter().clone()), ..Sheet::of(call) };
    let document = sheet.document(256 + found.instances.len() * INSTANCE, |to| {
        to.raw("{\"Service\":");
        to.text(&found.query.service);
        to.raw(",\"Nodes\":");
        to.list(&found.instances, |to, one| write_instance(to, &one.node, &one.service, &one.checks, &sheet.datacenter, Blank::Null));
        to.raw(",\"DNS\":{\"TTL\":");
        to.text(&found.dns_ttl);
        to.raw("},\"Datacenter\":");
        to.text(&datacenter);
        to.raw(",\"Failovers\":");
        to.number(failovers);
        write_meta(to, &answered);
    });
    Ok(reply::mark(reply::document(StatusCode::OK, document), &answered, Effective::Told))
}

fn executed(answered: &mut Answered) -> Result<Executed, ApiError> {
    match std::mem::replace(&mut answered.answer.rows, Rows::Absent) {
        Rows::Executed(executed) => executed.map(|executed| *executed).map_err(|e| refused(&e)),
        _ => Err(strange()),
    }
}

fn refused(error: &NotExecuted) -> ApiError {
    match error {
        NotExecuted::NotFound => ApiError::new(404, error.to_string()),
        NotExecuted::TemplateById | NotExecuted::Unreadable(_) => ApiError::internal(error.to_string()),
    }
}

/// The datacenters a query falls back on, in order, once each: the nearest it asks for, then those it names. Unknown ones are passed over.
async fn others<B: Backend>(call: &Call<'_, B>, found: &Executed, here: &str) -> Result<Vec<String>, ApiError> {
    if found.query.nearest_n == 0 && found.query.datacenters.is_empty() {
        return Ok(Vec::new());
    }
    let known: Vec<String> = call.backend.datacenters().await?.into_iter().filter(|name| name != here).collect();
    let mut others: Vec<String> = known.iter().take(found.query.nearest_n as usize).cloned().collect();
    for name in &found.query.datacenters {
        if !known.contains(name) {
            tracing::debug!(datacenter = name, "a prepared query falls back on a datacenter that is not known");
        } else if !others.contains(name) {
            others.push(name.clone());
        }
    }
    Ok(others)
}

fn limit<B: Backend>(call: &Call<'_, B>) -> Result<u64, ApiError> {
    match call.params.value("limit") {
        None => Ok(0),
        // Go takes a sign; fewer than none are all.
        Some(text) if text.strip_prefix('-').is_some_and(|digits| number::parse_u64(digits).is_ok()) => Ok(0),
        Some(text) => {
            number::parse_u64(text.strip_prefix('+').unwrap_or(text)).map_err(|why| ApiError::internal(format!("Bad limit: {why}")))
        }
    }
}

/// What both answers end with.
fn write_meta(to: &mut Document, answered: &Answered) {
    to.raw(",\"Index\":");
    to.index(answered.answer.marks.index.max(1));
    to.raw(",\"LastContact\":");
    to.number(i64::try_from(answered.last_contact.as_nanos()).unwrap_or(i64::MAX));
    to.raw(",\"KnownLeader\":");
    to.truth(answered.known_leader);
    to.raw(",\"ConsistencyLevel\":");
    to.text(reply::word_of(answered.mode));
    to.raw(",\"NotModified\":false,\"Backend\":0}");
}
