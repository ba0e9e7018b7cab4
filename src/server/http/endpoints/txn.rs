//! `/v1/txn`.

use super::Call;
use super::rows::{Sheet, strange, write};
use crate::agent::query::{Query, ReadMode, ReadOptions, Rows};
use crate::api::ApiError;
use crate::api::limit::BodyLimit;
use crate::api::txn::{self, Bounds, Currency, Txn, write_reply};
use crate::runtime::Runtime;
use crate::server::http::backend::Backend;
use crate::server::http::reply::{self, Reply};
use crate::state::{Command, Reply as Outcome, TxnRead, TxnReply};
use hyper::StatusCode;
use hyper::body::Incoming;

/// About how many bytes a row takes beside a value.
const ROW: usize = 256;

/// Does all operations or none; those that change nothing are answered from one view.
pub(super) async fn answer<R: Runtime, B: Backend>(call: &Call<'_, B>, body: Incoming) -> Result<Reply, ApiError> {
    call.check_namespace()?;
    let limit = BodyLimit::of_txn(call.settings.txn_max_req_len.max(call.settings.kv_max_value_size));
    let body = call.body::<R>(body, limit).await?;
    let bounds = Bounds { ops: call.settings.txn_max_ops as usize, value: call.settings.kv_max_value_size };
    match txn::parse(&body, bounds)? {
        Txn::Reads(reads) => read::<R, B>(call, reads).await,
        Txn::Changes(ops) => change::<R, B>(call, Command::Txn(ops)).await,
        Txn::Failed(errors) => document::<R, B>(call, TxnReply::Failed(errors), None).await,
    }
}

async fn change<R: Runtime, B: Backend>(call: &Call<'_, B>, command: Command) -> Result<Reply, ApiError> {
    match call.backend.write(command, call.dc()).await? {
        (_, Outcome::Txn(reply)) => document::<R, B>(call, reply, None).await,
        (_, Outcome::Refused(text) | Outcome::LockLost(text)) => Err(ApiError::internal(text)),
        (_, Outcome::Done | Outcome::Took(_) | Outcome::Locked(_) | Outcome::Superseded { .. }) => Err(strange()),
    }
}

async fn read<R: Runtime, B: Backend>(call: &Call<'_, B>, reads: Vec<TxnRead>) -> Result<Reply, ApiError> {
    let options = ReadOptions { min_index: 0, cached: None, ..call.read_options()? };
    let consistency = match options.mode {
        ReadMode::Default => "leader",
        ReadMode::Consistent => "consistent",
        ReadMode::Stale { .. } => "stale",
    };
    let mut answered = call.read(Query::Txn { reads }, options).await?;
    let Rows::Txn(done) = std::mem::replace(&mut answered.answer.rows, Rows::Absent) else { return Err(strange()) };
    let currency = Currency {
        index: answered.answer.marks.index,
        last_contact: answered.last_contact,
        known_leader: answered.known_leader,
        consistency,
    };
    let reply = document::<R, B>(call, done, Some(currency)).await?;
    Ok(reply::mark_contact(reply, &answered))
}

async fn document<R: Runtime, B: Backend>(call: &Call<'_, B>, done: TxnReply, currency: Option<Currency>) -> Result<Reply, ApiError> {
    let (rows, status) = match &done {
        TxnReply::Done(rows) => (rows.len(), StatusCode::OK),
        TxnReply::Failed(errors) => (errors.len(), StatusCode::CONFLICT),
    };
    let sheet = Sheet::of(call);
    let written = write::<R>(rows, move || sheet.document(rows * ROW, |to| write_reply(to, &done, currency, &sheet.datacenter)));
    let mut reply = written.await?;
    *reply.status_mut() = status;
    Ok(reply)
}
