//! Questions: everybody is asked once, answers come straight back, and the asker stops when all have spoken.

use super::net::{Net, addr, machine_among, name, packets, say, start};
use crate::gossip::packet::{Head, Rumor};
use crate::gossip::{Ask, Input, Output, Question, Saying, Scope, Tally, Word};
use std::sync::Arc;
use std::time::Duration;

fn ask(until: u8, relays: u8) -> Ask {
    Ask { name: "load".to_owned(), payload: b"?"[..].into(), scope: Scope::default(), patience: None, relays, until }
}

/// Everybody but `mute` answers as soon as it is asked, with its number.
fn answer_all(net: &mut Net, mute: &[usize]) {
    let mut seen = 0;
    for _ in 0..200 {
        while seen < net.outputs.len() {
            let (n, output) = net.outputs[seen].clone();
            seen += 1;
            if let Output::Asked(question) = output
                && !mute.contains(&n)
            {
                net.input(n, Input::Say { question: question.clone(), word: Word::Heard });
                net.input(n, Input::Say { question, word: Word::Answer(format!("{n}").into_bytes().into()) });
            }
        }
        net.run_for(Duration::from_millis(50));
    }
}

fn finished(net: &Net) -> Vec<Tally> {
    net.outputs
        .iter()
        .filter_map(|(_, output)| if let Output::Finished { tally, .. } = output { Some(tally.clone()) } else { None })
        .collect()
}

fn answers(net: &Net) -> Vec<String> {
    let said = net.outputs.iter().filter_map(|(_, output)| match output {
        Output::Said { ticket: 7, by, word: Word::Answer(bytes) } => Some(format!("{by}={}", String::from_utf8_lossy(bytes))),
        _ => None,
    });
    let mut said: Vec<String> = said.collect();
    said.sort();
    said
}

fn ends_at(net: &Net) -> f64 {
    let line = net.trace.iter().find(|line| line.contains("has heard all but")).expect("it ended");
    line.trim_start().split(' ').next().unwrap().parse().unwrap()
}

#[test]
fn a_question_ends_when_everybody_has_answered() {
    let mut net = Net::formed(12);
    net.input(5, Input::Ask { ticket: 7, id: 99, ask: ask(100, 0) });
    answer_all(&mut net, &[]);
    assert_eq!(answers(&net).len(), 12, "{:?}", answers(&net));
    assert_eq!(finished(&net), [Tally { members: 12, silent: vec![] }]);
    assert!(ends_at(&net) < 1.5, "at {}, though the patience is 6.4 s", ends_at(&net));
    let asked = net.outputs.iter().filter(|(_, output)| matches!(output, Output::Asked(_))).count();
    assert_eq!(asked, 12, "each once");
}

#[test]
fn who_kept_silent_is_told_when_the_patience_ends() {
    let mut net = Net::formed(12);
    net.input(5, Input::Ask { ticket: 7, id: 99, ask: ask(100, 0) });
    answer_all(&mut net, &[3]);
    assert_eq!(finished(&net), [Tally { members: 12, silent: vec![name(3)] }]);
    assert!((6.4..6.5).contains(&ends_at(&net)), "at {}", ends_at(&net));
}

#[test]
fn a_share_of_the_members_can_be_enough() {
    let mut net = Net::formed(12);
    net.input(5, Input::Ask { ticket: 7, id: 99, ask: ask(90, 0) });
    answer_all(&mut net, &[3]);
    assert_eq!(finished(&net)[0].silent, [name(3)]);
    assert!(ends_at(&net) < 2.0);
}

#[test]
fn an_answer_that_is_lost_on_its_way_comes_through_others() {
    let mut net = Net::formed(6);
    net.udp_cut.insert((2, 5));
    net.input(5, Input::Ask { ticket: 7, id: 99, ask: ask(100, 3) });
    answer_all(&mut net, &[]);
    assert_eq!(answers(&net).len(), 6, "{:?}", answers(&net));
}

#[test]
fn a_word_is_told_once_however_often_it_comes_and_only_a_members() {
    let mut machine = machine_among(1, &[2, 3]);
    super::net::drain(&mut machine);
    crate::model::Machine::handle(&mut machine, start(), Input::Ask { ticket: 7, id: 99, ask: ask(100, 0) });
    super::net::drain(&mut machine);
    let mut hear = |by: usize, word: Word| {
        let saying = Saying { question: 99, by: name(by), word };
        let said = say(&mut machine, start(), 2, Some(Head::Say(saying)), vec![]);
        said.iter().filter(|output| matches!(output, Output::Said { .. })).count()
    };
    let answer = || Word::Answer(b"1"[..].into());
    assert_eq!([hear(2, Word::Heard), hear(2, Word::Heard), hear(2, answer()), hear(2, answer()), hear(2, Word::Heard)], [1, 0, 1, 0, 0]);
    assert_eq!([hear(9, answer()), hear(3, Word::Nothing), hear(3, answer())], [0, 1, 0]);
}

#[test]
fn a_word_is_passed_on_to_members_only() {
    let mut machine = machine_among(1, &[2, 3]);
    let saying = || Saying { question: 99, by: name(2), word: Word::Nothing };
    let passed = |outputs: &[Output]| packets(outputs).into_iter().map(|(to, packet)| (to, packet.head)).collect::<Vec<_>>();
    let pass = |to: usize| Some(Head::Pass { to: name(to), saying: saying() });
    assert_eq!(passed(&say(&mut machine, start(), 2, pass(3), vec![])), [(addr(3), Some(Head::Say(saying())))]);
    assert_eq!(passed(&say(&mut machine, start(), 2, pass(8), vec![])), []);
    assert_eq!(machine.stats().refused, 1);
}

#[test]
fn a_question_is_heard_once() {
    let mut machine = machine_among(1, &[2, 3]);
    let (asker, reply_to, scope) = (name(2), addr(2), Scope::default());
    let (name, payload) = ("load".to_owned(), Default::default());
    let question = Arc::new(Question { id: 4, at: 3, asker, reply_to, name, payload, scope, relays: 0, patience: 1000 });
    let mut hear = || {
        let outputs = say(&mut machine, start(), 3, None, vec![Rumor::Question(question.clone())]);
        outputs.iter().filter(|output| matches!(output, Output::Asked(_))).count()
    };
    assert_eq!((hear(), hear()), (1, 0));
}
