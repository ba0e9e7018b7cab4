//! Services, maintenance, the catalog and the log.

use super::{Fake, out, refusal};
use crate::cli::report::Report;
use std::fs;
use std::path::PathBuf;

/// A file that is gone with it.
struct File(PathBuf);

impl File {
    fn new(name: &str, text: &str) -> File {
        let file = File(std::env::temp_dir().join(format!("muster-cli-{}-{name}", std::process::id())));
        fs::write(&file.0, text).unwrap();
        file
    }

    fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

const REGISTER: &str = "PUT /v1/agent/service/register";

fn bodies(fake: &Fake) -> Vec<serde_json::Value> {
    fake.asked.borrow().iter().map(|(_, request)| serde_json::from_slice(&request.body).unwrap()).collect()
}

#[test]
fn a_service_is_registered_from_flags() {
    let fake = Fake::answering(&[(REGISTER, 200, "")]);
    let line = "services register -name=web -id=w1 -port=80 -address=10.0.0.1 -tag=a -tag=b -meta=k=v=w -tagged-address=wan=[::1]:8 -tagged-address=lan=x";
    assert_eq!(out(&fake.line(line)), "Registered service: web\n");
    let body = &bodies(&fake)[0];
    assert_eq!((&body["ID"], &body["Port"], &body["Tags"][1]), (&"w1".into(), &80.into(), &"b".into()));
    assert_eq!((&body["Meta"]["k"], &body["TaggedAddresses"]["wan"]["Address"]), (&"v=w".into(), &"::1".into()));
    assert_eq!((&body["TaggedAddresses"]["wan"]["Port"], &body["TaggedAddresses"]["lan"]["Address"]), (&8.into(), &"x".into()));
    assert!(refusal(&fake.line("services register")).contains("-name"));
    assert!(refusal(&fake.line("services register -name=x -meta=k")).contains("must be key=value"));
    assert!(refusal(&fake.line("services register -name=x -tagged-address=a=b:c")).contains("name=address:port"));
    assert!(refusal(&fake.line("services register -name=x file.hcl")).contains("not both"));
}

#[test]
fn services_of_files_are_registered_and_deregistered_one_by_one() {
    let file = File::new(
        "reg.hcl",
        "service { name = \"web\" check { http = \"http://x\" interval = \"5s\" } }\nservices = [{ name = \"db\" id = \"db/1\" token = \"t\" }]",
    );
    let fake = Fake::answering(&[
        (REGISTER, 200, ""),
        ("PUT /v1/agent/service/deregister/web", 200, ""),
        ("PUT /v1/agent/service/deregister/db/1", 404, "Unknown service ID"),
    ]);
    let report = fake.run(&["services", "register", file.path()]);
    assert_eq!((report.code, report.out.as_slice()), (0, &b"Registered service: web\nRegistered service: db\n"[..]));
    assert!(report.err.contains("the token in its definition is not sent"), "{}", report.err);
    assert_eq!(bodies(&fake)[0]["Checks"][0]["HTTP"], "http://x");
    let report = fake.run(&["services", "deregister", file.path()]);
    assert_eq!((report.code, report.out.as_slice()), (1, &b"Deregistered service: web\n"[..]));
    assert_eq!(report.err, "Error deregistering service \"db/1\": Unexpected response code: 404 (Unknown service ID)\n");
    assert_eq!(out(&fake.line("services deregister -id=web")), "Deregistered service: web\n");
    let wrong = File::new("wrong.json", r#"{"service":{"nmae":"web"}}"#);
    assert!(refusal(&fake.run(&["services", "register", wrong.path()])).contains("invalid config key service.nmae; did you mean name?"));
    let none = File::new("none.hcl", "server = true");
    assert!(refusal(&fake.run(&["services", "register", none.path()])).starts_with("no service is defined in "));
}

#[test]
fn lint_tells_which_checks_prove_little() {
    let fake = Fake::answering(&[
        ("GET /v1/agent/services", 200, r#"{"a":{},"b":{},"c":{}}"#),
        (
            "GET /v1/agent/checks",
            200,
            r#"{"1":{"ServiceID":"a","Type":"ttl"},"2":{"ServiceID":"b","Type":"tcp"},"3":{"ServiceID":"b","Type":"postgres"},"4":{"ServiceID":"","Type":"http"}}"#,
        ),
    ]);
    let text = out(&fake.line("services lint"));
    let told: Vec<&str> = text.lines().map(|line| &line[..1]).collect();
    assert_eq!(told, ["S", "a", "c"], "{text}");
    assert!(text.contains("only a heartbeat") && text.contains("no check"));
    assert!(out(&fake.line("services lint -format=json")).contains("\"Service\": \"a\""));
    let file = File::new("lint.hcl", "service { name = \"web\" check { dns = \"ns\" interval = \"5s\" } }");
    assert!(out(&fake.run(&["services", "lint", file.path()])).starts_with("Every service"));
    let report =
        fake.run(&["validate", File::new("validate.hcl", "data_dir = \"/d\" bind_addr = \"127.0.0.1\" service { name = \"w\" }").path()]);
    assert_eq!((report.code, report.out.as_slice()), (0, &b"Configuration is valid!\n"[..]));
    assert!(report.err.contains("service \"w\": the service has no check"), "{}", report.err);
}

#[test]
fn maintenance_is_switched_and_shown() {
    let fake = Fake::answering(&[
        ("PUT /v1/agent/maintenance?enable=true&reason=a%20b", 200, ""),
        ("PUT /v1/agent/service/maintenance/web?enable=false", 404, "Unknown service"),
        ("PUT /v1/agent/service/maintenance/db?enable=true", 200, ""),
        (
            "GET /v1/agent/checks",
            200,
            r#"{"_node_maintenance":{"Node":"n1","CheckID":"_node_maintenance","Notes":"why"},
                "_service_maintenance:web":{"Node":"n1","CheckID":"_service_maintenance:web","ServiceID":"web","Notes":"x"},
                "c":{"Node":"n1","CheckID":"c"}}"#,
        ),
    ]);
    assert_eq!(out(&fake.run(&["maint", "-enable", "-reason=a b"])), "Node maintenance is now enabled\n");
    assert_eq!(out(&fake.line("maint -enable -service=db")), "Service maintenance is now enabled for \"db\"\n");
    assert_eq!(
        refusal(&fake.line("maint -disable -service=web")),
        "Error disabling service maintenance: Unexpected response code: 404 (Unknown service)"
    );
    assert_eq!(out(&fake.line("maint")), "Node:\n  Name:   n1\n  Reason: why\n\nService:\n  ID:     web\n  Reason: x\n");
    assert!(refusal(&fake.line("maint -enable -disable")).contains("Only one of"));
    assert!(refusal(&fake.line("maint -service=web")).contains("requires either"));
    assert!(refusal(&fake.line("maint -disable -reason=x")).contains("with -enable"));
}

const NODE: &str = r#"[{"ID":"00000000-0000-0000-0000-000000000007","Node":"n1","Address":"10.0.0.1","Datacenter":"dc1",
    "TaggedAddresses":{"lan":"10.0.0.1"},"Meta":{"a":"b"},"CreateIndex":1}]"#;

#[test]
fn the_catalog_is_listed_for_people_and_programs() {
    let fake = Fake::answering(&[
        ("GET /v1/catalog/datacenters", 200, r#"["dc1","dc2"]"#),
        ("GET /v1/catalog/nodes", 200, NODE),
        ("GET /v1/catalog/nodes?node-meta=rack%3A1&near=_agent&filter=Node%20%3D%3D%20x&stale=true", 200, "[]"),
        (
            "GET /v1/catalog/service/web",
            200,
            r#"[{"Node":"n1","ServiceID":"w1"},{"Node":"n1","ServiceID":"w2"},{"Node":"n2","NodeMeta":{}}]"#,
        ),
        ("GET /v1/catalog/services", 200, r#"{"web":["b","a"],"consul":[]}"#),
        (
            "GET /v1/catalog/node/n1",
            200,
            r#"{"Node":{},"Services":{"w1":{"Service":"web","Tags":["x"]},"w2":{"Service":"web","Tags":["y"]}}}"#,
        ),
        ("GET /v1/catalog/node/none", 200, "null"),
    ]);
    assert_eq!(out(&fake.line("catalog datacenters")), "dc1\ndc2\n");
    assert_eq!(out(&fake.line("catalog datacenters -format json")), "[\n  \"dc1\",\n  \"dc2\"\n]\n");
    assert_eq!(out(&fake.line("catalog nodes")), "Node  ID        Address   DC\nn1    00000000  10.0.0.1  dc1\n");
    assert_eq!(
        out(&fake.line("catalog nodes -detailed")),
        "Node  ID                                    Address   DC   TaggedAddresses  Meta\n\
         n1    00000000-0000-0000-0000-000000000007  10.0.0.1  dc1  lan=10.0.0.1     a=b\n"
    );
    assert_eq!(
        fake.run(&["catalog", "nodes", "-node-meta=rack=1", "-near=_agent", "-filter=Node == x", "-stale"]),
        Report::nothing("No nodes match: see what there is without flags")
    );
    assert_eq!(out(&fake.line("catalog nodes -service=web")).lines().count(), 3);
    assert_eq!(out(&fake.line("catalog services")), "consul\nweb\n");
    assert_eq!(out(&fake.line("catalog services -tags")), "consul\nweb     a,b\n");
    assert_eq!(out(&fake.line("catalog services -tags -node=n1")), "web  x,y\n");
    assert_eq!(fake.line("catalog services -node=none"), Report::nothing("No services match: see what there is without flags"));
    assert!(refusal(&fake.line("catalog services -node-meta=x")).contains("must be key=value"));
    assert!(refusal(&fake.line("catalog nodes -format=xml")).contains("pretty or json"));
}

#[test]
fn a_monitor_asks_for_a_level_and_says_how_it_ended() {
    let fake = Fake::answering(&[
        ("GET /v1/agent/monitor?loglevel=debug&logjson=true", 200, ""),
        ("GET /v1/agent/monitor?loglevel=zz", 400, "Unknown log level: zz"),
    ]);
    let report = fake.line("monitor -log-level debug -log-json");
    assert_eq!((report.code, report.err.contains("ended the monitor")), (0, true));
    assert_eq!(
        refusal(&fake.line("monitor -log-level=zz")),
        "Error starting monitor: Unexpected response code: 400 (Unknown log level: zz)"
    );
}
