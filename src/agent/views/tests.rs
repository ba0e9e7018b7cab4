//! Agents, servers and the calls between them, without sockets: whatever happens, views end as the servers' answers and never go back.

mod world;

use crate::agent::query::{Choice, Health, Query, Rows};
use crate::agent::views::delta::{Delta, Holding};
use crate::agent::views::{Board, Changes, Publisher, Verdict, Wanted};
use crate::model::CheckStatus;
use proptest::prelude::{Strategy, any, prop_oneof, proptest};
use world::{Change, Happening, World, health, state_of};

fn delta_bytes(found: &crate::agent::views::Found, number: u64) -> Option<usize> {
    found.news.iter().find(|news| news.number == number).map(|news| match &news.verdict {
        Verdict::Changed(delta) => delta.len(),
        Verdict::Refused => panic!("view {number} was refused"),
    })
}

fn wanted(number: u64, query: Query) -> Wanted {
    Wanted { number, query, holding: None }
}

#[test]
fn one_check_of_many_instances_costs_as_much_as_one_check() {
    let (mut state, mut index) = state_of(40, "a");
    let (mut board, mut publisher) = (Board::default(), Publisher::default());
    publisher.change(Changes { add: vec![wanted(1, health("a"))], remove: vec![] });
    let whole = delta_bytes(&publisher.look(&mut board, index, &state), 1).unwrap();
    index += 1;
    Change::Check { node: 17, service: 0, status: CheckStatus::Critical }.apply(&mut state, index);
    let step = delta_bytes(&publisher.look(&mut board, index, &state), 1).unwrap();
    assert!(whole > 3_000 && step < 100, "{whole} bytes for all, {step} for a change");
    index += 1;
    Change::Key.apply(&mut state, index);
    assert!(publisher.look(&mut board, index, &state).news.is_empty(), "what it does not show is no news");
}

#[test]
fn everyone_who_has_the_same_is_sent_the_same_bytes() {
    let (mut state, mut index) = state_of(3, "a");
    let mut board = Board::default();
    let mut publishers: Vec<Publisher> = (0..2).map(|_| Publisher::default()).collect();
    for publisher in &mut publishers {
        publisher.change(Changes { add: vec![wanted(1, health("a"))], remove: vec![] });
    }
    for _ in 0..2 {
        let sent: Vec<_> = publishers.iter_mut().map(|publisher| publisher.look(&mut board, index, &state).news).collect();
        let [Verdict::Changed(one), Verdict::Changed(other)] = [&sent[0][0].verdict, &sent[1][0].verdict] else { panic!("{sent:?}") };
        assert_eq!(one.as_ptr(), other.as_ptr(), "encoded once");
        index += 1;
        Change::Check { node: 1, service: 0, status: CheckStatus::Warning }.apply(&mut state, index);
    }
    drop(publishers);
    board.tidy();
    assert!(board.is_empty(), "what nobody subscribes to is not kept");
}

#[test]
fn who_comes_from_elsewhere_is_sent_what_differs_and_nothing_else() {
    let (mut state, mut index) = state_of(30, "a");
    let held = health("a").answer(&state);
    for change in [
        Change::Check { node: 3, service: 0, status: CheckStatus::Critical },
        Change::Forget { node: 9 },
        Change::Service { node: 50, service: 0, port: 80, tag: 1 },
    ] {
        index += 1;
        change.apply(&mut state, index);
    }
    let now = health("a").answer(&state);
    let whole = Delta::whole(&now).unwrap().encode();
    for (holding, at_most) in [(Holding::of(1, &held), 3_000), (Holding::of(2, &now), 100)] {
        let delta = Delta::resumed(&holding, &now).unwrap();
        let bytes = delta.encode();
        assert!(bytes.len() < at_most && bytes.len() < whole.len() / 4, "{} of {} bytes", bytes.len(), whole.len());
        let base = if at_most == 100 { &now } else { &held };
        assert_eq!(delta.apply(Some(base)).unwrap(), now);
    }
    let nothing = crate::agent::query::Answer { marks: held.marks, rows: Rows::Instances(vec![]) };
    assert_eq!(Delta::resumed(&Holding::of(3, &nothing), &now).unwrap().apply(Some(&nothing)).unwrap(), now);
}

#[test]
fn a_delta_for_another_past_is_refused_by_what_does_not_fit() {
    let (mut state, mut index) = state_of(5, "a");
    let old = health("a").answer(&state);
    index += 1;
    Change::Check { node: 4, service: 0, status: CheckStatus::Critical }.apply(&mut state, index);
    let new = health("a").answer(&state);
    let delta = Delta::between(&old, &new).unwrap();
    assert_eq!(delta.clone().apply(Some(&old)).unwrap(), new);
    let (fewer, _) = state_of(2, "a");
    let (more, _) = state_of(9, "a");
    for other in [fewer, more] {
        assert!(delta.clone().apply(Some(&health("a").answer(&other))).is_err());
    }
    let names = Query::CatalogServices { choice: Choice::default() }.answer(&state);
    assert!(delta.clone().apply(Some(&names)).is_err());
    assert!(delta.apply(None).is_err());
}

#[test]
fn a_batch_that_is_full_leaves_the_rest_to_the_next_which_begins_there() {
    let (mut state, mut index) = state_of(400, "a");
    for (service, name) in [(1, "b"), (2, "c")] {
        assert_eq!(world::SERVICES[service], name);
        for node in 0..400 {
            index += 1;
            Change::Service { node, service, port: 1, tag: 0 }.apply(&mut state, index);
        }
    }
    let (mut board, mut publisher) = (Board::default(), Publisher::default());
    let add = (1..4).map(|number| wanted(number, health(world::SERVICES[number as usize - 1]))).collect();
    publisher.change(Changes { add, remove: vec![] });
    let mut order = Vec::new();
    loop {
        let found = publisher.look(&mut board, index, &state);
        order.extend(found.news.iter().map(|news| news.number));
        // The first view changes all the time: the others come all the same.
        index += 1;
        Change::Check { node: 1, service: 0, status: if index % 2 == 0 { CheckStatus::Critical } else { CheckStatus::Passing } }
            .apply(&mut state, index);
        if found.all {
            break;
        }
    }
    for number in 1..4 {
        assert!(order.contains(&number), "{order:?}");
    }
}

#[test]
fn a_choice_is_made_from_the_wide_view_as_a_server_makes_it() {
    let (mut state, mut index) = state_of(6, "a");
    for change in
        [Change::Check { node: 2, service: 0, status: CheckStatus::Critical }, Change::Service { node: 3, service: 0, port: 9, tag: 2 }]
    {
        index += 1;
        change.apply(&mut state, index);
    }
    let choices = [
        Choice::default(),
        Choice { health: Health::Passing, ..Choice::default() },
        Choice { tags: vec!["T2".to_owned()], ..Choice::default() },
        Choice { filter: "Service.Port == 9".to_owned(), ..Choice::default() },
        Choice { node_meta: vec![("rack".to_owned(), "1".to_owned())], ..Choice::default() },
    ];
    let mut counts = Vec::new();
    for choice in choices {
        let query = Query::HealthService { service: "a".to_owned(), choice };
        let answer = query.narrow(&query.view().unwrap().answer(&state));
        assert_eq!(answer, query.answer(&state));
        let Rows::Instances(rows) = answer.rows else { panic!("instances were asked") };
        counts.push(rows.len());
    }
    assert_eq!(counts, [6, 5, 1, 1, 3]);
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        8 => world::change().prop_map(Happening::Change),
        4 => (0..world::VIEWS).prop_map(Happening::Want),
        6 => any::<bool>().prop_map(|whole| if whole { Happening::Publish } else { Happening::PublishChange }),
        3 => (0..3usize).prop_map(Happening::Replicate),
        2 => (1..4_000u64).prop_map(Happening::Pass),
        1 => (0..3usize).prop_map(Happening::Lose),
        1 => (0..3usize).prop_map(Happening::MoveTo),
        1 => proptest::strategy::LazyJust::new(|| Happening::BeginAnew),
        1 => proptest::strategy::LazyJust::new(|| Happening::LongSilence),
    ]
}

proptest! {
    /// Three servers of which two lag, an agent that is sent from one to another, calls that are lost, clusters that begin anew.
    #[test]
    fn after_quiet_every_view_is_the_servers_answer_and_no_index_went_back(
        seed in any::<u64>(),
        happenings in proptest::collection::vec(happening(), 1..120),
    ) {
        let mut world = World::new(seed);
        for happening in happenings {
            world.meet(happening);
        }
        world.settle();
        world.assert_views_are_current();
    }
}
