//! Comparing the catalog with what the agents have registered.

use super::PATIENCE;
use super::book::{Book, now};
use super::plan::CatalogPlan;
use crate::cluster::{Agent, Cluster};
use crate::invariants::catalog::observed::{Deed, Order, Union};
use crate::plan::Plan;
use crate::runtime::KernelWait;
use crate::whole_agent::WholeAgent;
use crate::world::Who;
use muster::agent::local::LocalView;
use muster::agent::query::{Query, Rows, WholeNode};
use muster::agent::reconcile::SERVERS;
use muster::model::CheckStatus;
use muster::server::http::Backend;
use muster::state::State;
use muster::state::checks::SERF_HEALTH;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Time between comparisons.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// Waits until the catalog agrees with the agents.
pub async fn settle(cluster: &Cluster<WholeAgent>, plan: &CatalogPlan, book: &Book) -> Union {
    let from = now();
    loop {
        let differences = differences(cluster, &plan.base);
        let at = now();
        if differences.is_empty() || at > from + PATIENCE.as_nanos() as u64 {
            let agreed = differences.is_empty().then_some(at);
            return Union { from, agreed, differences, forgotten: forgotten(cluster, plan, book) };
        }
        KernelWait::after(LOOK_AGAIN).await;
    }
}

/// Where the leader's catalog and the agents differ.
pub fn differences(cluster: &Cluster<WholeAgent>, plan: &Plan) -> Vec<String> {
    let Some(state) = leader_state(cluster) else { return vec!["nobody leads".to_owned()] };
    let mut found = Vec::new();
    for who in plan.agents() {
        match cluster.agent(who) {
            Some(agent) => found.extend(of_agent(who, plan.servers.contains(&who), &agent.0.local(), &state)),
            None => found.push(format!("{who} does not run")),
        }
    }
    found
}

/// The state of whoever leads in the newest term.
pub fn leader_state(cluster: &Cluster<WholeAgent>) -> Option<State> {
    let mut leaders: Vec<(u64, WholeAgent)> = cluster.agents().into_values().filter_map(|agent| Some((agent.leads()?, agent))).collect();
    leaders.sort_by_key(|(term, _)| *term);
    Some(leaders.pop()?.1.0.raft()?.view().state.clone())
}

fn of_agent(who: Who, server: bool, local: &LocalView, state: &State) -> Vec<String> {
    let Some(node) = whole(state, &who.to_string()) else { return vec![format!("{who} is not in the catalog")] };
    let mut found = Vec::new();
    let mut wanted: BTreeSet<String> = local
        .services
        .values()
        .map(|service| instance(&service.spec.id, &service.spec.name, &service.spec.tags, service.spec.port))
        .collect();
    let mut listed: BTreeSet<String> = BTreeSet::new();
    for service in &node.services {
        let tags: Vec<String> = service.tags().iter().map(ToString::to_string).collect();
        if service.id() == SERVERS {
            found.extend((!server).then(|| format!("{who} is no server, and is listed as one")));
        } else {
            listed.insert(instance(service.id(), service.name(), &tags, service.port()));
        }
    }
    found.extend(
        (server && !node.services.iter().any(|service| service.id() == SERVERS)).then(|| format!("{who} is not listed as a server")),
    );
    wanted.extend(local.checks.values().map(|row| check(&row.definition.id, &row.definition.service_id, row.status.as_str())));
    for row in &node.checks {
        if row.id() == SERF_HEALTH {
            found.extend((*row.status() != CheckStatus::Passing).then(|| format!("{who} runs and is {}", row.output())));
        } else {
            listed.insert(check(row.id(), row.service_id(), row.status().as_str()));
        }
    }
    found.extend(wanted.difference(&listed).map(|line| format!("{who} has {line}, the catalog has not")));
    found.extend(listed.difference(&wanted).map(|line| format!("the catalog has {line} of {who}, which has not")));
    found
}

fn instance(id: &str, name: &str, tags: &[String], port: i64) -> String {
    format!("instance {id} of {name} {tags:?}:{port}")
}

fn check(id: &str, service: &str, status: &str) -> String {
    format!("check {id} of {service:?} = {status}")
}

fn whole(state: &State, node: &str) -> Option<WholeNode> {
    let answer = Query::WholeNode { node: node.to_owned() }.answer(state);
    let Rows::WholeNode(found) = answer.rows else { unreachable!("a question about a whole node is answered with one") };
    found
}

/// What an agent no longer has although it was acknowledged, or still has although it was taken off.
fn forgotten(cluster: &Cluster<WholeAgent>, plan: &CatalogPlan, book: &Book) -> Vec<String> {
    let mut found = Vec::new();
    for (number, instance) in plan.instances.iter().enumerate() {
        let last: Option<Order> = book.with(|seen| seen.orders.iter().rfind(|order| order.instance == number).copied());
        let Some((order, agent)) = last.filter(|order| order.done.is_some()).zip(cluster.agent(instance.agent)) else { continue };
        let local: Arc<LocalView> = agent.0.local();
        let there = local.services.contains_key(&instance.id);
        let out = local.checks.contains_key(&*format!("_service_maintenance:{}", instance.id));
        let should = match order.deed {
            Deed::Register(_) | Deed::MaintenanceOff => there && (!out || matches!(order.deed, Deed::Register(_))),
            Deed::MaintenanceOn => there && out,
            Deed::Deregister => !there,
        };
        if !should {
            let says = format!("{:?} of {} was acknowledged by {}, which has it: {there}", order.deed, instance.id, instance.agent);
            found.push(says);
        }
    }
    found
}
