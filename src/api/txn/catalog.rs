//! Operations on nodes, instances and checks, as they are sent.

use super::{Fault, OTHERS, of_row, open, open_spaced, text, unsigned};
use crate::api::registration::{self, RowKind};
use crate::config::definition::{Shape, Value, field};
use crate::model::{NodeName, quote};
use crate::state::nodes::NodeSpec;
use crate::state::txn::NodeRef;
use crate::state::{CatalogOp, Condition, TxnOp, TxnRead};

static NODE_OP: Shape = Shape { name: "TxnNodeOp", fields: &[&[field("Verb", ""), field("Node", "")]] };
static SERVICE_OP: Shape = Shape { name: "TxnServiceOp", fields: &[&[field("Verb", ""), field("Node", ""), field("Service", "")]] };
static CHECK_OP: Shape = Shape { name: "TxnCheckOp", fields: &[&[field("Verb", ""), field("Check", "")]] };

static NODE: Shape = Shape {
    name: "Node",
    fields: &[
        &[
            field("ID", ""),
            field("Node", ""),
            field("Address", ""),
            field("Datacenter", ""),
            field("TaggedAddresses", ""),
            field("Meta", ""),
            field("PeerName", ""),
            field("Locality", ""),
            field("CreateIndex", ""),
            field("ModifyIndex", ""),
        ],
        OTHERS,
    ],
};

/// What a verb does to a row.
enum Act {
    Get,
    Put(Condition),
    Delete(Condition),
}

/// Reads the verb of an operation on rows of a `kind` that were last changed at `index`, as it says.
fn act(verb: &str, kind: &str, index: u64) -> Result<Act, Fault> {
    Ok(match verb {
        "get" => Act::Get,
        "set" => Act::Put(Condition::Always),
        "cas" => Act::Put(Condition::of_write(index)),
        "delete" => Act::Delete(Condition::Always),
        "delete-cas" => Act::Delete(Condition::At(index)),
        unknown => return Err(Fault::Change(format!("unknown {kind} verb {}", quote(unknown)))),
    })
}

fn node_name(text: &str) -> Result<NodeName, Fault> {
    registration::node_name(text).map_err(of_row)
}

fn catalog(op: CatalogOp) -> TxnOp {
    TxnOp::Catalog(op)
}

pub(super) fn node(value: &Value) -> Result<TxnOp, Fault> {
    let fields = open(value, &NODE_OP)?;
    let verb = text(&fields, "Verb")?;
    let blank = Value::Object(Vec::new());
    let row = open_spaced(fields.given("Node").unwrap_or(&blank), &NODE)?;
    let (name, address) = (text(&row, "Node")?, text(&row, "Address")?);
    let tagged_addresses = row.text_map("TaggedAddresses").map_err(super::unread)?;
    let meta = row.text_map("Meta").map_err(super::unread)?;
    let act = act(&verb, "Node", unsigned(&row, "ModifyIndex")?)?;
    let id = registration::node_id(&text(&row, "ID")?).map_err(of_row)?;
    Ok(match act {
        Act::Put(condition) => {
            let name = node_name(&name)?;
            if address.is_empty() {
                return Err(Fault::Op("Must provide address".to_owned()));
            }
            catalog(CatalogOp::PutNode { node: NodeSpec { id, name, address, tagged_addresses, meta }, condition })
        }
        Act::Get => TxnOp::Read(TxnRead::Node { node: NodeRef { id, name } }),
        Act::Delete(condition) => catalog(CatalogOp::DeleteNode { node: NodeRef { id, name }, condition }),
    })
}

pub(super) fn service(value: &Value) -> Result<TxnOp, Fault> {
    let fields = open(value, &SERVICE_OP)?;
    let verb = text(&fields, "Verb")?;
    let blank = Value::Object(Vec::new());
    let row = fields.given("Service").unwrap_or(&blank);
    let index = registration::modify_index(row, RowKind::Service).map_err(of_row)?;
    let spec = registration::service(row).map_err(of_row)?;
    let act = act(&verb, "Service", index)?;
    let node = node_name(&text(&fields, "Node")?)?;
    Ok(match act {
        Act::Put(condition) => {
            let service = registration::with_id(spec).map_err(of_row)?;
            catalog(CatalogOp::PutService { node, service, condition })
        }
        Act::Get => TxnOp::Read(TxnRead::Service { node, service: either(spec.id, spec.name) }),
        Act::Delete(condition) => catalog(CatalogOp::DeleteService { node, service: either(spec.id, spec.name), condition }),
    })
}

/// An id that was left out is the name.
fn either(id: String, name: String) -> String {
    if id.is_empty() { name } else { id }
}

pub(super) fn check(value: &Value) -> Result<TxnOp, Fault> {
    let fields = open(value, &CHECK_OP)?;
    let verb = text(&fields, "Verb")?;
    let blank = Value::Object(Vec::new());
    let row = fields.given("Check").unwrap_or(&blank);
    let index = registration::modify_index(row, RowKind::Check).map_err(of_row)?;
    let sent = registration::check(row).map_err(of_row)?;
    let act = act(&verb, "Check", index)?;
    let node = node_name(&sent.node)?;
    let check = sent.of(&node).map_err(of_row)?;
    Ok(match act {
        Act::Put(condition) => catalog(CatalogOp::PutCheck { node, check, condition }),
        Act::Get => TxnOp::Read(TxnRead::Check { node, check: check.id }),
        Act::Delete(condition) => catalog(CatalogOp::DeleteCheck { node, check: check.id, condition }),
    })
}
