//! What an answer about the catalog says, read as a client of Consul reads it.

use crate::invariants::catalog::observed::Subject;
use crate::invariants::catalog::reference::{health_line, instance_line, services_line};
use crate::workload::Reply;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Node {
    #[serde(rename = "ID")]
    id: String,
    node: String,
    address: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Service {
    #[serde(rename = "ID")]
    id: String,
    tags: Vec<String>,
    port: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Check {
    #[serde(rename = "CheckID")]
    check_id: String,
    status: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Health {
    node: Node,
    service: Service,
    checks: Vec<Check>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Flat {
    node: String,
    #[serde(rename = "ServiceID")]
    service_id: String,
    service_tags: Vec<String>,
    service_port: i64,
}

/// The index and the lines of an answer; `None` if the agent could not answer now, an error if the answer makes no sense.
pub fn read(reply: &Reply, subject: &Subject) -> Result<Option<(u64, Vec<String>)>, String> {
    match reply.status {
        200 => {}
        500.. => return Ok(None),
        status => return Err(format!("{status} {}", reply.body.escape_ascii())),
    }
    let mut lines = match subject {
        Subject::Health { .. } => rows::<Vec<Health>>(reply)?.iter().map(Health::line).collect(),
        Subject::Instances { .. } => rows::<Vec<Flat>>(reply)?.iter().map(Flat::line).collect(),
        Subject::Services => services(&rows(reply)?),
        Subject::Nodes => rows::<Vec<Node>>(reply)?.iter().map(Node::line).collect::<Vec<String>>(),
    };
    lines.sort();
    let index = reply.headers.get("x-consul-index").and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    match index {
        Some(0) | None => Err("X-Consul-Index is missing, no number, or 0".to_owned()),
        Some(index) => Ok(Some((index, lines))),
    }
}

fn rows<'a, T: Deserialize<'a>>(reply: &'a Reply) -> Result<T, String> {
    serde_json::from_slice(&reply.body).map_err(|e| format!("{e}: {}", reply.body.escape_ascii()))
}

fn services(map: &BTreeMap<String, Vec<String>>) -> Vec<String> {
    map.iter().map(|(name, tags)| services_line(name, tags.iter().map(String::as_str).collect::<BTreeSet<_>>())).collect()
}

impl Health {
    fn line(&self) -> String {
        let checks = self.checks.iter().map(|check| format!("{}={}", check.check_id, check.status)).collect();
        health_line(&self.node.node, &self.service.id, &self.service.tags, self.service.port, checks)
    }
}

impl Flat {
    fn line(&self) -> String {
        instance_line(&self.node, &self.service_id, &self.service_tags, self.service_port)
    }
}

impl Node {
    fn line(&self) -> String {
        format!("{} {} {}", self.node, self.id, self.address)
    }
}
