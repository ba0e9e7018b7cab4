//! `/v1/txn`: the body and the answer.

mod catalog;
mod kv;
#[cfg(test)]
mod tests;
mod write;

pub use write::{Currency, write_reply};

use super::ApiError;
use crate::config::definition::{self as bodies, DefinitionError, Dialect, Field, Fields, Shape, Value, field};
use crate::model::SessionId;
use crate::state::txn::TxnError;
use crate::state::{TxnOp, TxnRead};

/// The bounds of a transaction.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Most operations (`limits.txn_max_ops`).
    pub ops: usize,
    /// Longest value in bytes (`limits.kv_max_value_size`).
    pub value: u64,
}

/// What a body asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Txn {
    /// Operations that change nothing.
    Reads(Vec<TxnRead>),
    /// Operations at least one of which may change something.
    Changes(Vec<TxnOp>),
    /// It is not even tried: which operations say who or what they are about in a way that cannot be, and why.
    Failed(Vec<TxnError>),
}

/// What newer clients and Enterprise send as well.
const OTHERS: &[Field] = &[field("Namespace", ""), field("Partition", "")];

static OP: Shape = Shape {
    name: "TxnOp",
    fields: &[&[
        field("KV", ""),
        field("Node", ""),
        field("Service", ""),
        field("Check", ""),
        field("Session", ""),
        field("Intention", ""),
    ]],
};

static SESSION_OP: Shape = Shape { name: "SessionOp", fields: &[&[field("Verb", ""), field("Session", "")]] };
static SESSION: Shape = Shape { name: "Session", fields: &[&[field("ID", ""), field("Node", "")], OTHERS] };

/// Why an operation is not one.
enum Fault {
    /// The whole body is refused.
    Body(ApiError),
    /// The operation is not even tried, and the transaction with it.
    Op(String),
    /// The operation, a change, fails when it is tried: the others are tried as well.
    Change(String),
    /// The same of one that changes nothing.
    Look(String),
}

impl From<ApiError> for Fault {
    fn from(error: ApiError) -> Fault {
        Fault::Body(error)
    }
}

fn unread(error: DefinitionError) -> Fault {
    Fault::Body(failed_to_parse(&error.text))
}

fn failed_to_parse(why: &str) -> ApiError {
    ApiError::bad_request(format!("Failed to parse body: {why}"))
}

/// What was refused in a row of the catalog: one that cannot be read refuses the body, one that breaks a rule fails its operation.
fn of_row(error: ApiError) -> Fault {
    match error.status {
        400 => Fault::Body(failed_to_parse(error.text.trim_start_matches("Request decode failed: "))),
        _ => Fault::Op(error.text.into_owned()),
    }
}

fn open<'a>(value: &'a Value, shape: &'static Shape) -> Result<Fields<'a>, Fault> {
    Fields::open(value, shape, Dialect::Http, String::new()).map_err(unread)
}

/// The same for an object that has [`OTHERS`]: no namespace but the one there is.
fn open_spaced<'a>(value: &'a Value, shape: &'static Shape) -> Result<Fields<'a>, Fault> {
    let fields = open(value, shape)?;
    bodies::refuse_enterprise(&fields).map_err(unread)?;
    Ok(fields)
}

fn text(fields: &Fields<'_>, name: &'static str) -> Result<String, Fault> {
    fields.text(name).map_err(unread)
}

fn unsigned(fields: &Fields<'_>, name: &'static str) -> Result<u64, Fault> {
    Ok(fields.unsigned(name).map_err(unread)?.unwrap_or(0))
}

/// Reads the body of a transaction.
///
/// # Errors
/// 400 for what cannot be read, 413 for what is beyond the bounds.
pub fn parse(body: &[u8], bounds: Bounds) -> Result<Txn, ApiError> {
    let value = bodies::parse(body).map_err(|error| failed_to_parse(&error.text))?;
    let Value::List(items) = &value else {
        return Err(failed_to_parse(&format!("json: cannot unmarshal {} into Go value of type api.TxnOps", value.json_kind())));
    };
    if items.len() > bounds.ops {
        let text = format!("Transaction contains too many operations ({} > {})", items.len(), bounds.ops);
        return Err(ApiError::new(413, text));
    }
    let (mut ops, mut errors) = (Vec::with_capacity(items.len()), Vec::new());
    for (at, item) in (0..).zip(items) {
        match operation(item, bounds) {
            Ok(None) => {}
            Ok(Some(op)) => ops.push(op),
            Err(Fault::Body(error)) => return Err(error),
            Err(Fault::Op(what)) => errors.push(TxnError { op: at, what }),
            Err(Fault::Change(what)) => ops.push(TxnOp::Refused { what }),
            Err(Fault::Look(what)) => ops.push(TxnOp::Read(TxnRead::Refused { what })),
        }
    }
    Ok(if errors.is_empty() { sorted(ops) } else { Txn::Failed(errors) })
}

/// Tells reads from changes.
fn sorted(ops: Vec<TxnOp>) -> Txn {
    let is_read = |op: &TxnOp| matches!(op, TxnOp::Read(_));
    if !ops.iter().all(is_read) {
        return Txn::Changes(ops);
    }
    let read = |op| match op {
        TxnOp::Read(read) => Some(read),
        TxnOp::Kv(_) | TxnOp::Catalog(_) | TxnOp::DestroySession { .. } | TxnOp::Refused { .. } => None,
    };
    Txn::Reads(ops.into_iter().filter_map(read).collect())
}

/// One operation; `None` if the object names none.
fn operation(item: &Value, bounds: Bounds) -> Result<Option<TxnOp>, Fault> {
    if matches!(item, Value::Null) {
        return Ok(None);
    }
    let fields = open(item, &OP)?;
    if let Some(value) = fields.given("KV") {
        return kv::operation(value, bounds.value).map(Some);
    }
    if let Some(value) = fields.given("Node") {
        return catalog::node(value).map(Some);
    }
    if let Some(value) = fields.given("Service") {
        return catalog::service(value).map(Some);
    }
    if let Some(value) = fields.given("Check") {
        return catalog::check(value).map(Some);
    }
    match (fields.given("Session"), fields.given("Intention")) {
        (Some(value), _) => session(value).map(Some),
        (None, Some(_)) => Err(Fault::Op("Connect must be enabled in order to use this endpoint".to_owned())),
        (None, None) => Ok(None),
    }
}

fn session(value: &Value) -> Result<TxnOp, Fault> {
    let fields = open(value, &SESSION_OP)?;
    let verb = text(&fields, "Verb")?;
    if verb != "delete" {
        return Err(Fault::Change(format!("unknown Session verb {}", crate::model::quote(&verb))));
    }
    let id = match fields.given("Session") {
        Some(session) => text(&open_spaced(session, &SESSION)?, "ID")?,
        None => String::new(),
    };
    let id = SessionId::parse(&id).map_err(|error| Fault::Change(error.to_string()))?;
    Ok(TxnOp::DestroySession { id })
}
