//! Services and checks of definition files: at start, at a reload, and when a file is wrong.

use super::{Agent, LONG, Site, eventually, muster, text};
use rustix::process::Signal;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

/// A server with a folder of files.
struct Defined {
    site: Site,
    agent: Agent,
}

impl Defined {
    fn new(test: &str, files: &[(&str, &str)]) -> Defined {
        let site = Site::new(test);
        let folder = site.folder.join("conf");
        fs::create_dir_all(&folder).expect("a folder");
        let agent = site.agent(1, &["-server", "-bootstrap-expect=1", &format!("-config-dir={}", folder.display())]);
        let defined = Defined { site, agent };
        files.iter().for_each(|(name, text)| defined.write(name, text));
        defined
    }

    fn started(test: &str, files: &[(&str, &str)]) -> Defined {
        let mut defined = Defined::new(test, files);
        defined.agent.start();
        let agent = &defined.agent;
        eventually("it takes writes", LONG, || agent.put("a", "1"), || agent.said());
        defined
    }

    fn file(&self, name: &str) -> PathBuf {
        self.site.folder.join("conf").join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.file(name), text).expect("written");
    }

    /// The ids of the agent's services.
    fn services(&self) -> Vec<String> {
        let services = self.agent.json("/v1/agent/services").unwrap_or_default();
        services.as_object().map(|services| services.keys().cloned().collect()).unwrap_or_default()
    }

    /// What `PUT /v1/agent/reload` answers.
    fn reload(&self) -> (u16, String) {
        let answer = self.agent.call("PUT", "/v1/agent/reload", None, Duration::from_secs(12)).expect("an answer");
        (answer.status, text(&answer.body))
    }
}

#[test]
fn definitions_follow_their_files_at_every_reload() {
    let defined = Defined::started(
        "reload",
        &[("a.hcl", "service { name = \"web\" port = 1 check { ttl = \"60s\" } }"), ("b.json", r#"{"service":{"name":"old"}}"#)],
    );
    assert_eq!(defined.services(), ["old", "web"], "{}", defined.agent.said());
    let api = Some(r#"{"Name":"api"}"#);
    assert_eq!(defined.agent.call("PUT", "/v1/agent/service/register", api, LONG).expect("an answer").status, 200);
    let passed = defined.agent.call("PUT", "/v1/agent/check/pass/service:web", None, LONG).expect("an answer");
    assert_eq!(passed.status, 200);
    defined.write("a.hcl", "service { name = \"web\" port = 2 check { ttl = \"60s\" } }");
    fs::remove_file(defined.file("b.json")).expect("removed");
    defined.write("c.hcl", "service { name = \"new\" check { http = \"http://127.0.0.1:1\" interval = \"10s\" } } retry_max = 3");
    assert_eq!(defined.reload(), (200, String::new()), "{}", defined.agent.said());
    assert_eq!(defined.services(), ["api", "new", "web"]);
    let port = defined.agent.json("/v1/agent/service/web").map(|web| web["Port"].clone());
    assert_eq!(port, Some(2.into()));
    let checks = defined.agent.json("/v1/agent/checks").expect("an answer");
    assert_eq!(checks["service:web"]["Status"], "passing", "a reload is no news of a check");
    let said = defined.agent.said();
    assert!(said.contains("retry_max") && said.contains("started again"), "a key that waits for a restart is told{said}");
    assert!(said.contains("only a heartbeat"), "{said}");
    fs::remove_file(defined.file("c.hcl")).expect("removed");
    defined.agent.signal(Signal::HUP);
    eventually("SIGHUP does the same", LONG, || defined.services() == ["api", "web"], || defined.agent.said());
}

#[test]
fn a_wrong_file_stops_a_start_and_leaves_a_reload_on_what_was() {
    let wrong = r#"{"services":[{"name":"a"},{"name":"b","check":{"http":"http://x","interval":5}}]}"#;
    let unit = "services[1].check.interval: must be a string with a unit";
    let defined = Defined::started("wrong-reload", &[("a.json", r#"{"service":{"name":"web"}}"#)]);
    defined.write("b.json", wrong);
    let (status, said) = defined.reload();
    assert_eq!(status, 500);
    assert!(said.contains("b.json") && said.contains(unit), "{said}");
    assert_eq!(defined.services(), ["web"]);
    defined.write("b.json", r#"{"services":[{"name":"x"}],"check":{"name":"c","service_id":"nobody","ttl":"1s"}}"#);
    let (status, said) = defined.reload();
    let homeless = format!("{}: check.service_id: ServiceID \"nobody\" does not exist", defined.file("b.json").display());
    assert_eq!((status, said), (500, homeless));
    defined.write("b.json", r#"{"check":{"name":"c","args":["true"],"interval":"1s"}}"#);
    let (status, said) = defined.reload();
    let told = |said: &str| said.contains("b.json: check: Scripts are disabled") && said.contains("(check c)");
    assert!(status == 500 && told(&said), "{said}");
    assert_eq!(defined.services(), ["web"]);
    let unstarted = Defined::new("wrong-start", &[("b.json", wrong)]);
    let output = muster().arg("agent").args(&unstarted.agent.flags).output().expect("the binary runs");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("b.json") && said.contains(unit), "{said}");
    unstarted.write("b.json", r#"{"check":{"name":"c","args":["true"],"interval":"1s"}}"#);
    let output = muster().arg("agent").args(&unstarted.agent.flags).output().expect("the binary runs");
    let said = text(&output.stdout) + &text(&output.stderr);
    assert!(output.status.code() == Some(1) && told(&said), "{said}");
    unstarted.write("b.json", r#"{"checks":[{"name":"c","service_id":"nobody","ttl":"1s"}]}"#);
    let output = muster().arg("agent").args(&unstarted.agent.flags).output().expect("the binary runs");
    let said = text(&output.stdout) + &text(&output.stderr);
    let told = "b.json: checks[0].service_id: ServiceID \"nobody\" does not exist";
    assert!(output.status.code() == Some(1) && said.contains(told), "{said}");
}

#[test]
fn the_log_is_watched_from_the_command_line() {
    let defined = Defined::started("monitor", &[]);
    let out = fs::File::create(defined.site.folder.join("monitor.out")).expect("a file");
    let read = || fs::read(defined.site.folder.join("monitor.out")).map(|bytes| text(&bytes)).unwrap_or_default();
    let mut command = muster();
    command.args(["monitor", "-log-level=debug"]).arg(format!("-http-addr={}", defined.agent.http));
    let mut monitor = command.stdin(Stdio::null()).stdout(out).stderr(Stdio::null()).spawn().expect("the binary runs");
    let reloaded = || {
        assert_eq!(defined.reload().0, 200);
        read().contains(" [INFO]  agent.reload: the configuration was read again: ")
    };
    eventually("what the agent says is printed", LONG, reloaded, || read() + &defined.agent.said());
    defined.agent.signal(Signal::TERM);
    assert!(monitor.wait().expect("our own child").success(), "it ends with the agent");
}
