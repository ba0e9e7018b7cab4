use super::{AutopilotShape, Peer, RaftConfiguration, RaftServer, parse_autopilot};
use crate::api::json::{Layout, to_vec};
use crate::api::params::Params;
use crate::state::autopilot::AutopilotRow;
use std::time::Duration;

fn json<T: serde::Serialize>(value: &T) -> String {
    String::from_utf8(to_vec(Layout::Compact, value)).unwrap()
}

#[test]
fn autopilots_settings_have_consuls_fields_in_consuls_order() {
    let row = AutopilotRow { settings: parse_autopilot(b"{}").unwrap(), create_index: 4, modify_index: 4 };
    let want = r#"{"CleanupDeadServers":true,"LastContactThreshold":"200ms","MaxTrailingLogs":250,"MinQuorum":0,"ServerStabilizationTime":"10s","RedundancyZoneTag":"","DisableUpgradeMigration":false,"UpgradeVersionTag":"","CreateIndex":4,"ModifyIndex":4}"#;
    assert_eq!(json(&AutopilotShape::from(&row)), want);
}

#[test]
fn what_was_read_can_be_sent_back() {
    let settings = parse_autopilot(
        br#"{"CleanupDeadServers": false, "lastcontactthreshold": "300ms", "MaxTrailingLogs": 500, "ServerStabilizationTime": 20000000000,
        "MinQuorum": 3, "RedundancyZoneTag": "zone", "CreateIndex": 4, "ModifyIndex": 9}"#,
    )
    .unwrap();
    assert_eq!(
        (settings.last_contact_threshold, settings.server_stabilization_time),
        (Duration::from_millis(300), Duration::from_secs(20))
    );
    assert!(!settings.cleanup_dead_servers);
    assert_eq!((settings.max_trailing_logs, settings.min_quorum), (500, 3));
    let row = AutopilotRow { settings: settings.clone(), create_index: 4, modify_index: 9 };
    assert_eq!(parse_autopilot(json(&AutopilotShape::from(&row)).as_bytes()), Ok(settings));
}

#[test]
fn settings_that_cannot_be_read_are_refused() {
    for (body, part) in [
        (r#"{"LastContactThreshold": "zz"}"#, "invalid duration \"zz\""),
        (r#"{"LastContactThreshold": true}"#, "LastContactThreshold"),
        (r#"{"MinQuorum": -1}"#, "MinQuorum"),
        (r#"{"Bogus": 1}"#, "unknown field \"Bogus\""),
        ("", "EOF"),
        ("{\"a\"", "EOF"),
        ("3", "map"),
    ] {
        let error = parse_autopilot(body.as_bytes()).unwrap_err();
        assert_eq!(error.status, 400);
        assert!(error.text.starts_with("Bad request: Error parsing autopilot config: ") && error.text.contains(part), "{error}");
    }
}

#[test]
fn a_peer_is_named_by_its_id_or_its_address_but_not_both() {
    let of = |query: &str| Peer::parse(&Params::parse(query));
    assert_eq!(of("address=1.2.3.4:1").unwrap().not_found(), "address \"1.2.3.4:1\" was not found in the Raft configuration");
    assert_eq!(of("id=a"), Ok(Peer::Id("a".to_owned())));
    assert!(of("").unwrap_err().text.starts_with("Must specify either ?id"));
    assert_eq!(of("id=a&address=b").unwrap_err().text, "Must specify only one of ?id or ?address");
}

#[test]
fn rafts_configuration_has_consuls_fields_in_consuls_order() {
    let server = RaftServer {
        id: "e3f2".to_owned(),
        node: "n1".to_owned(),
        address: "127.0.0.1:8300".to_owned(),
        leader: true,
        protocol_version: "3".to_owned(),
        voter: true,
        last_index: None,
    };
    let want =
        r#"{"Servers":[{"ID":"e3f2","Node":"n1","Address":"127.0.0.1:8300","Leader":true,"ProtocolVersion":"3","Voter":true}],"Index":0}"#;
    assert_eq!(json(&RaftConfiguration { servers: vec![server], index: 0 }), want);
}
