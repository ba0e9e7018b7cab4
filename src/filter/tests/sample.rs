//! A record with a field of every kind.

use crate::filter::{Field, Kind, Record, Texts, Value};
use serde::Serialize;
use std::collections::BTreeMap;

const ADDRESS: &[Field] = &[Field::new("Address", Kind::Text), Field::new("Port", Kind::Integer)];
const CHECK: &[Field] = &[Field::new("Status", Kind::Text), Field::new("Tags", Kind::Texts)];

pub(super) const FIELDS: &[Field] = &[
    Field::new("Name", Kind::Text),
    Field::new("Port", Kind::Integer),
    Field::new("Override", Kind::Boolean),
    Field::new("Tags", Kind::Texts),
    Field::new("Meta", Kind::TextMap),
    Field::new("Address", Kind::Record(ADDRESS)),
    Field::new("Addresses", Kind::RecordMap(ADDRESS)),
    Field::new("Checks", Kind::Records(CHECK)),
    Field::new("Nodes", Kind::Records(CHECK)),
];

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Address {
    pub(super) address: String,
    pub(super) port: i64,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Check {
    pub(super) status: String,
    pub(super) tags: Vec<String>,
}

#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) port: i64,
    pub(super) r#override: bool,
    pub(super) tags: Vec<String>,
    pub(super) meta: BTreeMap<String, String>,
    pub(super) address: Address,
    pub(super) addresses: BTreeMap<String, Address>,
    pub(super) checks: Vec<Check>,
    pub(super) nodes: Vec<Check>,
}

pub(super) fn sample() -> Sample {
    let address = Address { address: "10.0.0.1".to_owned(), port: 8080 };
    let check = |status: &str, tags: &[&str]| Check { status: status.to_owned(), tags: tags.iter().map(|tag| (*tag).to_owned()).collect() };
    Sample {
        name: "web".to_owned(),
        port: 80,
        r#override: true,
        tags: vec!["v1".to_owned(), "v2".to_owned()],
        meta: [("env".to_owned(), "prod".to_owned())].into(),
        addresses: [("lan".to_owned(), address.clone())].into(),
        address,
        checks: vec![check("passing", &["x"]), check("critical", &[])],
        nodes: vec![],
    }
}

impl Record for Address {
    fn field(&self, name: &str, judge: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        judge(match name {
            "Address" => Value::Text(&self.address),
            "Port" => Value::Integer(self.port),
            _ => Value::Nothing,
        })
    }
}

impl Record for Check {
    fn field(&self, name: &str, judge: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        judge(match name {
            "Status" => Value::Text(&self.status),
            "Tags" => Value::Texts(Texts::Owned(&self.tags)),
            _ => Value::Nothing,
        })
    }
}

impl Record for Sample {
    fn field(&self, name: &str, judge: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
        judge(match name {
            "Name" => Value::Text(&self.name),
            "Port" => Value::Integer(self.port),
            "Override" => Value::Boolean(self.r#override),
            "Tags" => Value::Texts(Texts::Owned(&self.tags)),
            "Meta" => Value::TextMap(&self.meta),
            "Address" => Value::Record(&self.address),
            "Addresses" => Value::RecordMap(&self.addresses),
            "Checks" => Value::Records(&self.checks),
            "Nodes" => Value::Records(&self.nodes),
            _ => Value::Nothing,
        })
    }
}
