//! What an agent says of itself to those who ask, and a configuration that Consul's own test server writes.

use super::{LONG, Site, eventually};
use serde_json::{Value, json};
use std::net::TcpStream;

#[test]
fn an_agent_takes_the_configuration_of_consuls_test_server_and_says_where_it_is() {
    let site = Site::new("identity");
    let address = site.address(1);
    let ports = json!({"dns": 8600, "http": 8500, "https": 8501, "serf_lan": 8301, "serf_wan": 8302, "server": 8300, "grpc": 8502});
    let config = json!({
        "performance": {"raft_multiplier": 1}, "bootstrap": true, "server": true, "segments": null, "disable_update_check": true,
        "log_level": "debug", "addresses": {}, "ports": ports, "acl": {"tokens": {}}, "skip_leave_on_interrupt": true,
        "connect": {"enabled": true, "ca_config": {"cluster_id": "11111111-2222-3333-4444-555555555555"}}, "peering": {"enabled": true},
        "telemetry": {"prometheus_retention_time": "60s", "metrics_prefix": "m", "disable_hostname": true}
    });
    let file = site.folder.join("config.json");
    std::fs::write(&file, config.to_string()).expect("written");
    let agent = site.agent(1, &[&format!("-config-file={}", file.display())]).started();
    eventually("it leads", LONG, || agent.put("a", "1"), || agent.said());
    assert!(TcpStream::connect(format!("{address}:8501")).is_err(), "nothing is served there without a certificate");
    assert!(agent.said().contains("ports.https: nothing listens there"), "{}", agent.said());
    let itself = agent.json("/v1/agent/self").expect("it serves");
    assert_eq!(itself["DebugConfig"]["SerfAdvertiseAddrLAN"], format!("tcp://{address}:8301"));
    assert_eq!(itself["DebugConfig"]["SerfAdvertiseAddrWAN"], format!("tcp://{address}:8302"));
    assert_eq!(itself["Meta"], json!({"consul-network-segment": ""}));
    let metrics = agent.json("/v1/agent/metrics").expect("it serves");
    let gauges = metrics["Gauges"].as_array().expect("a list");
    let value = |name: &str| gauges.iter().find(|gauge| gauge["Name"] == name).and_then(|gauge| gauge["Value"].as_f64());
    assert!(value("m.runtime.alloc_bytes").is_some_and(|bytes| bytes > 1e6), "{metrics}");
    let text = agent.get("/v1/agent/metrics?format=prometheus").expect("it serves").body;
    assert!(String::from_utf8_lossy(&text).contains("\nm_runtime_sys_bytes "), "the same for Prometheus");
    assert_eq!(agent.json("/v1/session/info/111111111111111111111111111111111111"), Some(Value::Array(Vec::new())));
}
