//! `/v1/session/`.

use super::rows::strange;
use super::{Call, MOST_JSON};
use crate::agent::expiry::Renewed;
use crate::agent::query::{Query, Rows};
use crate::api::ApiError;
use crate::api::json::to_vec;
use crate::api::session::{self, Created, SessionShape};
use crate::model::SessionId;
use crate::runtime::Runtime;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Effective, Reply};
use crate::server::http::routes::Session as Route;
use crate::state::timers::Timer;
use crate::state::{Command, SessionCommand};
use hyper::body::Incoming;

/// Answers a request below `/v1/session/`.
pub(super) async fn answer<R: Runtime, B: Backend>(endpoint: Route, call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    match endpoint {
        Route::Create => create::<R, B>(call, body).await,
        Route::Destroy => destroy(call).await,
        Route::Renew => renew(call).await,
        Route::Info => list::<R, B>(call, Query::Session { id: id(call)? }).await,
        Route::List => list::<R, B>(call, Query::Sessions).await,
        Route::Node => list::<R, B>(call, Query::SessionsOfNode { node: call.needed("Missing node name")? }).await,
    }
}

fn id<B: Backend>(call: &Call<'_, B>) -> Result<SessionId, ApiError> {
    session::parse_id(&call.needed("Missing session")?)
}

async fn create<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let body = call.body::<R>(body, MOST_JSON).await?;
    let spec = session::parse_create(&body, call.backend.node_name())?;
    let mut bytes = [0; 16];
    bytes.chunks_mut(8).for_each(|half| half.copy_from_slice(&R::random().to_le_bytes()));
    let id = SessionId::from_random(bytes);
    let (_, outcome) = call.backend.write(Command::Session(SessionCommand::Create { id, spec }), call.dc()).await?;
    outcome.settled().map_err(|why| ApiError::internal(format!("apply failed: {why}")))?;
    Ok(reply::json(call.layout, &Created { id: id.to_string() }))
}

async fn destroy<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let id = id(call)?;
    let (_, outcome) = call.backend.write(Command::Session(SessionCommand::Destroy { id }), call.dc()).await?;
    Ok(reply::json(call.layout, &outcome.settled().map_err(ApiError::internal)?))
}

async fn renew<B: Backend>(call: &Call<'_, B>) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let id = id(call)?;
    match call.backend.renew(Timer::Session(id), call.dc()).await? {
        Renewed::Session(session) => Ok(reply::json(call.layout, &[SessionShape::from(&*session)])),
        Renewed::Gone => Err(ApiError::new(404, format!("Session id '{}' not found", call.needed("Missing session")?))),
        Renewed::Key => Err(strange()),
    }
}

async fn list<R: Runtime, B: Backend>(call: &Call<'_, B>, query: Query) -> Result<Reply, ApiError> {
    let answered = call.read(query, call.read_options()?).await?;
    let Rows::Sessions(sessions) = answered.answer.rows.clone() else { return Err(strange()) };
    let layout = call.layout;
    let document = super::rows::write::<R>(sessions.len(), move || {
        to_vec(layout, &sessions.iter().map(|session| SessionShape::from(&**session)).collect::<Vec<_>>())
    });
    Ok(reply::mark(document.await?, &answered, Effective::Untold))
}
