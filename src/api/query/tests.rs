use super::{Way, check, parse, write_query};
use crate::api::document::Document;
use crate::api::json::Layout;
use proptest::prelude::proptest;

fn refusal(body: &str) -> (u16, String) {
    let refused = parse(body.as_bytes()).and_then(|sent| check(&sent)).unwrap_err();
    (refused.status, refused.text.into_owned())
}

#[test]
fn rules_are_told_in_consuls_words() {
    for (body, text) in [
        ("{}", "Must be bound to a session"),
        (
            r#"{"Name":"8F246B77-f3e1-ff88-5b48-8ec93abf3e05","Service":{"Service":"s"}}"#,
            "Bad Name '8F246B77-f3e1-ff88-5b48-8ec93abf3e05', it must not look like a UUID",
        ),
        (r#"{"Name":"8f246b77-f3e1-ff88-5b48-8ec93abf3e0x"}"#, "Must provide a Service name to query"),
        (r#"{"Name":"q"}"#, "Must provide a Service name to query"),
        (r#"{"Name":"q","Token":"<hidden>","Service":{"Service":"s"}}"#, "Bad Token '<hidden>'"),
        (r#"{"name":"q","SERVICE":{"Service":"s"},"DNS":{"TTL":"x"}}"#, "Bad DNS TTL 'x': "),
        (r#"{"Name":"q","Service":{"Service":"s"},"DNS":{"TTL":"-1s"}}"#, "DNS TTL '-1s', must be >=0"),
        (r#"{"Name":"q","Service":{"Service":"s","Failover":{"NearestN":-1}}}"#, "Bad NearestN '-1', must be >= 0"),
    ] {
        let (status, refused) = refusal(body);
        assert!(status == 500 && refused.starts_with(&format!("Invalid prepared query: {text}")), "{body}: {refused}");
    }
    let (status, refused) = refusal(r#"{"Name":"q","Service":{"Bogus":1}}"#);
    assert_eq!((status, refused.as_str()), (400, "Request decode failed: json: unknown field \"Bogus\""));
    assert_eq!(refusal("").1, "Request decode failed: EOF");
}

#[test]
fn what_nobody_set_is_shown_as_null_and_what_was_set_comes_back() {
    let shown = |body: &str| {
        let sent = parse(body.as_bytes()).unwrap();
        let mut to = Document::with_capacity(0);
        write_query(&mut to, "x", &sent.spec, (3, 4));
        String::from_utf8(to.finish(Layout::Compact)).unwrap()
    };
    assert_eq!(
        shown("{}"),
        "{\"ID\":\"x\",\"Name\":\"\",\"Session\":\"\",\"Token\":\"\",\
         \"Template\":{\"Type\":\"\",\"Regexp\":\"\",\"RemoveEmptyTags\":false},\
         \"Service\":{\"Service\":\"\",\"Failover\":{\"NearestN\":0,\"Datacenters\":null},\"OnlyPassing\":false,\"IgnoreCheckIDs\":null,\
         \"Near\":\"\",\"Tags\":null,\"NodeMeta\":null,\"ServiceMeta\":null,\"Connect\":false},\
         \"DNS\":{\"TTL\":\"\"},\"CreateIndex\":3,\"ModifyIndex\":4}"
    );
    let full = "{\"ID\":\"x\",\"Name\":\"n\",\"Session\":\"s\",\"Token\":\"t\",\
         \"Template\":{\"Type\":\"name_prefix_match\",\"Regexp\":\"a.b\",\"RemoveEmptyTags\":true},\
         \"Service\":{\"Service\":\"web\",\"Failover\":{\"NearestN\":2,\"Datacenters\":[\"dc2\"]},\"OnlyPassing\":true,\"IgnoreCheckIDs\":[\"c\"],\
         \"Near\":\"_agent\",\"Tags\":[\"!v1\"],\"NodeMeta\":{\"a\":\"b\"},\"ServiceMeta\":{\"c\":\"d\"},\"Connect\":true},\
         \"DNS\":{\"TTL\":\"5s\"},\"CreateIndex\":3,\"ModifyIndex\":4}";
    assert_eq!(shown(full), full);
    let targets = r#"{"Service":{"Failover":{"Targets":[{"Datacenter":"dc3","Peer":""},{"Peer":"p"}]}}}"#;
    assert!(shown(targets).contains("\"Datacenters\":[\"dc3\"]"));
}

#[test]
fn the_last_part_of_a_path_tells_what_is_asked() {
    assert_eq!([Way::of("a"), Way::of("a/b/execute"), Way::of("/explain")], [Way::Itself("a"), Way::Execute("a/b"), Way::Explain("")]);
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(body in "[{}\\[\\]\":,a-zA-Z0-9 ]{0,60}") {
        _ = parse(body.as_bytes()).map(|sent| check(&sent));
    }
}
