//! An agent's views, wanted by readers and told of by servers that may say anything.

use super::specimen::Specimen;
use muster::agent::query::{Choice, Query};
use muster::agent::views::{Batch, Input, Lineage, News, Output, Told, Tuning, Verdict, Views};
use muster::model::Instant;
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use std::time::Duration;

/// Views of few services with room for fewer, whose fetches are bounded in every other life.
pub struct OfViews;

impl Specimen for OfViews {
    type Input = Input;
    type Output = Output;
    type Machine = Views;

    fn build(&self, seed: u64, now: Instant) -> Views {
        let fetch_interval = if seed.is_multiple_of(2) { Duration::ZERO } else { Duration::from_millis(700) };
        Views::new(now, Tuning { fetch_interval, fetch_burst: 2, most: 3 }, seed)
    }

    fn inputs(&self) -> BoxedStrategy<Vec<Input>> {
        prop_oneof![
            4 => queries().prop_map(Input::Want),
            3 => told().prop_map(Input::Told),
            1 => (0..9u64).prop_map(Input::Seen),
            1 => select(vec![Input::Failed, Input::Changed, Input::NotChanged, Input::Move]),
        ]
        .prop_map(|input| vec![input])
        .boxed()
    }

    fn longest_pause(&self) -> Duration {
        Duration::from_secs(30 * 60)
    }
}

fn queries() -> impl Strategy<Value = Query> {
    let choice = Choice::default;
    let names = prop_oneof![9 => "[abcd]", 1 => Just("x".repeat(5_000))];
    prop_oneof![
        4 => names.prop_map(move |service| Query::HealthService { service, choice: choice() }),
        2 => "[ab]".prop_map(move |service| Query::CatalogService { service, choice: choice() }),
        1 => Just(Query::CatalogServices { choice: choice() }),
    ]
}

fn told() -> impl Strategy<Value = Told> {
    let verdict = prop_oneof![
        1 => Just(Verdict::Refused),
        1 => vec(any::<u8>(), 0..40).prop_map(|bytes| Verdict::Changed(bytes.into())),
    ];
    let news = vec((1..6u64, verdict).prop_map(|(number, verdict)| News { number, verdict }), 0..2);
    let batch = (1..3u64, 0..9u64, select(vec![Lineage::Same, Lineage::Same, Lineage::Anew]), any::<bool>(), news);
    let batch = batch.prop_map(|(session, index, lineage, known_leader, news)| {
        Told::Batch(Batch { session, index, lineage, known_leader, last_contact: Duration::from_millis(5), news })
    });
    prop_oneof![5 => batch, 1 => select(vec![Told::Unknown, Told::Behind, Told::Full])]
}
