//! One small story in full: an agent meets its catalog, loses it, goes on, and is understood in the end.

use super::world::{Servers, World, secs};
use crate::agent::antientropy::{Input, Output};
use crate::model::CheckStatus::Passing;
use crate::model::{Instant, ServiceSpec};
use crate::state::{CatalogCommand, NodeUpdate};

fn told(begin: Instant, (at, output): &(Instant, Output)) -> String {
    let what = match output {
        Output::Fetch(fetch) => format!("fetch {}", fetch.0),
        Output::Write { write, command, .. } => format!("write {}: {}", write.0, said(command)),
        Output::TakeTags { service, tags } => format!("{service} has the tags {tags:?}"),
        Output::Refused { subject, reason } => format!("{subject} is refused: {reason}"),
    };
    format!("{:>8.3}  {what}", at.since(begin).as_secs_f64())
}

fn said(command: &CatalogCommand) -> String {
    match command {
        CatalogCommand::Register { update, service, checks, .. } => {
            let node = (*update == NodeUpdate::Apply).then(|| "node".to_owned());
            let checks = checks.iter().map(|check| format!("{} {} {:?}", check.id, check.status.as_str(), check.output));
            let all: Vec<String> = node.into_iter().chain(service.iter().map(|service| service.id.clone())).chain(checks).collect();
            if all.is_empty() { "barrier".to_owned() } else { format!("register {}", all.join(", ")) }
        }
        CatalogCommand::DeregisterService { service, .. } => format!("deregister service {service}"),
        CatalogCommand::DeregisterCheck { check, .. } => format!("deregister check {check}"),
        CatalogCommand::DeregisterNode { .. } => "deregister the node".to_owned(),
    }
}

#[test]
fn an_agent_loses_its_servers_and_is_understood_in_the_end() {
    let mut world = World::new();
    let begin = world.now;
    world.run_for(secs(0));
    world.register_with("web", &["c1", "c2"]);
    world.set("c1", Passing, "ok");
    world.set("c1", Passing, "ok, 3 ms");
    world.catalog.services.insert("stray".to_owned(), ServiceSpec::new("stray", "stray"));
    world.run_for(secs(130));
    world.servers = Servers::Fail;
    world.set("c2", Passing, "ok");
    world.deregister("web");
    world.register_with("db", &["c3"]);
    world.run_for(secs(60));
    world.servers = Servers::Answer;
    world.input(Input::ServerFound);
    world.run_for(secs(400));
    assert_eq!(world.catalog, world.wanted());
    let told = world.heard.iter().map(|said| told(begin, said)).collect::<Vec<_>>().join("\n") + "\n";
    let golden = include_str!("story.txt");
    assert!(told == golden, "the story has changed:\n{told}");
}
