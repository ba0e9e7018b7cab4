use super::history::{Found, Headers};
use super::oracle::{asks, has_legal_order, is_linearizable, linearizable_run, swap_answers};
use super::rounds::Budget;
use super::settle::settle;
use super::shrink::shrink;
use super::{Action, History, Mode, Operation, Outcome, Report, Verdict, check, compile, read_lines};
use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
use std::sync::Arc;

fn judged(lines: &str) -> Report {
    check(&read_lines(lines.as_bytes()).unwrap(), None, Budget::default())
}

const PUT_A: &str = r#"{"client":1,"key":"k","op":"put","value":"a","invoked":10,"outcome":"ok","returned":20}
"#;
const PUT_B: &str = r#"{"client":1,"key":"k","op":"put","value":"b","invoked":30,"outcome":"ok","returned":60}
"#;

fn get(client: u32, invoked: u64, returned: u64, value: &str) -> String {
    format!(
        r#"{{"client":{client},"key":"k","op":"get","invoked":{invoked},"outcome":"ok","returned":{returned},"found":{{"value":"{value}"}}}}
"#
    )
}

#[test]
fn a_read_under_way_beside_a_write_may_see_either_value() {
    let old = [PUT_A, PUT_B, &get(2, 40, 50, "a")].concat();
    let new = [PUT_A, PUT_B, &get(2, 40, 50, "b")].concat();
    assert_eq!(judged(&old).verdict(), Verdict::Linearizable);
    assert_eq!(judged(&new).verdict(), Verdict::Linearizable);
}

#[test]
fn reads_that_go_back_in_time_are_illegal_and_the_counterexample_is_those_reads_and_the_writes_they_saw() {
    let lines = [PUT_A, PUT_B, &get(2, 35, 40, "b"), &get(3, 45, 50, "a"), &get(4, 12, 15, "a")].concat();
    let report = judged(&lines);
    assert_eq!(report.verdict(), Verdict::Illegal);
    assert_eq!(report.exit_code(), 1);
    let counterexample = report.counterexample.as_ref().unwrap();
    assert!(counterexample.parts.len() <= 5, "{report}");
    let text = report.to_string();
    assert!(text.contains("operations explains every answer"), "{text}");
    assert!(text.contains("has no place: get: a"), "{text}");
    let page = report.page().unwrap();
    assert!(page.starts_with("<!doctype html>") && page.contains("get: a"));
    assert!(!page.contains("http"), "the page needs no network");
}

#[test]
fn a_write_without_an_answer_may_happen_later_or_never() {
    let unanswered = r#"{"client":5,"key":"k","op":"put","value":"c","invoked":5,"outcome":"unknown"}
"#;
    let later = [PUT_A, unanswered, &get(2, 70, 80, "c")].concat();
    assert_eq!(judged(&later).verdict(), Verdict::Linearizable);
    let never = [PUT_A, unanswered, &get(2, 70, 80, "a")].concat();
    assert_eq!(judged(&never).verdict(), Verdict::Linearizable);
    let twice = [PUT_A, unanswered, &get(2, 70, 80, "c"), &get(2, 81, 82, "a"), &get(2, 83, 84, "c")].concat();
    assert_eq!(judged(&twice).verdict(), Verdict::Illegal);
}

#[test]
fn a_value_read_before_its_unanswered_write_was_requested_is_illegal_and_stays_small() {
    let unanswered = r#"{"client":5,"key":"k","op":"put","value":"c","invoked":75,"outcome":"unknown"}
"#;
    let report = judged(&[PUT_A, unanswered, &get(2, 65, 70, "c")].concat());
    assert_eq!(report.verdict(), Verdict::Illegal);
    assert_eq!(report.counterexample.as_ref().unwrap().parts.len(), 2, "{report}");
}

#[test]
fn a_request_that_failed_must_not_be_seen() {
    let failed = r#"{"client":5,"key":"k","op":"put","value":"c","invoked":5,"outcome":"failed"}
"#;
    assert_eq!(judged(&[failed, &get(2, 70, 80, "c")].concat()).verdict(), Verdict::Illegal);
}

#[test]
fn a_lost_acknowledged_write_is_illegal() {
    let nothing = r#"{"client":2,"key":"k","op":"get","invoked":70,"outcome":"ok","returned":80}
"#;
    let report = judged(&[PUT_A, nothing].concat());
    assert_eq!(report.verdict(), Verdict::Illegal);
    assert!(report.to_string().contains("get: nothing"), "{report}");
}

#[test]
fn a_spent_budget_is_unknown_and_never_illegal() {
    let lines = [PUT_A, PUT_B, &get(2, 35, 40, "b"), &get(3, 45, 50, "a")].concat();
    let history = read_lines(lines.as_bytes()).unwrap();
    let starved = check(&history, None, Budget { steps: 3, ..Budget::default() });
    assert_eq!((starved.verdict(), starved.exit_code()), (Verdict::Unknown, 6));
    assert_eq!(starved.undecided.len(), 1);
}

#[test]
fn stale_reads_are_no_part_of_the_claim() {
    let stale = r#"{"client":2,"key":"k","op":"get","mode":"stale","invoked":70,"outcome":"ok","returned":80}
"#;
    assert_eq!(judged(&[PUT_A, stale].concat()).verdict(), Verdict::Linearizable);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_a_register_really_did_is_accepted(asks in asks(60)) {
        let report = check(&linearizable_run(&asks), None, Budget::default());
        prop_assert_eq!(report.verdict(), Verdict::Linearizable, "{}", report);
    }

    #[test]
    fn the_search_agrees_with_trying_every_order(asks in asks(8), one in 0usize..8, other in 0usize..8) {
        let run = linearizable_run(&asks);
        let history = swap_answers(&run, one, other).unwrap_or(run);
        let keyed: Vec<&Operation> = history.operations.iter().collect();
        let outcomes = super::rounds::search_fairly(&[settle(compile::steps(&keyed))], Budget::default());
        prop_assert_eq!(outcomes.illegal.is_none(), is_linearizable(&history));
    }

    #[test]
    fn a_shrunk_counterexample_is_a_part_of_the_history_and_illegal_by_itself(asks in asks(40), one in 0usize..40, other in 0usize..40) {
        let Some(history) = swap_answers(&linearizable_run(&asks), one, other) else { return Ok(()) };
        let report = check(&history, None, Budget::default());
        if let Some(counterexample) = &report.counterexample {
            prop_assert!(counterexample.parts.iter().all(|p| history.operations.contains(&p.operation)));
            let operations: Vec<&Operation> = history.operations.iter().collect();
            let short = shrink(&compile::steps(&operations), |step| operations[step.source].client, 10_000_000);
            prop_assert!(short.len() > 8 || !has_legal_order(&short), "{}", report);
        }
    }

    #[test]
    fn the_index_guided_judge_never_accuses_what_the_search_accepts_without_naming_an_index(asks in asks(8)) {
        prop_assert_eq!(super::witness::verify(&linearizable_run(&asks)), Ok(()));
    }
}

/// A long run with `clients` clients under way at once, taking effect in order.
fn long_run(operations: u64, clients: u64, keys: u64, unanswered_every: u64) -> History {
    let mut cells: Vec<Option<Found>> = vec![None; keys as usize];
    let mut out = Vec::new();
    for turn in 0..operations {
        let key = (turn / clients) % keys;
        let spread = super::register::mix(turn);
        let (now, invoked) = ((turn + clients) * 10, (turn + clients) * 10 - spread % (clients * 5));
        let at = now + (spread >> 20) % (clients * 5);
        let cell = &mut cells[key as usize];
        let (action, outcome) = if spread % 5 < 2 {
            let value: Arc<str> = turn.to_string().into();
            let create = cell.as_ref().map_or(turn + 1, |c| c.create);
            *cell = Some(Found { value: value.clone(), modify: turn + 1, create });
            let lost = unanswered_every > 0 && turn % unanswered_every == 0;
            (Action::Put { value }, if lost { Outcome::Unknown } else { Outcome::Wrote { at, took: true } })
        } else {
            let headers = Headers { index: cell.as_ref().map_or(1, |c| c.modify), ..Headers::default() };
            (Action::Get { mode: Mode::Default }, Outcome::Read { at, found: cell.clone(), headers })
        };
        let (client, key) = ((turn % clients) as u32, format!("k{key}").into());
        out.push(Operation { client, asked: "".into(), key, action, invoked, outcome });
    }
    History { operations: out }
}

#[test]
fn long_correct_runs_are_accepted_and_the_time_is_printed() {
    for (operations, clients, keys, unanswered_every) in [(10_000, 5, 1, 0), (10_000, 10, 1, 0), (10_000, 10, 1, 20), (50_000, 10, 8, 50)] {
        let history = long_run(operations, clients, keys, unanswered_every);
        let before = cpu_seconds();
        let report = check(&history, None, Budget::default());
        let took = cpu_seconds() - before;
        println!("{operations} operations, {clients} clients, {keys} keys, every {unanswered_every}th unanswered: {took:.3} s, {report}");
        assert_eq!(report.verdict(), Verdict::Linearizable, "{report}");
    }
}

#[expect(clippy::disallowed_methods)] // A measurement for the reader; nothing depends on it.
fn cpu_seconds() -> f64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}
