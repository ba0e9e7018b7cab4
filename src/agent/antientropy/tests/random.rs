//! A catalog that loses writes, does them late or twice, and whose rows are removed by hand: once it is quiet, it holds what is registered here.

use super::world::{Catalog, Servers, World, local_check, secs, tagged};
use crate::agent::antientropy::{FULL_INTERVAL, Input, Outcome, Output};
use crate::agent::local::Touched;
use crate::model::{CheckStatus, TagAuthority};
use crate::state::{CatalogCommand, WriteOrder};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::select;
use std::sync::Arc;

const SERVICES: [&str; 3] = ["web", "db", "mq"];

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Register(usize, u8),
    Deregister(usize),
    Check(Option<usize>, u8),
    RemoveCheck(u8),
    Turn(u8, CheckStatus, u8),
    /// The oldest request is answered in this way.
    Answer(Fate),
    Wipe(usize),
    /// The node is removed by hand.
    Remove,
    /// A write that was given up arrives.
    Arrive(usize),
    Found,
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    Works,
    /// Has no effect, and nobody knows.
    Lost,
    /// Takes effect, and nobody knows.
    Unheard,
    /// Nobody knows, and it takes effect later.
    Late,
    Twice,
    Refused,
}

fn step() -> impl Strategy<Value = Step> {
    let fates = select(vec![Fate::Works, Fate::Works, Fate::Works, Fate::Lost, Fate::Unheard, Fate::Late, Fate::Twice, Fate::Refused]);
    let statuses = select(vec![CheckStatus::Passing, CheckStatus::Warning, CheckStatus::Critical]);
    prop_oneof![
        2 => (0..90u64).prop_map(Step::Wait),
        2 => (0..3usize, 0..3u8).prop_map(|(service, port)| Step::Register(service, port)),
        1 => (0..3usize).prop_map(Step::Deregister),
        2 => (proptest::option::of(0..3usize), 0..5u8).prop_map(|(service, check)| Step::Check(service, check)),
        1 => (0..5u8).prop_map(Step::RemoveCheck),
        3 => (0..5u8, statuses, 0..3u8).prop_map(|(check, status, output)| Step::Turn(check, status, output)),
        8 => fates.prop_map(Step::Answer),
        1 => (0..3usize).prop_map(Step::Wipe),
        1 => Just(Step::Remove),
        2 => (0..8usize).prop_map(Step::Arrive),
        1 => Just(Step::Found),
    ]
}

/// A world whose requests hang until a step answers them.
struct Hanging {
    world: World,
    answered: usize,
    late: Vec<(WriteOrder, CatalogCommand)>,
}

impl Hanging {
    fn answer(&mut self, fate: Fate) {
        let Some((_, output)) = self.world.heard.get(self.answered).cloned() else { return };
        self.answered += 1;
        let input = match (output, fate) {
            (Output::TakeTags { .. } | Output::Refused { .. }, _) => return,
            (Output::Fetch(fetch), Fate::Works | Fate::Twice) => Input::Fetched { fetch, found: self.world.catalog.whole() },
            (Output::Fetch(fetch), _) => Input::FetchFailed(fetch),
            (Output::Write { write, order, command, .. }, fate) => Input::Written { write, outcome: self.write(&order, &command, fate) },
        };
        self.world.input(input);
    }

    fn write(&mut self, order: &WriteOrder, command: &CatalogCommand, fate: Fate) -> Outcome {
        match fate {
            Fate::Works => self.world.catalog.take(order, command),
            Fate::Lost => Outcome::Unknown,
            Fate::Unheard => {
                self.world.catalog.take(order, command);
                Outcome::Unknown
            }
            Fate::Late => {
                self.late.push((order.clone(), command.clone()));
                Outcome::Unknown
            }
            Fate::Twice => {
                self.late.push((order.clone(), command.clone()));
                self.world.catalog.take(order, command)
            }
            Fate::Refused => match self.world.catalog.refuse_superseded(order) {
                Ok(()) => Outcome::Refused("not now".to_owned()),
                Err(superseded) => superseded,
            },
        }
    }

    fn step(&mut self, step: Step) {
        let world = &mut self.world;
        match step {
            Step::Wait(time) => world.run_for(secs(time)),
            Step::Register(service, tag) => world.register(tagged(SERVICES[service], &[&tag.to_string()], TagAuthority::Agent)),
            Step::Deregister(service) => world.deregister(SERVICES[service]),
            Step::Check(None, check) => world.check("", &format!("c{check}")),
            Step::Check(Some(service), check) if world.view.services.contains_key(SERVICES[service]) => {
                world.check(SERVICES[service], &format!("c{check}"));
            }
            Step::RemoveCheck(check) => {
                let id: Arc<str> = format!("c{check}").into();
                world.view.checks.remove(&id);
                world.tell(vec![Touched::Check(id)]);
            }
            Step::Turn(check, status, output) if world.view.checks.contains_key(format!("c{check}").as_str()) => {
                world.set(&format!("c{check}"), status, &output.to_string());
            }
            Step::Check(Some(_), _) | Step::Turn(..) => {}
            Step::Answer(fate) => self.answer(fate),
            Step::Wipe(service) => {
                let command = CatalogCommand::DeregisterService { node: super::world::node().name, service: SERVICES[service].to_owned() };
                world.catalog.apply(&command);
            }
            Step::Remove => world.catalog.remove_node(),
            Step::Arrive(which) => {
                if which < self.late.len() {
                    let (order, command) = self.late.remove(which);
                    self.world.catalog.take(&order, &command);
                }
            }
            Step::Found => world.input(Input::ServerFound),
        }
    }

    /// The network calms down, and everything is well.
    fn quieten(&mut self) {
        while self.answered < self.world.heard.len() {
            self.answer(Fate::Works);
        }
        self.world.servers = Servers::Answer;
        self.world.run_for(FULL_INTERVAL * 2);
    }
}

proptest! {
    #[test]
    fn a_quiet_catalog_holds_what_is_registered_here(seed in any::<u64>(), steps in vec(step(), 1..80)) {
        let mut world = World::seeded(secs(60), seed);
        world.servers = Servers::Hang;
        world.run_for(secs(0));
        let mut hanging = Hanging { world, answered: 0, late: Vec::new() };
        for step in steps {
            hanging.step(step);
        }
        hanging.quieten();
        // What a check says beside its status may wait for longer.
        hanging.world.run_for(secs(90) + FULL_INTERVAL * 2);
        let mut world = hanging.world;
        prop_assert_eq!(&world.catalog, &world.wanted());
        // Whatever still lies about somewhere comes too late.
        let quiet = world.catalog.clone();
        for (order, command) in hanging.late {
            world.catalog.take(&order, &command);
        }
        prop_assert_eq!(&world.catalog, &quiet);
        world.heard.clear();
        world.run_for(secs(3600));
        prop_assert!(world.writes().is_empty(), "nothing differs and yet: {:?}", world.writes());
        prop_assert_eq!(world.machine.status().waiting, 0);
    }

    #[test]
    fn the_model_catalog_shows_what_it_was_given(tags in vec("[a-z]{1,3}", 0..3)) {
        let mut catalog = Catalog::default();
        let spec = tagged("web", &tags.iter().map(String::as_str).collect::<Vec<_>>(), TagAuthority::Agent);
        let check = local_check("web", "c").catalog_spec();
        catalog.node = Some(super::world::node());
        catalog.services.insert("web".to_owned(), spec.clone());
        catalog.checks.insert("c".to_owned(), check.clone());
        let whole = catalog.whole().unwrap();
        prop_assert!(whole.services[0].is_as(&spec) && whole.checks[0].is_as(&check));
    }
}
