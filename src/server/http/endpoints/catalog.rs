//! `/v1/catalog/`.

use super::Call;
use super::rows::{Sheet, strange, write};
use crate::agent::query::{Choice, Query, Rows, Subject};
use crate::api::ApiError;
use crate::api::catalog::{Blank, write_catalog_service, write_node, write_service};
use crate::api::registration::{self, CatalogWrite};
use crate::runtime::Runtime;
use crate::server::http::backend::{Backend, Origin};
use crate::server::http::reply::{self, Reply};
use crate::server::http::routes::Catalog;
use crate::state::Command;
use hyper::body::Incoming;
use std::time::Duration;

/// About how many bytes a row takes.
const NODE: usize = 320;
const INSTANCE: usize = 640;

/// Answers a request below `/v1/catalog/`.
pub(super) async fn answer<R: Runtime, B: Backend>(endpoint: Catalog, call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    match endpoint {
        Catalog::Register => register::<R, B>(call, body).await,
        Catalog::Deregister => deregister::<R, B>(call, body).await,
        Catalog::Datacenters => datacenters(call).await,
        Catalog::Nodes => nodes::<R, B>(call).await,
        Catalog::Services => services::<R, B>(call).await,
        Catalog::Service => service::<R, B>(call).await,
        Catalog::Connect => no_proxies(call, Subject::CatalogServices, "Missing service name").await,
        Catalog::Node => node::<R, B>(call).await,
        Catalog::NodeServices => node_services::<R, B>(call).await,
        Catalog::GatewayServices => no_proxies(call, Subject::CatalogServices, "Missing gateway name").await,
    }
}

async fn register<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let body = call.body::<R>(body, registration::LONGEST).await?;
    change(call, registration::parse_registration(&body)?).await
}

async fn deregister<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let body = call.body::<R>(body, registration::LONGEST).await?;
    change(call, registration::parse_deregistration(&body)?).await
}

/// The datacenter in the body goes before the parameter.
async fn change<B: Backend>(call: &Call<'_, B>, asked: CatalogWrite) -> Result<Reply, ApiError> {
    let datacenter = asked.datacenter.or_else(|| call.dc());
    let (_, outcome) = call.backend.write(Command::Catalog(asked.command), datacenter).await?;
    outcome.settled().map_err(ApiError::internal)?;
    Ok(reply::json(call.layout, &true))
}

async fn datacenters<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let mut reply = reply::json(call.layout, &call.backend.datacenters().await?);
    if call.params.has("cached") {
        // Every agent knows them by itself.
        reply::mark_origin(reply.headers_mut(), Origin::Held { age: Duration::ZERO });
    }
    Ok(reply)
}

async fn nodes<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.choice(Subject::Nodes)?;
    let (Rows::Nodes(mut nodes), told) = call.ask(Query::CatalogNodes { choice }, options).await? else { return Err(strange()) };
    call.nearest_first(&mut nodes, |node| &node.spec.name).await?;
    let sheet = Sheet::of(call);
    let reply = write::<R>(nodes.len(), move || sheet.list(&nodes, NODE, |to, node, datacenter| write_node(to, node, datacenter))).await?;
    Ok(told.mark(reply))
}

async fn services<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.choice(Subject::CatalogServices)?;
    let (Rows::ServiceNames(services), told) = call.ask(Query::CatalogServices { choice }, options).await? else { return Err(strange()) };
    let sheet = Sheet::of(call);
    let reply = write::<R>(services.len(), move || {
        sheet.document(services.len() * 32, |to| {
            to.object(services.iter().map(|(name, tags)| (&**name, tags)), |to, tags| to.texts(tags.iter().map(|tag| &**tag)));
        })
    });
    Ok(told.mark(reply.await?))
}

async fn service<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.tagged_choice(Subject::CatalogServices)?;
    let service = call.needed("Missing service name")?;
    let (Rows::Instances(mut instances), told) = call.ask(Query::CatalogService { service, choice }, options).await? else {
        return Err(strange());
    };
    call.nearest_first(&mut instances, |one| &one.node.spec.name).await?;
    let sheet = Sheet::of(call);
    let reply = write::<R>(instances.len(), move || {
        sheet.list(&instances, INSTANCE, |to, one, datacenter| write_catalog_service(to, &one.node, &one.service, datacenter))
    });
    Ok(told.mark(reply.await?))
}

/// `catalog/connect/`, `health/connect/`, `health/ingress/`, `catalog/gateway-services/`: no service has a proxy here. The list is empty, and waiting
/// for it to change is waiting for the service.
pub(super) async fn no_proxies<B: Backend>(call: &Call<'_, B>, subject: Subject, missing: &'static str) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    call.choice(subject)?;
    crate::api::health::passing(call.params)?;
    let service = call.needed(missing)?;
    let (_, told) = call.ask(Query::CatalogService { service, choice: Choice::default() }, options).await?;
    Ok(told.mark(reply::json(call.layout, &[(); 0])))
}

async fn node<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.choice(Subject::Services)?;
    let node = call.needed("Missing node name")?;
    let (Rows::NodeServices(found), told) = call.ask(Query::CatalogNode { node, choice }, options).await? else { return Err(strange()) };
    let Some(found) = found else { return Ok(told.mark(reply::json(call.layout, &()))) };
    let sheet = Sheet::of(call);
    let reply = write::<R>(found.services.len(), move || {
        sheet.document(NODE + found.services.len() * INSTANCE, |to| {
            to.raw("{\"Node\":");
            write_node(to, &found.node, &sheet.datacenter);
            to.raw(",\"Services\":");
            to.object(found.services.iter().map(|service| (service.id(), service)), |to, service| write_service(to, service, Blank::List));
            to.raw("}");
        })
    });
    Ok(told.mark(reply.await?))
}

async fn node_services<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.choice(Subject::Services)?;
    let node = call.needed("Missing node name")?;
    let (Rows::NodeServices(found), told) = call.ask(Query::CatalogNode { node, choice }, options).await? else { return Err(strange()) };
    let sheet = Sheet::of(call);
    let rows = found.as_ref().map_or(0, |found| found.services.len());
    let reply = write::<R>(rows, move || {
        sheet.document(NODE + rows * INSTANCE, |to| {
            let Some(found) = &found else { return to.raw("{\"Node\":null,\"Services\":null}") };
            to.raw("{\"Node\":");
            write_node(to, &found.node, &sheet.datacenter);
            to.raw(",\"Services\":");
            to.list(&found.services, |to, service| write_service(to, service, Blank::List));
            to.raw("}");
        })
    });
    Ok(told.mark(reply.await?))
}
