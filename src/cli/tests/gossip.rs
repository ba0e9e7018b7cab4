//! `event`, `query`, `rtt` and `watch`.

use super::{Fake, out};
use crate::cli::report::Report;

const ANSWERS: &str = r#"{"Members":3,"Acks":["a","b"],"Silent":["c"],"Answers":[{"Node":"a","Payload":"MC40Mgo="}]}"#;

#[test]
fn an_event_is_fired_and_its_id_told() {
    let agent = Fake::answering(&[("PUT /v1/event/fire/deploy%20it?node=%5Eweb&tag=v1", 200, r#"{"ID":"b5fa","Name":"x"}"#)]);
    let report = agent.run(&["event", "-name=deploy it", "-node=^web", "-tag=v1", "v42"]);
    assert_eq!((out(&report).as_str(), report.code), ("Event ID: b5fa\n", 0));
    assert_eq!(agent.asked.borrow()[0].1.body, b"v42");
    assert!(agent.line("event v42").err.contains("-name"));
    assert_eq!(agent.line("event -name=x a b").code, 1);
}

/// What was printed by a command that need not have succeeded.
fn text(report: &Report) -> String {
    String::from_utf8(report.out.clone()).unwrap()
}

#[test]
fn a_query_tells_the_answers_and_who_kept_silent() {
    let agent = Fake::answering(&[("PUT /v1/event/query/load?relay-factor=2&until=90%25", 200, ANSWERS)]);
    let report = agent.line("query -until=90% -relay-factor=2 load");
    assert_eq!(text(&report), "a: 0.42\n1 answered, 2 acknowledged, 2 of 3 members spoke\nSilent: c\n");
    assert_eq!(report.code, 2, "somebody kept silent");
    let json = text(&agent.line("query -until=90% -relay-factor=2 -format=json load"));
    assert!(json.contains("\"Silent\": [\n"), "{json}");
    assert_eq!(agent.line("query").code, 1);
}

const LOCATED: &str = r#"[{"Node":"a","Segment":"","Coord":{"Vec":[0.001,0,0,0,0,0,0,0],"Error":1,"Adjustment":0,"Height":0.0001}},
    {"Node":"b","Segment":"","Coord":{"Vec":[0,0,0,0,0,0,0,0],"Error":1,"Adjustment":0,"Height":0.0001}}]"#;

#[test]
fn the_round_trip_between_two_nodes_is_estimated() {
    let agent = Fake::answering(&[
        ("GET /v1/coordinate/nodes", 200, LOCATED),
        ("GET /v1/agent/self", 200, r#"{"Config":{"NodeName":"b","Datacenter":"dc1"}}"#),
    ]);
    assert_eq!(out(&agent.line("rtt a b")), "Estimated a <-> b rtt: 1.200 ms (using LAN coordinates)\n");
    assert_eq!(out(&agent.line("rtt a")), "Estimated a <-> b rtt: 1.200 ms (using LAN coordinates)\n");
    assert_eq!(agent.line("rtt a x").err, "Could not find a coordinate for node \"x\"\n");
    assert_eq!(agent.line("rtt").code, 1);
}

#[test]
fn servers_of_the_wan_are_named_with_their_datacenters() {
    let maps = format!(r#"[{{"Datacenter":"dc1","AreaID":"wan","Coordinates":{LOCATED}}}]"#);
    let maps: &'static str = Box::leak(maps.into_boxed_str());
    let agent = Fake::answering(&[("GET /v1/coordinate/datacenters", 200, maps)]);
    assert_eq!(out(&agent.line("rtt -wan a.dc1 b.dc1")), "Estimated a.dc1 <-> b.dc1 rtt: 1.200 ms (using WAN coordinates)\n");
    assert!(agent.line("rtt -wan a b").err.contains("<node name>.<datacenter>"));
}

const EVENT: &str = r#"{"ID":"e1","Name":"d","Payload":null,"NodeFilter":"","ServiceFilter":"","TagFilter":"","Version":1,"LTime":3}"#;

#[test]
fn a_watch_without_a_command_shows_what_there_is() {
    let entry = r#"[{"LockIndex":0,"Key":"a/b","Flags":0,"Value":"eA==","CreateIndex":3,"ModifyIndex":4}]"#;
    let agent = Fake::answering(&[
        ("GET /v1/kv/a/b?pretty=true", 200, entry),
        ("GET /v1/kv/c?pretty=true", 404, ""),
        ("GET /v1/health/service/web?tag=v1&passing=true&pretty=true&stale=true", 200, "[]\n"),
        ("GET /v1/event/list?pretty=true", 200, "[]"),
    ]);
    assert!(out(&agent.line("watch -type=key -key=a/b")).starts_with("{\n    \"Key\": \"a/b\",\n    \"CreateIndex\": 3,"));
    assert_eq!(out(&agent.line("watch -type=key -key=c")), "null\n");
    assert_eq!(out(&agent.line("watch -type=service -service=web -tag=v1 -passingonly -stale")), "[]\n");
    assert_eq!(out(&agent.line("watch -type=event")), "[]\n");
    assert!(agent.line("watch -type=key").err.contains("must have a key"));
    assert!(agent.line("watch -type=keys").err.contains("must be key, keyprefix"));
    assert!(agent.line("watch").err.contains("-type"));
}

#[test]
fn a_watch_runs_its_command_for_what_there_is_and_for_what_is_new() {
    let (before, after) = (format!("[{EVENT}]"), format!("[{EVENT},{}]", EVENT.replace("e1", "e2")));
    let leak = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
    let agent = Fake::answering(&[
        ("GET /v1/event/list?name=d&pretty=true", 200, leak(before)),
        ("GET /v1/event/list?name=d&pretty=true&index=7&wait=60s", 200, leak(after)),
    ]);
    // The second answer comes again and again: that is no news, and the table has no end, so the test gives the agent two answers and then none.
    let agent = Fake { answers_left: std::cell::Cell::new(Some(3)), ..agent };
    let report = agent.run(&["watch", "-type=event", "-name=d", "cat", "-n"]);
    assert_eq!(report.code, 1, "it ends only when the agent is gone for good");
    let ran = agent.ran.borrow();
    assert_eq!(ran.len(), 2, "{ran:?}");
    assert!(ran[0].starts_with("sh -c cat -n [(\"CONSUL_INDEX\", \"7\"), (\"MUSTER_INDEX\", \"7\")] [\n"), "{}", ran[0]);
    assert!(ran[0].contains("e1") && !ran[1].contains("e1") && ran[1].contains("e2"));
}
