//! Commands in the log, as they come from a disk or a peer.

use super::state_snapshot::registration;
use muster::model::codec::{decode_compact, encode_compact_into};
use muster::model::{NodeName, Timestamp};
use muster::state::{CatalogCommand, Command, Stamped, State};

const VERSION: u8 = 1;

/// Applies what `input` holds to a state and takes the state through a snapshot.
pub fn run(input: &[u8]) {
    let Ok(commands) = decode_compact::<Vec<Command>>("commands", VERSION, input) else { return };
    let mut state = State::default();
    for (index, command) in (1..).zip(commands) {
        let before = state.clone();
        let (_, touched) = state.apply(index, &Stamped { at: Timestamp::from_unix_nanos(index), command });
        assert!(
            !touched.is_empty() || state.nodes() == before.nodes() && state.services() == before.services(),
            "a change nobody hears of"
        );
    }
    assert_eq!(State::decode(&state.encode()).as_ref(), Ok(&state), "a state reads back as another");
}

/// Runs of commands.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let name = |name: &str| NodeName::parse(name).expect("a name");
    let register = registration("n1", "web-1", "web");
    let remove_service = CatalogCommand::DeregisterService { node: name("N1"), service: "web-1".to_owned() };
    let remove_check = CatalogCommand::DeregisterCheck { node: name("n1"), check: "serfHealth".to_owned() };
    let remove_node = CatalogCommand::DeregisterNode { node: name("n1"), only_id: None };
    let twice = vec![register.clone(), registration("n2", "web-1", "web"), remove_check];
    vec![
        ("register", bytes(vec![register.clone()])),
        ("twice", bytes(twice)),
        ("all-gone", bytes(vec![register, remove_service, remove_node])),
    ]
}

fn bytes(commands: Vec<CatalogCommand>) -> Vec<u8> {
    let commands: Vec<Command> = commands.into_iter().map(Command::Catalog).collect();
    let mut out = Vec::new();
    encode_compact_into(&mut out, VERSION, &commands);
    out
}
