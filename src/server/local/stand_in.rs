//! Stands in for anti-entropy until it is there.

use crate::agent::antientropy::{Input, Output, Setup, Write};
use crate::agent::local::Touched;
use crate::model::{Deadline, Instant, Machine};
use crate::state::{CatalogCommand, NodeUpdate};
use std::collections::VecDeque;

pub struct AntiEntropy {
    setup: Setup,
    next: u64,
    outputs: VecDeque<Output>,
}

impl AntiEntropy {
    pub fn new(_now: Instant, setup: Setup) -> AntiEntropy {
        AntiEntropy { setup, next: 0, outputs: VecDeque::new() }
    }
}

impl Machine for AntiEntropy {
    type Input = Input;
    type Output = Output;

    fn handle(&mut self, _now: Instant, input: Input) {
        let Input::Local { view, touched } = input else { return };
        for touched in touched {
            let node = self.setup.node.clone();
            let register = |service, checks| CatalogCommand::Register { node: node.clone(), update: NodeUpdate::Skip, service, checks };
            let command = match touched {
                Touched::Service(id) => match view.services.get(&id) {
                    Some(service) => register(Some(service.spec.clone()), Vec::new()),
                    None => CatalogCommand::DeregisterService { node: node.name.clone(), service: id.to_string() },
                },
                Touched::Check(id) | Touched::Output(id) => match view.checks.get(&id) {
                    Some(check) => register(None, vec![check.catalog_spec()]),
                    None => CatalogCommand::DeregisterCheck { node: node.name.clone(), check: id.to_string() },
                },
            };
            self.next += 1;
            self.outputs.push_back(Output::Write { write: Write(self.next), command, token: String::new() });
        }
    }

    fn handle_timeout(&mut self, _now: Instant) {}
    fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }
    fn poll_timeout(&self) -> Option<Deadline> {
        None
    }
    fn check_invariants(&self) {}
}
