//! The runner's own tests, played against the scripted agent of [`fake`](super::fake): a runner that passes everything, or waits for ever, is
//! worse than none.

use super::Failure;
use super::corpus::{AgentSpec, Case};
use super::expected::{ExpectedFailures, judge};
use super::fixtures::Fixtures;
use super::matcher::differences;
use super::patience::Patience;
use super::pool::Pool;
use super::variables::Variables;
use super::{dns, http};
use libtest_mimic::{Failed, Trial};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

type Test = fn() -> Result<(), Failed>;

/// The tests, named below `runner/`.
pub fn trials() -> Vec<Trial> {
    let tests: [(&str, Test); 16] = [
        ("matchers-tell-right-from-wrong", matchers_tell_right_from_wrong),
        ("unordered-items-find-different-partners", unordered_items_find_different_partners),
        ("relations-compare-with-saved-variables", relations_compare_with_saved_variables),
        ("variables-are-replaced-and-drawn-once", variables_are_replaced_and_drawn_once),
        ("an-unset-variable-is-a-failure", an_unset_variable_is_a_failure),
        ("a-dns-reply-is-shown-as-the-corpus-writes-it", a_dns_reply_is_shown),
        ("a-dns-compression-loop-ends", a_dns_compression_loop_ends),
        ("steps-play-against-an-agent", steps_play_against_an_agent),
        ("a-restarted-agent-keeps-its-data-folder", a_restarted_agent_keeps_its_data_folder),
        ("a-failure-names-the-step-and-the-difference", a_failure_names_the_step),
        ("a-waiting-request-that-returns-early-fails", a_waiting_request_that_returns_early_fails),
        ("fixtures-answer-and-remember", fixtures_answer_and_remember),
        ("a-closed-port-refuses-though-somebody-holds-it", a_closed_port_refuses_though_somebody_holds_it),
        ("an-agent-that-does-not-start-fails-with-its-output", an_agent_that_does_not_start_fails),
        ("an-agent-that-dies-fails-the-case-with-its-output", an_agent_that_dies_fails_the_case),
        ("the-list-only-shrinks", the_list_only_shrinks),
    ];
    tests.into_iter().map(|(name, test)| Trial::test(format!("runner/{name}"), test)).collect()
}

/// A case with the scripted agent: configuration and steps.
fn play(agent: Value, steps: Value) -> Result<(), Failure> {
    let pool = Pool::new(std::env::current_exe().expect("this binary"));
    let case = Case {
        name: "runner/case".to_owned(),
        why: String::new(),
        agent: AgentSpec(agent.as_object().cloned().unwrap_or_default()),
        steps: steps.as_array().cloned().unwrap_or_default(),
        cleanup: Vec::new(),
    };
    pool.play(&case, Patience::Short)
}

fn variables() -> Variables {
    Variables::new(Arc::new(Fixtures::open()))
}

fn ensure(holds: bool, what: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(Failed::from(what())) }
}

fn fails_with(played: Result<(), Failure>, parts: &[&str]) -> Result<(), Failed> {
    match played {
        Ok(()) => Err(Failed::from("the case passed")),
        Err(Failure(text)) => ensure(parts.iter().all(|part| text.contains(part)), || format!("expected {parts:?} in:\n{text}")),
    }
}

fn passes(played: Result<(), Failure>) -> Result<(), Failed> {
    played.map_err(|f| Failed::from(f.0))
}

/// Matcher, what it must match, what it must not.
fn matcher_table() -> Vec<(Value, Vec<Value>, Vec<Value>)> {
    let uuid = "adf4238a-882b-9ddc-4a9d-5b6758e4159e";
    vec![
        (json!(1), vec![json!(1), json!(1.0)], vec![json!(2), json!("1"), json!(true)]),
        (json!([1, 2]), vec![json!([1, 2])], vec![json!([2, 1]), json!([1]), json!(null)]),
        (json!({"a": 1}), vec![json!({"a": 1})], vec![json!({}), json!({"a": 1, "b": 2})]),
        (json!({"a": "$absent"}), vec![json!({})], vec![json!({"a": null})]),
        (json!("$uuid"), vec![json!(uuid)], vec![json!("x"), json!(1)]),
        (json!("$index"), vec![json!(1), json!("7")], vec![json!(0), json!("0"), json!("x"), json!(-1)]),
        (json!("$int"), vec![json!(-3), json!("-3")], vec![json!(1.5), json!("1.5")]),
        (json!("$nonempty"), vec![json!(0), json!(false), json!("x")], vec![json!(""), json!(null), json!([]), json!({})]),
        (json!("$empty"), vec![json!(""), json!(null), json!([]), json!({})], vec![json!(0), json!("x")]),
        (json!("$none"), vec![json!(0), json!(false), json!(null)], vec![json!(1), json!("x")]),
        (json!("$time"), vec![json!("2026-01-02T03:04:05.6Z")], vec![json!("2026-01-02"), json!(1)]),
        (json!("$dur"), vec![json!("1m30s"), json!("0")], vec![json!("1"), json!("x")]),
        (json!("$re:^a.b$"), vec![json!("a\nb"), json!("acb\n")], vec![json!("xacb"), json!(1)]),
        (json!("$has:lo"), vec![json!("hello")], vec![json!("help")]),
        (json!("$b64:hi"), vec![json!("aGk=")], vec![json!("hi")]),
        (json!({"$subset": {"a": 1}}), vec![json!({"a": 1, "b": 2})], vec![json!({"b": 2}), json!([])]),
        (json!({"$keys": ["a", "b"]}), vec![json!({"b": 1, "a": 2})], vec![json!({"a": 1})]),
        (json!({"$includes": [1]}), vec![json!([2, 1])], vec![json!([2]), json!(1)]),
        (json!({"$excludes": [1]}), vec![json!([2]), json!([])], vec![json!([2, 1])]),
        (json!({"$each": "$int"}), vec![json!([]), json!([1])], vec![json!([1, "x"])]),
        (json!({"$len": 2}), vec![json!([1, 2]), json!("äb"), json!({"a": 1, "b": 2})], vec![json!([1]), json!(2)]),
        (json!({"$range": [1, 3]}), vec![json!(1), json!(3), json!(2.5)], vec![json!(0), json!(4), json!(true)]),
        (json!({"$all": ["$int", {"$not": 3}]}), vec![json!(1)], vec![json!(3), json!("x")]),
        (json!({"$oneof": [1, 2]}), vec![json!(2)], vec![json!(3)]),
        (json!({"$json": {"a": 1}}), vec![json!("{\"a\": 1}")], vec![json!("{\"a\": 2}"), json!("nonsense"), json!({"a": 1})]),
        (json!({"$lit": "$int"}), vec![json!("$int")], vec![json!(1)]),
    ]
}

fn matchers_tell_right_from_wrong() -> Result<(), Failed> {
    let variables = variables();
    for (matcher, right, wrong) in matcher_table() {
        for got in right {
            let found = differences(&matcher, Some(&got), &variables, "json");
            ensure(found.is_empty(), || format!("{matcher} should match {got}: {found:?}"))?;
        }
        for got in wrong {
            ensure(!differences(&matcher, Some(&got), &variables, "json").is_empty(), || format!("{matcher} should not match {got}"))?;
        }
    }
    ensure(!differences(&json!("$any"), None, &variables, "json").is_empty(), || "$any should not match what is absent".to_owned())
}

/// The first matcher fits both items and the second only one: taking the first that fits would strand the second.
fn unordered_items_find_different_partners() -> Result<(), Failed> {
    let variables = variables();
    let matcher = json!({"$unordered": ["$int", 1]});
    ensure(differences(&matcher, Some(&json!([1, 2])), &variables, "json").is_empty(), || "[1, 2] fits".to_owned())?;
    ensure(!differences(&json!({"$includes": [1, 1]}), Some(&json!([1, 2])), &variables, "json").is_empty(), || {
        "1 is there once".to_owned()
    })
}

fn relations_compare_with_saved_variables() -> Result<(), Failed> {
    let mut variables = variables();
    variables.set("i", "10");
    for (matcher, got, holds) in [
        ("$gt:i", json!(11), true),
        ("$gt:i", json!("9"), false),
        ("$le:i", json!(10), true),
        ("$eq:i", json!(10), true),
        ("$ne:i", json!("10"), false),
        ("$gt:other", json!(1), false),
    ] {
        let matched = differences(&json!(matcher), Some(&got), &variables, "json").is_empty();
        ensure(matched == holds, || format!("{matcher} against {got}: {matched}"))?;
    }
    Ok(())
}

fn variables_are_replaced_and_drawn_once() -> Result<(), Failed> {
    let mut variables = variables();
    variables.set("n", 7);
    let raw = json!({"k${n}": ["${n}", "n=${n}"], "ids": ["${uuid:a}", "${uuid:a}"], "list": {"$repeat": 2, "item": "x${i}"}});
    let seen = variables.substitute(&raw).map_err(|f| Failed::from(f.0))?;
    ensure(seen["k7"] == json!([7, "n=7"]) && seen["list"] == json!(["x0", "x1"]), || seen.to_string())?;
    ensure(seen["ids"][0] == seen["ids"][1] && seen["ids"][0].as_str().is_some_and(|id| id.len() == 36), || seen.to_string())?;
    variables.set("ip:a", "10.1.2.255");
    let shown = variables.substitute_text("${rip:a} ${iphex:a}").map_err(|f| Failed::from(f.0))?;
    ensure(shown == "255.2.1.10 0a0102ff", || shown)
}

fn an_unset_variable_is_a_failure() -> Result<(), Failed> {
    let failure = variables().substitute(&json!("x${nobody}")).expect_err("not set").0;
    ensure(failure.contains("nobody"), || failure)
}

fn a_dns_reply_is_shown() -> Result<(), Failed> {
    let mut message = vec![0, 9, 0x85, 0x83, 0, 1, 0, 1, 0, 0, 0, 1];
    dns::encode_name(&mut message, "web.service.consul.");
    message.extend([0, 33, 0, 1]);
    message.extend([0xC0, 12, 0, 33, 0, 1, 0, 0, 0, 5, 0, 12, 0, 1, 0, 2, 0x1F, 0x90, 3, b'n', b'-', b'1', 0xC0, 16]);
    message.extend([0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 6, 0, 8, 0, 2, 0xAB, 0xCD]);
    let shown = dns::decode(&message).map_err(|f| Failed::from(f.0))?;
    ensure(shown["question"] == json!(["web.service.consul. SRV"]), || shown.to_string())?;
    ensure(shown["answer"] == json!(["web.service.consul. 5 SRV 1 2 8080 n-1.service.consul."]), || shown.to_string())?;
    ensure(shown["edns"] == json!({"size": 4096, "options": ["8:abcd"]}) && shown["additional"] == json!([]), || shown.to_string())?;
    ensure(shown["rcode"] == "NXDOMAIN" && shown["aa"] == true && shown["rd"] == true && shown["ra"] == true, || shown.to_string())
}

fn a_dns_compression_loop_ends() -> Result<(), Failed> {
    let mut message = vec![0, 9, 0x85, 0x80, 0, 1, 0, 0, 0, 0, 0, 0];
    message.extend([0xC0, 12, 0, 1, 0, 1]);
    ensure(dns::decode(&message).is_err_and(|f| f.0.contains("loop")), || "decoded".to_owned())
}

fn steps_play_against_an_agent() -> Result<(), Failed> {
    passes(play(
        json!({}),
        json!([
            {"method": "PUT", "path": "/v1/kv/k${u}", "text": "v1", "expect": {"status": 200, "json": true}},
            {"path": "/v1/kv/k${u}", "expect": {"headers": {"X-Consul-Index": "$index"}, "json": [{"$subset": {"Value": "v1"}}]},
             "save": {"i": "header:X-Consul-Index", "m": "json:0.ModifyIndex", "all": "body"}},
            {"path": "/v1/kv/k${u}?index=${i}", "background": "w"},
            {"pending": "w"},
            {"method": "PUT", "path": "/v1/kv/k${u}", "body_var": "all"},
            {"join": "w", "within_ms": 2000, "expect": {"status": 200, "json": [{"$subset": {"ModifyIndex": "$gt:m"}}]}},
            {"repeat": 2, "steps": [{"method": "PUT", "path": "/v1/kv/r${u}/${i}", "fill": {"with": "x", "times": 3}}]},
            {"path": "/v1/kv/r${u}/1", "expect": {"json": [{"$subset": {"Value": "xxx"}}]}},
            {"path": "/v1/kv/none${u}", "expect": {"status": [404, 410], "text": ""}},
            {"dns": {"name": "a.example", "type": "A", "edns": 1232}, "expect": {"rcode": "NOERROR", "aa": true,
             "answer": ["a.example. 5 A 10.9.8.7", "a.example. 5 TXT \"scripted\""]}}
        ]),
    ))
}

fn a_restarted_agent_keeps_its_data_folder() -> Result<(), Failed> {
    for signal in ["int", "kill"] {
        passes(play(
            json!({"dev": false}),
            json!([{"method": "PUT", "path": "/v1/kv/a", "text": "1"}, {"restart": signal}, {"path": "/v1/kv/a", "expect": {"status": 200}}]),
        ))?;
    }
    Ok(())
}

fn a_failure_names_the_step() -> Result<(), Failed> {
    let wrong = json!([{"set": {"a": 1}}, {"repeat": 1, "steps": [{"path": "/v1/kv/x${u}", "expect": {"status": 200, "json": []}}]}]);
    fails_with(play(json!({}), wrong), &["step 2/0.1: GET /v1/kv/x", "status: expected 200, got 404", "json: expected [], got <absent>"])
}

fn a_waiting_request_that_returns_early_fails() -> Result<(), Failed> {
    let steps = json!([{"path": "/v1/kv/x", "background": "w"}, {"pending": "w"}]);
    fails_with(play(json!({}), steps), &["returned early"])?;
    let steps = json!([{"path": "/v1/kv/x?index=9", "background": "w"}, {"join": "w", "within_ms": 200}]);
    fails_with(play(json!({}), steps), &["has not returned within"])
}

fn fixtures_answer_and_remember() -> Result<(), Failed> {
    let fixtures = Fixtures::open();
    let set = |fixture: Value| fixtures.set(fixture.as_object().expect("an object"), str::to_owned).map_err(|f| Failed::from(f.0));
    set(json!({"http": "/ok", "status": 503, "body": "busy", "headers": {"X-A": "1"}}))?;
    let mut request = http::Request::get("/ok?x=1", Duration::from_secs(2));
    request.headers.push(("x-consul-token".to_owned(), "t".to_owned()));
    let answer = http::call(&fixtures.http_address(), &request)?;
    ensure(answer.status == 503 && answer.body == b"busy" && answer.header("x-a") == Some("1"), || format!("{answer:?}"))?;
    let seen = json!(fixtures.seen("/ok"));
    ensure(seen[0]["method"] == "GET" && seen[0]["headers"]["X-Consul-Token"] == "t", || seen.to_string())?;
    set(json!({"dns": "Known.Example", "a": "10.0.0.1"}))?;
    let question = |name: &str| json!({"name": name}).as_object().cloned().expect("an object");
    let ask = |name: &str| dns::ask(&fixtures.recursor_address(), &question(name), Duration::from_secs(1)).map_err(|f| Failed::from(f.0));
    ensure(ask("known.example.")?["answer"] == json!(["known.example. 60 A 10.0.0.1"]), || "the known name".to_owned())?;
    ensure(ask("other.example.")?["rcode"] == "NXDOMAIN", || "the unknown name".to_owned())?;
    let port = fixtures.port("p").map_err(|f| Failed::from(f.0))?;
    let connects = || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok();
    for open in [false, true, true, false] {
        set(json!({"tcp": "p", "open": open}))?;
        ensure(connects() == open, || format!("open: {open}"))?;
    }
    Ok(())
}

fn a_closed_port_refuses_though_somebody_holds_it() -> Result<(), Failed> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    let (address, _held) = (listener.local_addr()?, listener.try_clone()?);
    super::ports::close(listener);
    ensure(std::net::TcpStream::connect(address).is_err(), || "it accepts".to_owned())?;
    std::net::TcpListener::bind(address).map(drop).map_err(|e| Failed::from(format!("it cannot be opened again: {e}")))
}

fn an_agent_that_does_not_start_fails() -> Result<(), Failed> {
    fails_with(play(json!({"config": {"fake": "refuse"}}), json!([])), &["ended", "scripted refusal"])?;
    let start = Instant::now();
    fails_with(play(json!({"config": {"fake": "mute"}}), json!([])), &["not ready within"])?;
    ensure(start.elapsed() < Duration::from_secs(15), || format!("took {:?}", start.elapsed()))
}

fn an_agent_that_dies_fails_the_case() -> Result<(), Failed> {
    fails_with(play(json!({"config": {"fake": "mortal"}}), json!([{"path": "/die"}])), &["the agent ended", "asked to die"])
}

fn the_list_only_shrinks() -> Result<(), Failed> {
    let list = ExpectedFailures::parse("# areas\na/one # why\n\na/two\na/two\na/gone\n");
    ensure(list.contains("a/one") && !list.contains("# areas"), || format!("{list:?}"))?;
    let faults = list.faults(["a/one", "a/two"].into_iter());
    ensure(faults == ["a/gone: no case has this name", "a/two: listed 2 times"], || format!("{faults:?}"))?;
    ensure(judge(Err(Failure::new("as expected"))).is_ok(), || "a listed case may fail".to_owned())?;
    ensure(judge(Ok(())).is_err(), || "a listed case that passes fails the run".to_owned())
}
