//! `/v1/internal/ui/`: what a user interface shows at a glance.

use super::Call;
use super::rows::{Sheet, strange, write};
use crate::agent::query::{Query, Rows};
use crate::api::ApiError;
use crate::api::ui::{Overview, write_whole_node};
use crate::runtime::Runtime;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Reply};
use crate::server::http::routes::Ui;
use hyper::StatusCode;

/// About how many bytes a node takes with what belongs to it.
const NODE: usize = 4_096;

/// Answers a request below `/v1/internal/ui/`.
pub(super) async fn answer<R: Runtime, B: Backend>(endpoint: Ui, call: &Call<'_, B>) -> Result<Reply, ApiError> {
    match endpoint {
        Ui::Services => services::<R, B>(call).await,
        Ui::Nodes => nodes::<R, B>(call).await,
        Ui::Node => node(call).await,
    }
}

async fn services<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let (Rows::WholeNodes(nodes), told) = call.ask(Query::WholeCatalog, call.catalog_options()?).await? else { return Err(strange()) };
    let sheet = Sheet::of(call);
    let reply = write::<R>(nodes.len(), move || {
        let mut overview = Overview::default();
        nodes.iter().for_each(|whole| overview.add(&whole.node, &whole.services, &whole.checks));
        sheet.document(nodes.len() * 64, |to| overview.write(to, &sheet.datacenter))
    });
    Ok(told.mark(reply.await?))
}

async fn nodes<R: Runtime, B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let (Rows::WholeNodes(nodes), told) = call.ask(Query::WholeCatalog, call.catalog_options()?).await? else { return Err(strange()) };
    let sheet = Sheet::of(call);
    let reply = write::<R>(nodes.len(), move || {
        sheet.list(&nodes, NODE, |to, whole, _| write_whole_node(to, &whole.node, &whole.services, &whole.checks))
    });
    Ok(told.mark(reply.await?))
}

async fn node<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    let node = call.needed("Missing node name")?;
    let (Rows::WholeNode(found), told) = call.ask(Query::WholeNode { node }, call.catalog_options()?).await? else { return Err(strange()) };
    let reply = match found {
        Some(whole) => {
            let document = Sheet::of(call).document(NODE, |to| write_whole_node(to, &whole.node, &whole.services, &whole.checks));
            reply::document(StatusCode::OK, document)
        }
        None => reply::empty(StatusCode::NOT_FOUND),
    };
    Ok(told.mark(reply))
}
