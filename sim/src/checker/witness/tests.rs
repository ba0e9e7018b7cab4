use super::{Change, Law, Log, Written, verify, verify_with};
use crate::checker::{History, read_lines};

fn history(lines: &[String]) -> History {
    read_lines(lines.join("\n").as_bytes()).unwrap()
}

fn put(key: &str, value: &str, invoked: u64, returned: u64) -> String {
    format!(r#"{{"client":1,"key":"{key}","op":"put","value":"{value}","invoked":{invoked},"outcome":"ok","returned":{returned}}}"#)
}

fn get(key: &str, value: &str, modify: u64, invoked: u64, returned: u64) -> String {
    let found = format!(r#""found":{{"value":"{value}","modify":{modify},"create":5}},"index":{modify}"#);
    format!(r#"{{"client":2,"key":"{key}","op":"get","invoked":{invoked},"outcome":"ok","returned":{returned},{found}}}"#)
}

fn absent(key: &str, index: u64, invoked: u64, returned: u64) -> String {
    format!(r#"{{"client":3,"key":"{key}","op":"get","invoked":{invoked},"outcome":"ok","returned":{returned},"index":{index}}}"#)
}

fn written(index: u64, key: &str, value: Option<&str>, took: bool) -> Written {
    let change = value.map_or(Change::Delete, |v| Change::Put(v.into()));
    Written { index, key: key.into(), change, took }
}

fn law(history: &History, log: &[Written]) -> Law {
    verify_with(history, &Log::whole(log)).unwrap_err().law
}

#[test]
fn a_read_below_what_was_answered_before_is_stale_even_on_another_key() {
    let log = [written(5, "x", Some("a"), true), written(6, "x", Some("b"), true), written(7, "y", Some("c"), true)];
    let fresh = history(&[put("x", "a", 10, 20), put("x", "b", 21, 30), put("y", "c", 31, 40), get("x", "b", 6, 50, 60)]);
    assert_eq!(verify_with(&fresh, &Log::whole(&log)), Ok(()));
    let stale = history(&[put("x", "a", 10, 20), put("x", "b", 21, 55), put("y", "c", 31, 40), get("x", "a", 5, 50, 60)]);
    let broken = verify_with(&stale, &Log::whole(&log)).unwrap_err();
    assert_eq!(broken.law, Law::RealTime, "b overwrote at 6, y's answer at 7 came before the read");
    assert!(broken.says.contains("put c was answered at index 7"), "{broken}");
}

#[test]
fn an_acknowledged_write_that_is_not_in_the_log_is_lost() {
    let acknowledged = history(&[put("x", "a", 10, 20)]);
    assert_eq!(law(&acknowledged, &[]), Law::AcknowledgedIsCommitted);
}

#[test]
fn a_write_applied_twice_or_after_a_refusal_is_found() {
    let once = history(&[put("x", "a", 10, 20)]);
    let twice = [written(5, "x", Some("a"), true), written(6, "x", Some("b"), true), written(7, "x", Some("a"), true)];
    assert_eq!(law(&once, &twice), Law::AtMostOnce);
    let failed = r#"{"client":1,"key":"x","op":"put","value":"a","invoked":10,"outcome":"failed"}"#;
    assert_eq!(law(&history(&[failed.to_owned()]), &twice[..1]), Law::AtMostOnce);
}

#[test]
fn cas_must_go_by_the_version_before_its_own_index() {
    let cas = |took: bool| {
        format!(r#"{{"client":1,"key":"x","op":"cas","value":"b","expect":5,"invoked":30,"outcome":"ok","returned":40,"took":{took}}}"#)
    };
    let first = written(5, "x", Some("a"), true);
    let fits = [first.clone(), written(6, "x", Some("b"), true)];
    assert_eq!(verify_with(&history(&[put("x", "a", 10, 20), cas(true)]), &Log::whole(&fits)), Ok(()));
    let over_another = [first.clone(), written(6, "x", Some("z"), true), written(7, "x", Some("b"), true)];
    assert_eq!(law(&history(&[put("x", "a", 10, 20), cas(true)]), &over_another), Law::CasHonesty);
    let refused_wrongly = [first, written(6, "x", Some("b"), false)];
    assert_eq!(law(&history(&[put("x", "a", 10, 20), cas(false)]), &refused_wrongly), Law::CasHonesty);
}

#[test]
fn what_is_read_must_have_been_written_under_the_index_it_shows() {
    let log = [written(5, "x", Some("a"), true)];
    assert_eq!(law(&history(&[get("x", "z", 5, 10, 20)]), &log), Law::IndexHonesty);
    assert_eq!(law(&history(&[get("x", "a", 6, 10, 20)]), &log), Law::IndexHonesty);
    assert_eq!(law(&history(&[absent("x", 9, 10, 20)]), &log), Law::IndexHonesty);
    assert_eq!(verify_with(&history(&[absent("x", 4, 10, 20), put("x", "a", 11, 21)]), &Log::whole(&log)), Ok(()));
}

#[test]
fn an_acknowledged_delete_must_come_after_what_was_answered_before() {
    let delete = r#"{"client":4,"key":"x","op":"delete","invoked":30,"outcome":"ok","returned":40}"#.to_owned();
    let deleted = history(&[put("x", "a", 10, 20), delete]);
    let after = [written(5, "x", Some("a"), true), written(6, "x", None, true)];
    assert_eq!(verify_with(&deleted, &Log::whole(&after)), Ok(()));
    let before = [written(4, "x", None, false), written(5, "x", Some("a"), true)];
    assert_eq!(law(&deleted, &before), Law::RealTime);
}

#[test]
fn without_the_log_readers_disagreements_are_enough() {
    let back = history(&[get("x", "b", 6, 10, 20), get("x", "a", 5, 30, 40)]);
    assert_eq!(verify(&back).unwrap_err().law, Law::RealTime);
    let torn = history(&[get("x", "b", 6, 10, 20), get("x", "a", 6, 30, 40)]);
    assert_eq!(verify(&torn).unwrap_err().law, Law::IndexHonesty);
    let gone = history(&[get("x", "b", 9, 10, 20), absent("x", 7, 30, 40)]);
    assert_eq!(verify(&gone).unwrap_err().law, Law::IndexHonesty, "created at 5, changed at 9: it was there at 7");
    let future = history(&[get("x", "b", 6, 10, 20), put("x", "b", 30, 40)]);
    assert_eq!(verify(&future).unwrap_err().law, Law::RealTime);
}
