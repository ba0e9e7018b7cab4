//! `services register`.

use super::defined_in;
use crate::api::definition::service_to_json;
use crate::cli::args::{Args, FlagSpec, value};
use crate::cli::client::Query;
use crate::cli::command::Call;
use crate::cli::report::{Outcome, Report};
use crate::model::{Mesh, ServiceAddress, ServiceDefinition, ServiceSpec};

pub(crate) const FLAGS: &[FlagSpec] = &[
    value("address", "Address of the service; the node's unless set."),
    value("id", "Id of the instance; the name unless set."),
    value("kind", "Kind of the service, if a mesh is to use it."),
    value("meta", "Metadata, key=value; may be repeated."),
    value("name", "Name of the service."),
    value("port", "Port of the service."),
    value("socket", "Path of a Unix socket, instead of address and port."),
    value("tag", "Tag of the service; may be repeated."),
    value("tagged-address", "Further address, name=address or name=address:port; may be repeated."),
];

pub(crate) fn run(call: &Call<'_>) -> Outcome {
    let services = match call.args.words.as_slice() {
        [] if call.args.value("name").is_none_or(str::is_empty) => {
            return Err("Give files, or -name and further flags that describe a service".to_owned());
        }
        [] => vec![of_flags(&call.args, "name")?],
        _ if FLAGS.iter().any(|flag| call.args.value(flag.name).is_some()) => {
            return Err("Give either files or the flags that describe a service, not both".to_owned());
        }
        files => defined_in(files)?,
    };
    let client = call.client()?;
    let mut report = Report::default();
    for service in &services {
        let body = service_to_json(service).to_string().into_bytes();
        let name = &service.spec.name;
        let sent = client.succeed("PUT", "/v1/agent/service/register", Query::default(), body);
        if let Err(error) = sent {
            report.err.push_str(&format!("Error registering service {name:?}: {error}\n"));
            return Ok(Report { code: 1, ..report });
        }
        report.out.extend(format!("Registered service: {name}\n").into_bytes());
        if !service.token.is_empty() {
            report.err.push_str(&format!("service {name:?}: the token in its definition is not sent, -token is\n"));
        }
    }
    Ok(report)
}

/// The service that the flags describe, its name in the flag `name`.
pub(crate) fn of_flags(args: &Args, name: &str) -> Result<ServiceDefinition, String> {
    let text = |flag: &str| args.value(flag).unwrap_or("").to_owned();
    let name = text(name);
    let id = args.value("id").filter(|id| !id.is_empty()).map_or_else(|| name.clone(), str::to_owned);
    let mut spec = ServiceSpec { address: text("address"), socket_path: text("socket"), ..ServiceSpec::new(id, name) };
    spec.tags = args.values("tag").map(str::to_owned).collect();
    if let Some(port) = args.value("port") {
        spec.port = port.parse().map_err(|_| format!("invalid value {port:?} for flag -port: must be a number"))?;
    }
    for pair in args.values("meta") {
        let (key, value) = pair.split_once('=').ok_or_else(|| format!("invalid value {pair:?} for flag -meta: must be key=value"))?;
        spec.meta.insert(key.to_owned(), value.to_owned());
    }
    for pair in args.values("tagged-address") {
        let (tag, address) = tagged_address(pair)
            .ok_or_else(|| format!("invalid value {pair:?} for flag -tagged-address: must be name=address or name=address:port"))?;
        spec.tagged_addresses.insert(tag, address);
    }
    if let Some(kind) = args.value("kind").filter(|kind| !kind.is_empty()) {
        spec.mesh = Some(Box::new(Mesh { kind: kind.to_owned(), ..Mesh::default() }));
    }
    Ok(ServiceDefinition { spec, checks: Vec::new(), token: String::new() })
}

fn tagged_address(pair: &str) -> Option<(String, ServiceAddress)> {
    let (tag, at) = pair.split_once('=').filter(|(tag, at)| !tag.is_empty() && !at.is_empty())?;
    let (address, port) = match at.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
        Some((address, "")) => (address, None),
        Some((address, rest)) => (address, Some(rest.strip_prefix(':')?)),
        None if at.matches(':').count() > 1 => (at, None),
        None => at.split_once(':').map_or((at, None), |(address, port)| (address, Some(port))),
    };
    let port = port.map_or(Some(0), |port| port.parse().ok())?;
    Some((tag.to_owned(), ServiceAddress { address: address.to_owned(), port }))
}
