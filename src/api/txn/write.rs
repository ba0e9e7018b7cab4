//! The answer of a transaction.

use crate::api::catalog::{Blank, write_node, write_service};
use crate::api::document::Document;
use crate::api::health::write_check;
use crate::api::json::{Layout, to_vec};
use crate::api::kv::EntryShape;
use crate::model::{Datacenter, Index};
use crate::state::TxnReply;
use crate::state::kv::Entry;
use crate::state::txn::{TxnError, TxnRow};
use std::time::Duration;

/// What the answer of a transaction that changes nothing says of its currency.
#[derive(Debug, Clone, Copy)]
pub struct Currency {
    /// The last change of anything.
    pub index: Index,
    /// How long ago the server that answered heard of the leader.
    pub last_contact: Duration,
    /// Whether it knows one.
    pub known_leader: bool,
    /// How the consistency that was asked for was met.
    pub consistency: &'static str,
}

/// Writes the answer; `currency` if nothing was to be changed.
pub fn write_reply(to: &mut Document, reply: &TxnReply, currency: Option<Currency>, datacenter: &Datacenter) {
    match reply {
        TxnReply::Done(rows) => {
            to.raw("{\"Results\":");
            to.list(rows, |to, row| write_row(to, row, datacenter));
            to.raw(",\"Errors\":null");
        }
        TxnReply::Failed(errors) => {
            to.raw("{\"Results\":null,\"Errors\":");
            to.list(errors, write_error);
        }
    }
    if let Some(currency) = currency {
        write_currency(to, currency);
    }
    to.raw("}");
}

fn write_error(to: &mut Document, error: &TxnError) {
    to.raw("{\"OpIndex\":");
    to.index(error.op.into());
    to.raw(",\"What\":");
    to.text(&error.what);
    to.raw("}");
}

fn write_row(to: &mut Document, row: &TxnRow, datacenter: &Datacenter) {
    match row {
        TxnRow::Entry(entry) => {
            to.raw("{\"KV\":");
            write_entry(to, entry);
        }
        TxnRow::Node(node) => {
            to.raw("{\"Node\":");
            write_node(to, node, datacenter);
        }
        TxnRow::Service(service) => {
            to.raw("{\"Service\":");
            write_service(to, service, Blank::Null);
        }
        TxnRow::Check(check) => {
            to.raw("{\"Check\":");
            write_check(to, check, Blank::Null);
        }
    }
    to.raw("}");
}

fn write_entry(to: &mut Document, entry: &Entry) {
    let json = to_vec(Layout::Compact, &EntryShape::from(entry));
    to.raw(std::str::from_utf8(&json).expect("JSON is text"));
}

fn write_currency(to: &mut Document, currency: Currency) {
    to.raw(",\"Index\":");
    to.index(currency.index);
    to.raw(",\"LastContact\":");
    to.index(u64::try_from(currency.last_contact.as_nanos()).unwrap_or(u64::MAX));
    to.raw(",\"KnownLeader\":");
    to.truth(currency.known_leader);
    to.raw(",\"ConsistencyLevel\":");
    to.text(currency.consistency);
    to.raw(",\"NotModified\":false,\"Backend\":0");
}
