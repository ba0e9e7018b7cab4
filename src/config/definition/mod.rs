//! Definitions of services and checks, as they come in the body of a request and in configuration files: one set of names, rules and
//! defaults for both, which are Consul's.
//!
//! What Consul has not: a check may be `Postgres`, `Redis`, `MySQL`, `DNS` or `SMTP` (an address, or a block with parameters), an `HTTP` check
//! may say what its answer must be (`HTTPBody`, a regular expression, and `HTTPStatus`), and `All` and `Any` join checks into one.

mod check;
mod error;
mod fields;
pub(super) mod meta;
mod native;
mod probe;
mod service;
mod shapes;
mod value;

#[cfg(test)]
mod tests;

pub use error::{DefinitionError, Mistake};
pub use fields::Dialect;
pub(crate) use fields::{Field, Fields, Shape, field};
pub(crate) use value::Value;

use super::tree::Tree;
use crate::model::{CheckDefinition, ServiceDefinition};

/// Reads the body of a service's registration.
///
/// # Errors
/// Text that is not JSON, an unknown field, a value of the wrong type, or a broken rule of Consul's.
pub fn service_from_json(body: &[u8]) -> Result<ServiceDefinition, DefinitionError> {
    service::read(&parse(body)?, Dialect::Http)
}

/// Whether the body of a service's registration gives it several named ports, as newer clients may; its one `Port` is all that counts here.
pub fn names_ports(body: &[u8]) -> bool {
    const KEY: &[u8] = br#""Ports""#;
    // Hardly any body does, and reading each of them twice would cost more than telling is worth.
    body.windows(KEY.len()).any(|part| part.eq_ignore_ascii_case(KEY)) && parse(body).is_ok_and(|value| service::names_ports(&value))
}

/// Reads the body of a check's registration.
///
/// # Errors
/// As [`service_from_json`].
pub fn check_from_json(body: &[u8]) -> Result<CheckDefinition, DefinitionError> {
    check::standalone(&parse(body)?, Dialect::Http)
}

/// Reads a `service` block of a file.
pub(super) fn service_from_file(block: &Tree) -> Result<ServiceDefinition, DefinitionError> {
    service::read(&Value::from(block), Dialect::File)
}

/// Reads a `check` block of a file.
pub(super) fn check_from_file(block: &Tree) -> Result<CheckDefinition, DefinitionError> {
    check::standalone(&Value::from(block), Dialect::File)
}

/// Bytes that are not UTF-8 become U+FFFD, as Go's decoder has it. Nesting is bounded by the parser.
pub(crate) fn parse(body: &[u8]) -> Result<Value, DefinitionError> {
    let text = String::from_utf8_lossy(body);
    if text.trim().is_empty() {
        return Err(DefinitionError::unreadable("", "EOF"));
    }
    serde_json::from_str(&text).map_err(|error| DefinitionError::unreadable("", error.to_string()))
}

/// Namespaces and partitions other than the one that everything is in.
pub(crate) fn refuse_enterprise(fields: &Fields<'_>) -> Result<(), DefinitionError> {
    for field in ["Namespace", "Partition"] {
        let name = fields.text(field)?;
        if !name.is_empty() && name != "default" {
            let text = match fields.dialect {
                Dialect::Http => format!("json: unknown field \"{field}\" - {field}s are a Consul Enterprise feature"),
                Dialect::File => format!("must be empty or \"default\": {}s are not in this version", field.to_ascii_lowercase()),
            };
            return Err(DefinitionError::unreadable(fields.path_of(field), text));
        }
    }
    Ok(())
}
