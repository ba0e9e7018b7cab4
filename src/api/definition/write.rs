//! A definition as the body that registers it: what [`service_from_json`](super::service_from_json) reads as the same definition.

use crate::model::{
    CheckDefinition, HttpProbe, NativeProbe, Probe, Protocol, Redirects, ServiceDefinition, ServiceSpec, TagAuthority, TlsProbe, Tree,
    Trust, duration,
};
use serde_json::{Map, Value, json};
use std::time::Duration;

type Fields = Map<String, Value>;

/// The body of a service's registration. The definition's token is not in it: an agent takes that of the request.
pub fn service_to_json(definition: &ServiceDefinition) -> Value {
    let ServiceSpec { id, name, tags, address, port, socket_path, tagged_addresses, meta, weights, tag_authority, mesh } = &definition.spec;
    let tagged = |(tag, at): (&String, &crate::model::ServiceAddress)| (tag.clone(), json!({"Address": at.address, "Port": at.port}));
    let mut fields = Fields::new();
    put(&mut fields, "ID", id.clone());
    put(&mut fields, "Name", name.clone());
    put(&mut fields, "Tags", tags.clone());
    put(&mut fields, "Address", address.clone());
    put(&mut fields, "Port", *port);
    put(&mut fields, "SocketPath", socket_path.clone());
    put(&mut fields, "TaggedAddresses", tagged_addresses.iter().map(tagged).collect::<Fields>());
    put(&mut fields, "Meta", meta.iter().map(|(key, value)| (key.clone(), value.clone().into())).collect::<Fields>());
    put(&mut fields, "Weights", json!({"Passing": weights.passing, "Warning": weights.warning}));
    put(&mut fields, "EnableTagOverride", *tag_authority == TagAuthority::Catalog);
    if let Some(mesh) = mesh {
        put(&mut fields, "Kind", mesh.kind.clone());
        put(&mut fields, "Proxy", serde_json::from_str::<Value>(&mesh.proxy).unwrap_or_default());
        put(&mut fields, "Connect", json!({"Native": mesh.native}));
    }
    put(&mut fields, "Checks", definition.checks.iter().map(check_of_service).collect::<Vec<_>>());
    Value::Object(fields)
}

/// Adds a field unless it says what is said without it.
fn put(fields: &mut Fields, name: &str, value: impl Into<Value>) {
    let value = value.into();
    let blank = match &value {
        Value::Null => true,
        Value::Bool(on) => !on,
        Value::Number(n) => n.as_i64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(pairs) => pairs.is_empty(),
    };
    if !blank {
        fields.insert(name.to_owned(), value);
    }
}

fn put_span(fields: &mut Fields, name: &str, span: Duration) {
    if !span.is_zero() {
        put(fields, name, duration::format(span));
    }
}

fn check_of_service(check: &CheckDefinition) -> Value {
    let mut fields = in_tree(check);
    put(&mut fields, "CheckID", check.id.clone());
    put(&mut fields, "Name", check.name.clone());
    put_span(&mut fields, "DeregisterCriticalServiceAfter", check.deregister_after.unwrap_or_default());
    Value::Object(fields)
}

/// What a check says wherever it stands.
fn in_tree(check: &CheckDefinition) -> Fields {
    let mut fields = Fields::new();
    put(&mut fields, "Notes", check.notes.clone());
    put(&mut fields, "Status", check.initial.map_or("", |status| status.as_str()));
    put_span(&mut fields, "Interval", check.interval);
    put_span(&mut fields, "Timeout", check.timeout.unwrap_or_default());
    put(&mut fields, "SuccessBeforePassing", check.thresholds.success_before_passing);
    put(&mut fields, "FailuresBeforeWarning", check.thresholds.failures_before_warning);
    put(&mut fields, "FailuresBeforeCritical", check.thresholds.failures_before_critical);
    put(&mut fields, "OutputMaxSize", check.output_limit);
    put_probe(&mut fields, &check.probe);
    fields
}

fn put_probe(fields: &mut Fields, probe: &Probe) {
    match probe {
        Probe::Ttl { ttl } => put_span(fields, "TTL", *ttl),
        Probe::Script { args } => put(fields, "ScriptArgs", args.clone()),
        Probe::Docker { container, shell, args } => {
            put(fields, "DockerContainerID", container.clone());
            put(fields, "Shell", shell.clone());
            put(fields, "ScriptArgs", args.clone());
        }
        Probe::Http(http) => put_http(fields, http),
        Probe::Tcp { addr, tls } => {
            put(fields, "TCP", addr.clone());
            put_tls(fields, "TCPUseTLS", tls.as_ref());
        }
        Probe::Udp { addr } => put(fields, "UDP", addr.clone()),
        Probe::Grpc { target, tls } => {
            put(fields, "GRPC", target.clone());
            put_tls(fields, "GRPCUseTLS", tls.as_ref());
        }
        Probe::H2Ping { addr, tls } => {
            put(fields, "H2PING", addr.clone());
            put_tls(fields, "H2PingUseTLS", tls.as_ref());
            // Left out it would mean that TLS is spoken.
            fields.insert("H2PingUseTLS".to_owned(), tls.is_some().into());
        }
        Probe::Alias { node, service } => {
            put(fields, "AliasNode", node.clone());
            put(fields, "AliasService", service.clone());
        }
        Probe::Native(native) => put_native(fields, native),
        Probe::Tree(tree) => {
            let (name, branches) = tree_of(tree);
            put(fields, name, branches);
        }
        // Nobody defines it: the agent does.
        Probe::Maintenance => {}
    }
}

fn put_http(fields: &mut Fields, http: &HttpProbe) {
    put(fields, "HTTP", http.url.clone());
    put(fields, "Method", http.method.clone());
    put(fields, "Header", http.headers.iter().map(|(name, values)| (name.clone(), values.clone().into())).collect::<Fields>());
    put(fields, "Body", http.body.clone());
    put(fields, "DisableRedirects", http.redirects == Redirects::Refuse);
    put(fields, "TLSSkipVerify", http.tls.trust == Trust::Any);
    put(fields, "TLSServerName", http.tls.server_name.clone());
    if let Some(expect) = &http.expect {
        put(fields, "HTTPBody", expect.body.clone());
        put(fields, "HTTPStatus", expect.status);
    }
}

fn put_tls(fields: &mut Fields, switch: &str, tls: Option<&TlsProbe>) {
    let Some(tls) = tls else { return };
    put(fields, switch, true);
    put(fields, "TLSSkipVerify", tls.trust == Trust::Any);
    put(fields, "TLSServerName", tls.server_name.clone());
}

fn put_native(fields: &mut Fields, native: &NativeProbe) {
    let name = match native.protocol {
        Protocol::Postgres => "Postgres",
        Protocol::Redis => "Redis",
        Protocol::Mysql => "MySQL",
        Protocol::Dns => "DNS",
        Protocol::Smtp => "SMTP",
    };
    if native.params.is_empty() {
        return put(fields, name, native.addr.clone());
    }
    let mut block: Fields = native.params.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    block.insert("Address".to_owned(), native.addr.clone().into());
    put(fields, name, block);
}

fn tree_of(tree: &Tree) -> (&'static str, Vec<Value>) {
    match tree {
        Tree::All(branches) => ("All", branches.iter().map(branch).collect()),
        Tree::Any(branches) => ("Any", branches.iter().map(branch).collect()),
        Tree::Leaf(_) => ("All", vec![branch(tree)]),
    }
}

fn branch(tree: &Tree) -> Value {
    match tree {
        Tree::All(_) | Tree::Any(_) => {
            let (name, branches) = tree_of(tree);
            json!({ name: branches })
        }
        Tree::Leaf(check) => {
            let mut fields = in_tree(check);
            if check.name != check.id {
                put(&mut fields, "Name", check.name.clone());
            }
            Value::Object(fields)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::service_to_json;
    use crate::api::definition::service_from_json;

    #[test]
    fn a_written_definition_reads_as_the_same() {
        for body in [
            r#"{"Name":"web"}"#,
            r#"{"ID":"w1","Name":"web","Tags":["b","a"],"Port":-7,"Address":"10.0.0.1","SocketPath":"/s","Meta":{"k":""},
                "Weights":{"Passing":5},"EnableTagOverride":true,"TaggedAddresses":{"wan":{"Address":"x","Port":1},"e":{}},
                "Kind":"connect-proxy","Proxy":{"A":[1,{"b":null}]},"Connect":{"Native":true}}"#,
            r#"{"Name":"w","Checks":[{"TTL":"90s","Status":"passing","Notes":"n","DeregisterCriticalServiceAfter":"1.5h"},
                {"Args":["a",""],"Interval":"1s","Timeout":"1ms","OutputMaxSize":9,"SuccessBeforePassing":1,"FailuresBeforeWarning":2,
                 "FailuresBeforeCritical":3},
                {"DockerContainerID":"c","Shell":"sh","Args":["a"],"Interval":1},
                {"HTTP":"x","Method":"M","Header":{"a":["b"],"c":[]},"Body":"b","DisableRedirects":true,"TLSSkipVerify":true,"TLSServerName":"n",
                 "HTTPBody":".","HTTPStatus":200,"Interval":"1s"},
                {"TCP":"x:1","TCPUseTLS":true,"TLSServerName":"n","Interval":"1s"},{"TCP":"x:1","Interval":"1s"},{"UDP":"x:1","Interval":"1s"},
                {"GRPC":"x:1/s","GRPCUseTLS":true,"TLSSkipVerify":true,"Interval":"1s"},{"H2PING":"x:1","Interval":"1s"},
                {"H2PING":"x:1","H2PingUseTLS":false,"Interval":"1s"},{"AliasNode":"n","AliasService":"s"},
                {"Postgres":"db:1","Interval":"1s"},{"MySQL":{"Address":"db","User":"u","Password":"p","Database":"d","Query":"q"},"Interval":"1s"},
                {"Redis":{"Address":"r","Role":"master"},"Interval":"1s"},{"DNS":"d","Interval":"1s"},{"SMTP":"s","Interval":"1s"},
                {"All":[{"TCP":"x:1","Name":"t"},{"Any":[{"Redis":"a"},{"Redis":"b","Interval":"3s","Timeout":"1s"}]}],"Interval":"2s"}]}"#,
        ] {
            let definition = service_from_json(body.as_bytes()).unwrap();
            let written = service_to_json(&definition).to_string();
            assert_eq!(service_from_json(written.as_bytes()).as_ref(), Ok(&definition), "{written}");
        }
    }
}
