//! Programs that register, take out of use and deregister instances on their agents, each order again and again until it is acknowledged; and
//! one that writes to the catalog past the agents.

use super::beside::port;
use super::book::Book;
use super::plan::{CatalogPlan, Meddling, SERVICES};
use crate::draws::Draws;
use crate::invariants::catalog::observed::{Deed, Instance, Probe};
use crate::runtime::Sim;
use crate::workload::Connection;
use bytes::Bytes;
use hyper::Method;
use muster::runtime::sleep;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer is waited for: a registration waits for a leader for 7 s.
const PATIENCE: Duration = Duration::from_secs(12);
/// Pause before an order is given again.
const AGAIN: Duration = Duration::from_millis(500);
/// How long after the end of work an order is still tried.
const OVERTIME: Duration = Duration::from_secs(20);

/// Sleeps until the run has lasted so long.
pub async fn until(book: &Book, at: Duration) {
    while let Some(left) = at.checked_sub(book.passed()).filter(|left| !left.is_zero()) {
        sleep::<Sim>(left).await;
    }
}

/// Gives all orders of one instance.
pub async fn deploy(number: usize, plan: Arc<CatalogPlan>, book: Book) {
    let instance = &plan.instances[number];
    let mut connection = Connection::new(instance.agent);
    for order in &plan.orders[number] {
        until(&book, order.at).await;
        let (path, body) = request(number, instance, order.what);
        let written = book.order(number, order.what);
        loop {
            if book.passed() > plan.until + OVERTIME {
                return;
            }
            if let Ok(reply) = connection.ask(Method::PUT, &path, body.clone(), PATIENCE).await {
                match reply.status {
                    200 => break,
                    // An attempt that was not answered had its effect.
                    404 if order.what == Deed::Deregister => break,
                    400 | 405 => return book.malformed(refusal(instance, order.what, &reply.body)),
                    _ => {}
                }
            }
            sleep::<Sim>(AGAIN).await;
        }
        book.order_done(written);
    }
}

fn refusal(instance: &Instance, deed: Deed, body: &[u8]) -> String {
    format!("{deed:?} of {} on {} was refused: {}", instance.id, instance.agent, body.escape_ascii())
}

fn request(number: usize, instance: &Instance, deed: Deed) -> (String, Bytes) {
    let id = &instance.id;
    match deed {
        Deed::Register(tags) => ("/v1/agent/service/register".to_owned(), registration(number, instance, tags)),
        Deed::Deregister => (format!("/v1/agent/service/deregister/{id}"), Bytes::new()),
        Deed::MaintenanceOn => (format!("/v1/agent/service/maintenance/{id}?enable=true&reason=planned"), Bytes::new()),
        Deed::MaintenanceOff => (format!("/v1/agent/service/maintenance/{id}?enable=false"), Bytes::new()),
    }
}

/// The body that registers an instance with its check.
pub fn registration(number: usize, instance: &Instance, tags: u32) -> Bytes {
    let check = match instance.probe {
        Probe::Http { interval, timeout } => json!({
            "HTTP": format!("http://127.0.0.1:{}/health", port(number)),
            "Interval": format!("{}ms", interval.as_millis()),
            "Timeout": format!("{}ms", timeout.as_millis()),
        }),
        Probe::Ttl(ttl) => json!({"TTL": format!("{}ms", ttl.as_millis())}),
    };
    let body = json!({
        "ID": &*instance.id,
        "Name": &*instance.service,
        "Tags": [format!("v{tags}")],
        "Port": port(number),
        "Check": check,
    });
    body.to_string().into()
}

/// Writes to the catalog past the agents; what came of it shows in the log.
pub async fn meddle(plan: Arc<CatalogPlan>, book: Book) {
    let mut draws = Draws::new(plan.base.seed, "meddler", 0);
    let agents = plan.base.agents();
    for meddling in &plan.meddlings {
        until(&book, meddling.at).await;
        let mut connection = Connection::new(*draws.pick(&agents));
        let (path, body) = match meddling.what {
            Meddling::Wipe(number) => {
                book.wipe(number);
                let instance = &plan.instances[number];
                ("/v1/catalog/deregister", json!({"Node": instance.agent.to_string(), "ServiceID": &*instance.id}))
            }
            Meddling::External(which, passes) => ("/v1/catalog/register", external(which, passes)),
            Meddling::Gone(which) => ("/v1/catalog/deregister", json!({"Node": external_name(which)})),
        };
        if let Ok(reply) = connection.ask(Method::PUT, path, body.to_string().into(), PATIENCE).await
            && (400..500).contains(&reply.status)
        {
            book.malformed(format!("{path} {body} was refused: {} {}", reply.status, reply.body.escape_ascii()));
        }
    }
}

fn external_name(which: u8) -> String {
    format!("ext-{which}")
}

fn external(which: u8, passes: bool) -> serde_json::Value {
    let service = SERVICES[usize::from(which) % SERVICES.len()];
    let id = format!("{service}-outside");
    json!({
        "Node": external_name(which),
        "Address": format!("192.0.2.{which}"),
        "Service": {"ID": id, "Service": service, "Port": 80, "Tags": ["v1"]},
        "Check": {"CheckID": "seen", "Name": "seen from afar", "ServiceID": id, "Status": if passes { "passing" } else { "critical" }},
    })
}
