//! `/v1/health/`.

use super::Call;
use super::catalog::no_proxies;
use super::rows::{Sheet, strange, write};
use crate::agent::query::{Query, ReadOptions, Rows, Subject};
use crate::api::ApiError;
use crate::api::catalog::Blank;
use crate::api::health::{write_check, write_instance};
use crate::runtime::Runtime;
use crate::server::http::backend::Backend;
use crate::server::http::reply::Reply;
use crate::server::http::routes::Health;

/// About how many bytes a check takes.
pub(super) const CHECK: usize = 352;
/// About how many bytes an instance takes with its node, without its checks.
const INSTANCE: usize = 720;

/// Answers a request below `/v1/health/`.
pub(super) async fn answer<R: Runtime, B: Backend>(endpoint: Health, call: &Call<'_, B>) -> Result<Reply, ApiError> {
    match endpoint {
        Health::Node => node::<R, B>(call).await,
        Health::Checks => of_service::<R, B>(call).await,
        Health::State => in_state::<R, B>(call).await,
        Health::Service => service::<R, B>(call).await,
        Health::Connect | Health::Ingress => no_proxies(call, Subject::Instances, "Missing service name").await,
    }
}

async fn node<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.choice(Subject::Checks)?;
    let node = call.needed("Missing node name")?;
    checks::<R, B>(call, Query::HealthNode { node, choice }, options).await
}

async fn of_service<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.choice(Subject::Checks)?;
    let service = call.needed("Missing service name")?;
    checks::<R, B>(call, Query::HealthChecks { service, choice }, options).await
}

async fn in_state<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.choice(Subject::Checks)?;
    let state = call.needed("Missing check state")?;
    checks::<R, B>(call, Query::HealthState { state, choice }, options).await
}

async fn checks<R: Runtime, B: Backend>(call: &Call<'_, B>, query: Query, options: ReadOptions) -> Result<Reply, ApiError> {
    let (Rows::Checks(mut checks), told) = call.ask(query, options).await? else { return Err(strange()) };
    call.nearest_first(&mut checks, |check| check.node()).await?;
    let sheet = Sheet::of(call);
    let reply = write::<R>(checks.len(), move || sheet.list(&checks, CHECK, |to, check, _| write_check(to, check, Blank::List))).await?;
    Ok(told.mark(reply))
}

async fn service<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let options = call.catalog_options()?;
    let choice = call.healthy_choice()?;
    let service = call.needed("Missing service name")?;
    let (Rows::Instances(mut instances), told) = call.ask(Query::HealthService { service, choice }, options).await? else {
        return Err(strange());
    };
    call.nearest_first(&mut instances, |one| &one.node.spec.name).await?;
    let told = if call.params.value("near").is_some() { told.asked_anew() } else { told };
    let sheet = Sheet::of(call);
    // Instances of one service have about as many checks each as the first has.
    let size = INSTANCE + instances.first().map_or(0, |first| first.checks.len() * CHECK);
    let reply = write::<R>(instances.len(), move || {
        sheet
            .list(&instances, size, |to, one, datacenter| write_instance(to, &one.node, &one.service, &one.checks, datacenter, Blank::List))
    });
    Ok(told.mark(reply.await?))
}
