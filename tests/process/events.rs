//! Events at handlers of a real agent that is killed and comes back.

use super::{LONG, Site, eventually, text};
use std::fs;

#[test]
fn a_killed_agents_handlers_run_once_for_each_event_and_in_order() {
    let site = Site::new("events");
    let (heard, config) = (site.folder.join("heard"), site.folder.join("watch.hcl"));
    let handler = format!("echo \\\"$SERF_USER_LTIME $SERF_USER_EVENT $(cat)\\\" >> '{}'", heard.display());
    let watch = format!("watches = [{{ type = \"event\", handler_type = \"serf\", args = [\"sh\", \"-c\", \"{handler}\"] }}]");
    fs::write(&config, format!("enable_local_script_checks = true\n{watch}\n")).expect("written");
    let server = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    let join = format!("-retry-join={}", site.address(1));
    let mut client = site.agent(2, &[join.as_str(), &format!("-config-file={}", config.display())]).started();
    let lines = || fs::read_to_string(&heard).unwrap_or_default();
    let fire = |numbers: std::ops::RangeInclusive<u32>| {
        for number in numbers {
            let fired = server.command(&["event", "-name=deploy"], &[&format!("v{number}")]);
            assert!(fired.status.success(), "{}", text(&fired.stderr));
        }
    };
    let wanted = |last: u32| (1..=last).map(|number| format!("{number} deploy v{number}\n")).collect::<String>();
    let memory = || fs::read(site.folder.join("n2/serf/local.snapshot")).unwrap_or_default();
    eventually("it remembers its pool", LONG, || memory().windows(2).any(|name| name == b"n1"), || client.said());
    fire(1..=5);
    eventually("five events were handled", LONG, || lines() == wanted(5), || lines() + &client.said());
    client.kill();
    fire(6..=7);
    client.start();
    let took = eventually("what was missed is handled", LONG, || lines().len() >= wanted(7).len(), || lines() + &client.said());
    println!("an agent that came back had caught up after {took:?}");
    fire(8..=8);
    eventually("a new one is handled", LONG, || lines().ends_with("v8\n"), || lines() + &client.said());
    assert_eq!(lines(), wanted(8), "each once{}", client.said());
}
