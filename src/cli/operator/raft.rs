//! `operator raft`: the servers in Raft.

use crate::cli::args::{FlagSpec, value};
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use crate::cli::table::{header, table};
use serde::Deserialize;

pub(crate) const REMOVE_FLAGS: &[FlagSpec] =
    &[value("address", "Address of the server to remove, host:port."), value("id", "ID of the server to remove.")];

pub(crate) const TRANSFER_FLAGS: &[FlagSpec] = &[value("id", "ID of the server to lead; the best one unless set.")];

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Configuration {
    servers: Vec<Server>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Server {
    #[serde(rename = "ID")]
    id: String,
    node: String,
    address: String,
    leader: bool,
    voter: bool,
    #[serde(default)]
    protocol_version: String,
}

/// `operator raft list-peers`.
pub(crate) fn list_peers(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let query = Query::default().with_server_flags(&call.args);
    let found: Configuration =
        call.client()?.json("/v1/operator/raft/configuration", query).map_err(|e| format!("Error getting peers: {e}"))?;
    let mut rows = vec![header(["Node", "ID", "Address", "State", "Voter", "RaftProtocol"])];
    for server in found.servers {
        let state = if server.leader { "leader" } else { "follower" };
        rows.push([server.node, server.id, server.address, state.to_owned(), server.voter.to_string(), server.protocol_version]);
    }
    Ok(Report::text(table(&rows)))
}

/// `operator raft remove-peer`.
pub(crate) fn remove_peer(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let (parameter, what, value) = match (call.args.value("id"), call.args.value("address")) {
        (Some(id), None) => ("id", "id", id),
        (None, Some(address)) => ("address", "address", address),
        (Some(_), Some(_)) => return Err("Error removing peer: cannot remove peer both by id and address".to_owned()),
        (None, None) => return Err("Error removing peer: an address or id is required for the peer to remove".to_owned()),
    };
    let query = Query::default().with(parameter, value).with_some("dc", call.args.value("datacenter"));
    let answer = call.client()?.succeed("DELETE", "/v1/operator/raft/peer", query, Vec::new());
    answer.map_err(|e| format!("Error removing peer: {e}"))?;
    Ok(Report::line(format!("Removed peer with {what} {value:?}")))
}

/// `operator raft transfer-leader`.
pub(crate) fn transfer_leader(call: &Call<'_>) -> Outcome {
    call.args.no_words()?;
    let query = Query::default().with_some("id", call.args.value("id")).with_some("dc", call.args.value("datacenter"));
    let answer = call.client()?.succeed("POST", "/v1/operator/raft/transfer-leader", query, Vec::new());
    answer.map_err(|e| format!("Error transferring leadership: {e}"))?;
    Ok(Report::line("Success"))
}
