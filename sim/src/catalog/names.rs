//! Programs that find instances by DNS.

use super::book::{Book, now};
use super::plan::{CatalogPlan, SERVICES};
use crate::dns::{DNS, Named, Over, ask};
use crate::draws::Draws;
use crate::invariants::catalog::observed::Naming;
use crate::runtime::Sim;
use crate::world::Who;
use muster::runtime::sleep;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is waited for: as resolvers do.
const PATIENCE: Duration = Duration::from_secs(5);
const NOERROR: u8 = 0;
const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;

/// The life of resolver `number`, which always asks the agent `asked`.
pub async fn resolve(number: u32, asked: Who, plan: Arc<CatalogPlan>, book: Book) {
    let mut draws = Draws::new(plan.base.seed, "resolver", u64::from(number));
    sleep::<Sim>(Duration::from_millis(draws.within(100..4_000))).await;
    while book.passed() < plan.until {
        let service = *draws.pick(&SERVICES);
        let over = if draws.chance(300_000) { Over::Tcp } else { Over::Udp };
        look(asked, service, over, &mut draws, &book).await;
        sleep::<Sim>(Duration::from_millis(draws.within(300..1_500))).await;
    }
}

async fn look(asked: Who, service: &str, over: Over, draws: &mut Draws, book: &Book) {
    let name = format!("{service}.service.consul");
    let invoked = now();
    let found = match ask(SocketAddr::new(asked.ip(), DNS), &name, over, draws, PATIENCE).await {
        Ok(Some(named)) => targets(&named),
        Ok(None) => return,
        Err(says) => Err(says),
    };
    match found {
        Ok(Some(lines)) => book.naming(Naming { asked, service: service.into(), invoked, returned: now(), lines }),
        Ok(None) => {}
        Err(says) => book.malformed(format!("{asked} {name} {over:?}: {says}")),
    }
}

/// `node:port` of each record; `None` if the agent could not tell.
fn targets(named: &Named) -> Result<Option<Vec<String>>, String> {
    match (named.rcode, named.truncated, named.targets.is_empty()) {
        (SERVFAIL, false, true) => Ok(None),
        (NXDOMAIN, false, true) => Ok(Some(Vec::new())),
        (NOERROR, false, false) => {
            let line = |(target, port): &(String, u16)| match target.strip_suffix(".node.dc1.consul") {
                Some(node) => Ok(format!("{node}:{port}")),
                None => Err(format!("target {target} is no node")),
            };
            let mut lines = named.targets.iter().map(line).collect::<Result<Vec<_>, _>>()?;
            // `n1:` comes behind `n11:`, `n1.` before.
            lines.sort();
            Ok(Some(lines))
        }
        _ => Err(format!("{named:?}")),
    }
}
