//! `muster run`: a service that is in the catalog as long as it runs.

use super::{Agent, LONG, Site, eventually, muster, text};
use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Stdio};
use std::time::Duration;

fn run(agent: &Agent, flags: &[&str], line: &str) -> Child {
    let mut command = muster();
    command.arg("run").arg(format!("-http-addr={}", agent.http)).args(flags).args(["--", "/bin/sh", "-c", line]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary runs")
}

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("the id of a process");
    kill_process(id, signal).expect("our own child, not waited for yet");
}

fn serving(test: &str) -> (Agent, Site) {
    let site = Site::new(test);
    let agent = site.agent(1, &["-server", "-bootstrap-expect=1"]).started();
    eventually("it takes writes", LONG, || agent.put("a", "1"), || agent.said());
    (agent, site)
}

#[test]
fn a_service_is_healthy_while_it_runs_and_gone_when_it_has_ended() {
    let (agent, site) = serving("run");
    let told = site.folder.join("told");
    let line = format!(
        "trap 'curl -s http://{}/v1/agent/services > {}; exit 7' TERM; while true; do sleep 0.02; done",
        agent.http,
        told.display()
    );
    let child = run(&agent, &["-service=web", "-port=80", "-tag=a", "-check-ttl=2s"], &line);
    eventually("it is healthy", LONG, || agent.healthy("web") == Some(1), || agent.said());
    // Longer than its TTL: heartbeats keep it healthy.
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(agent.healthy("web"), Some(1), "{}", agent.said());
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().expect("our own child");
    assert_eq!(output.status.code(), Some(7), "{}", text(&output.stderr));
    eventually("it is gone", LONG, || agent.healthy("web") == Some(0), || agent.said());
    if let Ok(services) = std::fs::read_to_string(&told).map(|text| text.trim().to_owned()).as_deref()
        && !services.is_empty()
    {
        assert_eq!(services, "{}", "it is out of the catalog before it is told to end");
    }
}

#[test]
fn a_program_tells_how_the_service_is() {
    let (agent, site) = serving("tells");
    let ill = site.folder.join("ill");
    let cmd = format!("-check-cmd=if [ -e {} ]; then echo ill; exit 2; fi", ill.display());
    let mut child = run(&agent, &["-service=web", &cmd, "-check-interval=100ms", "-check-timeout=5s"], "exec sleep 600");
    eventually("it is healthy", LONG, || agent.healthy("web") == Some(1), || agent.said());
    std::fs::write(&ill, "").expect("written");
    eventually("it is ill", LONG, || agent.healthy("web") == Some(0), || agent.said());
    let output = agent.check("service:web:alive").expect("a check")["Output"].as_str().map(str::to_owned);
    assert_eq!(output.as_deref(), Some("ill\n"));
    signal(&child, Signal::INT);
    assert_eq!(child.wait().expect("our own child").code(), Some(130));
}

#[test]
fn an_agent_that_comes_late_or_forgets_is_told_what_runs() {
    let (mut agent, _site) = serving("late");
    agent.kill();
    let mut child = run(&agent, &["-service=web"], "exec sleep 600");
    agent.start();
    eventually("it is registered late", LONG, || agent.healthy("web") == Some(1), || agent.said());
    agent.change("/v1/agent/service/deregister/web", "");
    eventually("it is registered again", LONG, || agent.healthy("web") == Some(1), || agent.said());
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().expect("our own child").code(), Some(143));
    eventually("it is gone", LONG, || agent.healthy("web") == Some(0), || agent.said());
}

#[test]
fn a_service_that_the_agent_refuses_is_not_started() {
    let (agent, site) = serving("refused");
    let ran = site.folder.join("ran");
    let child = run(&agent, &["-service=web", "-meta=a key=x"], &format!("touch {}", ran.display()));
    let output = child.wait_with_output().expect("our own child");
    assert_eq!((output.status.code(), ran.exists()), (Some(1), false), "{}", text(&output.stderr));
    let nothing = run(&agent, &["-service=web"], "exit 0").wait_with_output().expect("our own child");
    assert_eq!(nothing.status.code(), Some(0), "{}", text(&nothing.stderr));
    let missing =
        muster().args(["run", "-service=web", &format!("-http-addr={}", agent.http), "--", "/none/such"]).output().expect("it runs");
    assert_eq!((missing.status.code(), text(&missing.stderr).contains("/none/such")), (Some(1), true));
    eventually("nothing is left", LONG, || agent.healthy("web") == Some(0), || agent.said());
}

#[test]
fn a_service_does_not_outlive_a_killed_run() {
    let (agent, site) = serving("orphaned");
    let (works, told) = (site.folder.join("works"), site.folder.join("told"));
    let line = format!("trap 'echo told > {}; exit' TERM; echo $$ > {}; while true; do sleep 0.02; done", told.display(), works.display());
    let mut child = run(&agent, &["-service=web"], &line);
    eventually("it works", LONG, || std::fs::read_to_string(&works).is_ok_and(|pid| pid.ends_with('\n')), || agent.said());
    child.kill().expect("our own child");
    child.wait().expect("our own child");
    let took = eventually("the service is told", LONG, || super::is_file(&told), || agent.said());
    println!("a service was told {took:?} after its run was killed");
    let pid = std::fs::read_to_string(&works).expect("it wrote it");
    let runs = || std::path::Path::new("/proc").join(pid.trim()).join("exe").exists();
    eventually("it has ended", LONG, || !runs(), || agent.said());
}

#[test]
fn what_cannot_become_the_service_is_told_and_not_registered() {
    let (agent, site) = serving("unrunnable");
    let text_file = site.folder.join("text");
    std::fs::write(&text_file, "").expect("written");
    let mut command = muster();
    command.args(["run", "-service=web", &format!("-http-addr={}", agent.http), "--"]).arg(&text_file);
    let output = command.output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("Permission denied"), "{}", text(&output.stderr));
    eventually("nothing is left", LONG, || agent.healthy("web") == Some(0), || agent.said());
}
