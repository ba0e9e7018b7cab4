use super::{SessionShape, check_ttl, parse_create, parse_id};
use crate::api::ApiError;
use crate::api::json::{Layout, to_vec};
use crate::model::{NodeName, SessionId};
use crate::state::sessions::{Behavior, Session, SessionSpec};
use std::time::Duration;

fn create(body: &str) -> Result<SessionSpec, ApiError> {
    parse_create(body.as_bytes(), &NodeName::parse("n1").unwrap())
}

fn refusal(body: &str) -> (u16, String) {
    let error = create(body).unwrap_err();
    (error.status, error.text.into_owned())
}

#[test]
fn without_a_body_it_stands_on_the_agents_own_health() {
    let spec = create("").unwrap();
    assert_eq!((spec.node.as_str(), spec.name.as_str(), spec.lock_delay), ("n1", "", Duration::from_secs(15)));
    assert_eq!((spec.behavior, spec.ttl, spec.node_checks), (Behavior::Release, None, vec!["serfHealth".to_owned()]));
    assert_eq!(create("{}").unwrap().service_checks, []);
}

#[test]
fn fields_are_found_whatever_their_case_as_older_clients_send_them() {
    let spec = create(r#"{"name":"x","node":"N2","checks":[],"lockdelay":"0.001s","behavior":"delete","ttl":"30s"}"#).unwrap();
    assert_eq!((spec.name.as_str(), spec.node.as_str(), spec.behavior), ("x", "N2", Behavior::Delete));
    assert_eq!((spec.lock_delay, spec.node_checks.len()), (Duration::from_millis(1), 0));
    let ttl = spec.ttl.unwrap();
    assert_eq!((ttl.text.as_str(), ttl.length), ("30s", Duration::from_secs(30)));
}

#[test]
fn what_a_body_has_beside_the_known_fields_is_overlooked() {
    assert_eq!(create(r#"{"Zzz":{"a":[1]},"Name":"x"}"#).unwrap().name, "x");
}

#[test]
fn a_small_number_is_a_lock_delay_in_seconds_and_a_large_one_in_nanoseconds() {
    let of = |number: &str| create(&format!("{{\"LockDelay\":{number}}}")).unwrap().lock_delay;
    assert_eq!((of("0"), of("30"), of("999")), (Duration::ZERO, Duration::from_secs(30), Duration::from_secs(999)));
    assert_eq!((of("1000"), of("5000000000"), of("null")), (Duration::from_micros(1), Duration::from_secs(5), Duration::from_secs(15)));
}

#[test]
fn either_name_of_the_checks_will_do() {
    let of = |body: &str| create(body).unwrap().node_checks;
    assert_eq!(of(r#"{"NodeChecks":["a"],"Checks":["a","b"]}"#), ["a", "b"]);
    assert_eq!(of(r#"{"Checks":["b"]}"#), ["b"]);
    assert!(of(r#"{"NodeChecks":[]}"#).is_empty());
    let checks = create(r#"{"ServiceChecks":[{"ID":"s"}]}"#).unwrap().service_checks;
    assert_eq!((checks.len(), checks[0].id.as_str()), (1, "s"));
}

#[test]
fn a_refusal_names_the_value_and_the_bounds() {
    let bounds = |ttl: &str| check_ttl(create(&format!("{{\"TTL\":\"{ttl}\"}}")).unwrap().ttl.as_ref(), Duration::from_secs(10));
    assert_eq!(bounds("5s"), Err("Invalid Session TTL '5000000000', must be between [10s=24h0m0s]".to_owned()));
    assert!(bounds("25h").unwrap_err().contains("must be between [10s=24h0m0s]"));
    assert_eq!([bounds("10s"), bounds("24h"), bounds("0s"), bounds("")], [const { Ok(()) }; 4]);
    assert!(refusal(r#"{"TTL":"abc"}"#).1.starts_with("Session TTL 'abc' invalid: "));
    assert_eq!(refusal(r#"{"Behavior":"nope"}"#), (500, "Invalid Behavior setting 'nope'".to_owned()));
    for body in
        ["{bad", r#"{"LockDelay":"abc"}"#, r#"{"LockDelay":"-1s"}"#, r#"{"LockDelay":[]}"#, r#"{"Namespace":"x"}"#, r#"{"Name":1}"#, "[]"]
    {
        let (status, text) = refusal(body);
        assert!(status == 400 && text.starts_with("Request decode failed"), "{body}: {status} {text}");
    }
}

#[test]
fn an_id_is_a_uuid() {
    let text = "11111111-2222-3333-4444-555555555555";
    assert_eq!(parse_id(text).unwrap().to_string(), text);
    assert_eq!(parse_id("1111-1111-22223333-44445-55555555555").unwrap().to_string(), text, "dashes elsewhere");
    assert_eq!(parse_id(&"1".repeat(36)), Ok(SessionId::from_u128(0)), "no session has it");
    assert!(parse_id("1-1-1-1-1-111111111111111111111111111").unwrap_err().text.contains("UUID"));
    assert!(parse_id("zzz").unwrap_err().text.contains("UUID must be 36 characters"));
    assert!(parse_id(&"z".repeat(36)).unwrap_err().text.contains("invalid UUID"));
}

#[test]
fn a_session_is_shown_as_consul_shows_it() {
    let spec = create(r#"{"Name":"lock","TTL":"20s","LockDelay":"3s"}"#).unwrap();
    let session = Session { id: SessionId::from_u128(1), spec, create_index: 7, modify_index: 7 };
    let text = String::from_utf8(to_vec(Layout::Compact, &SessionShape::from(&session))).unwrap();
    let want = r#"{"ID":"00000000-0000-0000-0000-000000000001","Name":"lock","Node":"n1","LockDelay":3000000000,"Behavior":"release","TTL":"20s","NodeChecks":["serfHealth"],"ServiceChecks":null,"CreateIndex":7,"ModifyIndex":7}"#;
    assert_eq!(text, want);
}
