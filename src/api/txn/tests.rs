use super::{Bounds, Txn, parse, write_reply};
use crate::api::ApiError;
use crate::api::document::Document;
use crate::api::json::Layout;
use crate::model::{Datacenter, Timestamp};
use crate::state::txn::{TxnError, TxnReply};
use crate::state::{CatalogOp, Command, Condition, KvCommand, Reply, Stamped, State, TxnOp, TxnRead};

fn read(body: &str) -> Result<Txn, ApiError> {
    parse(body.as_bytes(), Bounds { ops: 64, value: 16 })
}

fn ops(body: &str) -> Vec<TxnOp> {
    match read(body).unwrap() {
        Txn::Changes(ops) => ops,
        other => panic!("{other:?}"),
    }
}

fn failure(body: &str) -> String {
    match read(body).unwrap() {
        Txn::Failed(errors) => errors[0].what.clone(),
        other => panic!("{other:?}"),
    }
}

/// What is tried, though it can only fail.
fn refusal(body: &str) -> String {
    match read(body).unwrap() {
        Txn::Changes(ops) => match &ops[..] {
            [TxnOp::Refused { what }] => what.clone(),
            other => panic!("{other:?}"),
        },
        Txn::Reads(reads) => match &reads[..] {
            [TxnRead::Refused { what }] => what.clone(),
            other => panic!("{other:?}"),
        },
        Txn::Failed(errors) => panic!("{errors:?}"),
    }
}

#[test]
fn flags_are_64_bits_to_the_last() {
    let body = r#"[{"kv":{"verb":"set","key":"a","value":"MQ==","flags":16210313421097356768}}]"#;
    let ops = ops(body);
    assert!(matches!(&ops[..], [TxnOp::Kv(KvCommand::Put { flags: 0xe0f6_9a2b_aa41_4de0, value, .. })] if **value == *b"1"));
}

#[test]
fn operations_that_change_nothing_are_told_apart() {
    let reads =
        read(r#"[{"KV":{"Verb":"get","Key":"a"}},{"KV":{"Verb":"get-tree"}},{"Node":{"Verb":"get","Node":{"Node":"n"}}},{}]"#).unwrap();
    assert!(
        matches!(&reads, Txn::Reads(reads) if matches!(&reads[..], [TxnRead::Get { .. }, TxnRead::GetTree { .. }, TxnRead::Node { .. }])),
        "{reads:?}"
    );
    assert_eq!(read("[]").unwrap(), Txn::Reads(Vec::new()));
    let mixed = ops(r#"[{"KV":{"Verb":"check-index","Key":"a","Index":7}},{"KV":{"Verb":"delete-cas","Key":"a","Index":7}}]"#);
    assert!(matches!(
        &mixed[..],
        [TxnOp::Read(TxnRead::CheckIndex { index: 7, .. }), TxnOp::Kv(KvCommand::Delete { condition: Condition::At(7), .. })]
    ));
}

#[test]
fn an_operation_that_cannot_be_done_is_named_and_the_others_are_tried_all_the_same() {
    assert_eq!(refusal(r#"[{"KV":{"Verb":"zzz","Key":"a"}}]"#), "unknown KV verb \"zzz\"");
    assert_eq!(refusal(r#"[{"KV":{"Verb":"lock","Key":"a"}}]"#), "missing session");
    assert_eq!(
        refusal(r#"[{"KV":{"Verb":"lock","Key":"a","Session":"b"}}]"#),
        "failed session lookup: index error: UUID must be 36 characters"
    );
    assert!(refusal(r#"[{"KV":{"Verb":"check-token","Token":"x"}}]"#).contains("lock token"));
    let token = "11111111-2222-3333-4444-555555555555.7.1.YQ";
    let elsewhere = format!(r#"[{{"KV":{{"Verb":"check-token","Key":"b","Token":"{token}"}}}}]"#);
    assert_eq!(refusal(&elsewhere), "the token is one of key \"a\", not of \"b\"");
    assert_eq!(refusal(r#"[{"Service":{"Verb":"zzz","Node":"n","Service":{"ID":"x"}}}]"#), "unknown Service verb \"zzz\"");
    let two = ops(r#"[{"KV":{"Verb":"lock","Key":"a"}},{"KV":{"Verb":"get","Key":"a"}}]"#);
    assert!(matches!(&two[..], [TxnOp::Refused { .. }, TxnOp::Read(TxnRead::Get { .. })]), "{two:?}");
}

#[test]
fn an_operation_that_names_nothing_fails_before_any_is_tried() {
    assert_eq!(failure(r#"[{"KV":{"Verb":"set"}}]"#), "Must provide key");
    assert_eq!(failure(r#"[{"Service":{"Verb":"set","Node":"n","Service":{"ID":"x"}}}]"#), "Must provide service name with ID");
    let two = read(r#"[{"KV":{"Verb":"zzz","Key":"a"}},{"KV":{"Verb":"get"}}]"#).unwrap();
    assert!(matches!(&two, Txn::Failed(errors) if errors.len() == 1 && errors[0].op == 1), "{two:?}");
}

#[test]
fn rows_of_the_catalog_are_read_as_registrations_are() {
    let ops = ops(r#"[{"Node":{"Verb":"set","Node":{"Node":"n","Address":"10.1.2.3","Meta":{"k":"v"}}}},
            {"Service":{"Verb":"cas","Node":"n","Service":{"Service":"web","Port":80,"ModifyIndex":9}}},
            {"Check":{"Verb":"delete","Check":{"Node":"n","CheckID":"c"}}}]"#);
    let [TxnOp::Catalog(node), TxnOp::Catalog(service), TxnOp::Catalog(check)] = &ops[..] else { panic!("{ops:?}") };
    assert!(matches!(node, CatalogOp::PutNode { node, condition: Condition::Always } if node.meta["k"] == "v"));
    assert!(
        matches!(service, CatalogOp::PutService { service, condition: Condition::At(9), .. } if service.id == "web" && service.port == 80)
    );
    assert!(matches!(check, CatalogOp::DeleteCheck { check, condition: Condition::Always, .. } if check == "c"));
}

#[test]
fn a_body_that_cannot_be_read_is_refused_whole() {
    for (body, why) in [
        ("{bad", ""),
        ("{}", "cannot unmarshal object"),
        ("", "EOF"),
        ("[1]", ""),
        (r#"[{"KV":{"Verb":"set","Key":"a","Value":"!!!"}}]"#, "illegal base64 data at input byte 0"),
        (r#"[{"KV":{"Verb":"set","Key":"a","Flags":-1}}]"#, "uint64"),
        (r#"[{"Zzz":{}}]"#, "unknown field"),
    ] {
        let error = read(body).unwrap_err();
        assert!(error.status == 400 && error.text.starts_with("Failed to parse body") && error.text.contains(why), "{body}: {error}");
    }
}

#[test]
fn bounds_are_told() {
    let many = format!("[{}]", vec![r#"{"KV":{"Verb":"get","Key":"a"}}"#; 65].join(","));
    assert_eq!(read(&many).unwrap_err(), ApiError::new(413, "Transaction contains too many operations (65 > 64)"));
    let error = read(r#"[{"KV":{"Verb":"set","Key":"k","Value":"MTIzNDU2Nzg5MDEyMzQ1Njc="}}]"#).unwrap_err();
    assert_eq!(error, ApiError::new(413, "Value for key \"k\" is too large (17 > 16 bytes)"));
}

#[test]
fn an_instance_without_tags_has_null_for_them() {
    let mut state = State::default();
    let body = r#"[{"Node":{"Verb":"set","Node":{"Node":"n","Address":"10.1.2.3"}}},
        {"Service":{"Verb":"set","Node":"n","Service":{"Service":"web"}}},
        {"Check":{"Verb":"set","Check":{"Node":"n","CheckID":"c","ServiceID":"web"}}}]"#;
    let (Reply::Txn(done), _) = state.apply(1, &Stamped { at: Timestamp::default(), command: Command::Txn(ops(body)) }) else {
        panic!("a transaction")
    };
    let mut to = Document::default();
    write_reply(&mut to, &done, None, &Datacenter::parse("dc1").unwrap());
    let text = String::from_utf8(to.finish(Layout::Compact)).unwrap();
    assert!(text.contains(r#""Tags":null"#) && text.contains(r#""ServiceTags":null"#), "{text}");
}

#[test]
fn a_failure_has_errors_and_no_results() {
    let mut to = Document::default();
    let errors = vec![TxnError { op: 1, what: "key \"t1\" exists".to_owned() }];
    write_reply(&mut to, &TxnReply::Failed(errors), None, &Datacenter::parse("dc1").unwrap());
    let text = String::from_utf8(to.finish(Layout::Compact)).unwrap();
    assert_eq!(text, r#"{"Results":null,"Errors":[{"OpIndex":1,"What":"key \"t1\" exists"}]}"#);
}

proptest::proptest! {
    #[test]
    fn no_body_panics(body in "[\\[{]{0,2}\"?(KV|Node|Service|Check|Verb)?\"?:?.{0,60}") {
        let _ = read(&body);
    }
}
