//! Command lines in, requests and reports out.

mod gossip;
mod past;
mod registrations;
mod supervised;

use super::client::Surroundings;
use super::http::{Endpoint, Request, Response};
use super::report::Report;
use super::upload::FileBody;
use super::{Done, carry_out};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;

/// An agent that answers from a table, and keeps what it was asked.
#[derive(Default)]
struct Fake {
    answers: Vec<(&'static str, u16, &'static str)>,
    env: BTreeMap<&'static str, &'static str>,
    stdin: &'static str,
    asked: RefCell<Vec<(Endpoint, Request)>>,
    ran: RefCell<Vec<String>>,
    /// After so many answers the agent is gone; `None` is never.
    answers_left: Cell<Option<usize>>,
}

impl Fake {
    /// Answers `METHOD target` with a status and a body.
    fn answering(answers: &[(&'static str, u16, &'static str)]) -> Fake {
        Fake { answers: answers.to_vec(), ..Fake::default() }
    }

    fn run(&self, line: &[&str]) -> Report {
        let args: Vec<String> = line.iter().map(|arg| (*arg).to_owned()).collect();
        match carry_out(&args, self) {
            Done::Report(report) => report,
            Done::Serve(..) => panic!("{line:?} runs an agent"),
        }
    }

    /// Runs a line without quotes.
    fn line(&self, line: &str) -> Report {
        self.run(&line.split(' ').collect::<Vec<_>>())
    }

    fn requests(&self) -> Vec<String> {
        let told = |(_, request): &(Endpoint, Request)| format!("{} {}", request.method, request.target);
        self.asked.borrow().iter().map(told).collect()
    }
}

impl Surroundings for Fake {
    fn env(&self, name: &str) -> Option<String> {
        self.env.get(name).map(|value| (*value).to_owned())
    }

    fn stdin(&self) -> io::Result<Vec<u8>> {
        Ok(self.stdin.as_bytes().to_vec())
    }

    fn send(&self, to: &Endpoint, request: Request) -> io::Result<Response> {
        match self.answers_left.get() {
            Some(0) => return Err(io::Error::from(io::ErrorKind::ConnectionRefused)),
            left => self.answers_left.set(left.map(|left| left - 1)),
        }
        let line = format!("{} {}", request.method, request.target);
        self.asked.borrow_mut().push((to.clone(), request));
        let answer = self.answers.iter().find(|(asked, _, _)| *asked == line);
        let (_, status, body) = answer.ok_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused))?;
        Ok(Response { status: *status, body: body.as_bytes().to_vec(), index: Some(7), ..Response::default() })
    }

    fn upload(&self, to: &Endpoint, request: Request, file: FileBody) -> io::Result<Response> {
        use crate::runtime::Runtime;
        use http_body_util::BodyExt;
        let body = crate::runtime::tokio::Tokio::block_on(file.collect())?.to_bytes().to_vec();
        self.send(to, Request { body, ..request })
    }

    fn run(&self, args: &[String], env: &[(&str, &str)], input: &[u8]) -> io::Result<()> {
        self.ran.borrow_mut().push(format!("{} {env:?} {}", args.join(" "), String::from_utf8_lossy(input)));
        Ok(())
    }

    fn pause(&self, _pause: std::time::Duration, _why: &str) -> io::Result<()> {
        Err(io::Error::other("no more"))
    }

    fn stream(&self, to: &Endpoint, request: Request, into: &mut dyn io::Write) -> io::Result<Response> {
        let answer = self.send(to, request)?;
        if answer.status == 200 {
            into.write_all(&answer.body)?;
        }
        Ok(if answer.status == 200 { Response { body: Vec::new(), ..answer } } else { answer })
    }
}

fn out(report: &Report) -> String {
    assert_eq!((report.code, report.err.as_str()), (0, ""), "{}", String::from_utf8_lossy(&report.out));
    String::from_utf8(report.out.clone()).unwrap()
}

fn refusal(report: &Report) -> String {
    assert_eq!((report.code, report.out.as_slice()), (1, &b""[..]), "{}", report.err);
    report.err.trim_end().to_owned()
}

const MEMBERS: &str = r#"[
    {"Name": "web", "Addr": "10.0.0.2", "Port": 8301, "Status": 4, "Tags": {"role": "node", "dc": "dc1", "build": "0.1.0:", "vsn": "2", "segment": ""}},
    {"Name": "s1", "Addr": "10.0.0.1", "Port": 8301, "Status": 1, "Tags": {"role": "consul", "dc": "dc1", "build": "0.1.0:", "vsn": "2"}}]"#;

#[test]
fn members_are_listed_by_name() {
    let fake = Fake::answering(&[("GET /v1/agent/members?segment=_all", 200, MEMBERS)]);
    assert_eq!(
        out(&fake.line("members")),
        "Node  Address        Status  Type    Build  Protocol  DC   Segment\n\
         s1    10.0.0.1:8301  alive   server  0.1.0  2         dc1  <all>\n\
         web   10.0.0.2:8301  failed  client  0.1.0  2         dc1  <default>\n"
    );
    assert_eq!(
        out(&fake.line("members -detailed -status=alive")),
        "Node  Address        Status  Tags\ns1    10.0.0.1:8301  alive   build=0.1.0:,dc=dc1,role=consul,vsn=2\n"
    );
    assert_eq!(fake.line("members -status=left").code, 2);
    assert!(out(&fake.line("members -format=json")).contains("\"Name\": \"s1\""));
}

#[test]
fn an_agent_that_does_not_answer_is_told_with_what_to_do() {
    assert_eq!(
        refusal(&Fake::default().line("members -http-addr=10.0.0.9:80")),
        "Error retrieving members: no answer from http://10.0.0.9:80: connection refused. \
         Is the agent running? If it serves HTTP elsewhere, give -http-addr or CONSUL_HTTP_ADDR"
    );
}

#[test]
fn the_agents_address_and_token_come_from_flags_then_the_environment() {
    let mut fake = Fake::answering(&[("PUT /v1/agent/leave", 200, "")]);
    fake.env.extend([("CONSUL_HTTP_ADDR", "http://a:1"), ("CONSUL_HTTP_TOKEN", "env"), ("CONSUL_HTTP_AUTH", "u:p")]);
    assert_eq!(out(&fake.line("leave")), "Graceful leave complete\n");
    fake.env.insert("MUSTER_HTTP_ADDR", "b:2");
    fake.line("leave");
    fake.line("leave -http-addr=c:3 -token=flag");
    let asked = fake.asked.borrow();
    let told = |at: usize| format!("{}:{} {}", asked[at].0.host, asked[at].0.port, asked[at].1.headers[0].1);
    assert_eq!([told(0), told(1), told(2)], ["a:1 env", "b:2 env", "c:3 flag"]);
    assert_eq!(asked[0].1.headers[1], ("Authorization", "Basic dTpw".to_owned()));
}

#[test]
fn https_is_refused_rather_than_spoken_in_the_clear() {
    let mut fake = Fake::default();
    assert!(refusal(&fake.line("leave -http-addr=https://a")).contains("asks for https"));
    fake.env.insert("CONSUL_HTTP_SSL", "true");
    assert!(refusal(&fake.line("leave")).contains("CONSUL_HTTP_SSL asks for https"));
    assert!(fake.requests().is_empty());
}

const PAIR: &str = r#"[{"LockIndex":0,"Key":"a/b","Flags":42,"Value":"aGVsbG8=","CreateIndex":7,"ModifyIndex":9}]"#;
const PAIRS: &str = r#"[{"LockIndex":0,"Key":"a/b","Flags":0,"Value":"eA==","CreateIndex":7,"ModifyIndex":9},
    {"LockIndex":1,"Key":"a/c","Flags":0,"Value":null,"CreateIndex":8,"ModifyIndex":8,"Session":"s"}]"#;

#[test]
fn kv_get_prints_values_keys_and_all_there_is() {
    let fake = Fake::answering(&[
        ("GET /v1/kv/a/b", 200, PAIR),
        ("GET /v1/kv/a/b?stale=true", 200, PAIR),
        ("GET /v1/kv/none", 404, ""),
        ("GET /v1/kv/a?recurse=true", 200, PAIRS),
        ("GET /v1/kv/?keys=true&separator=%2F", 200, r#"["a/", "b"]"#),
        ("GET /v1/kv/bad", 500, "No cluster leader"),
    ]);
    assert_eq!(out(&fake.line("kv get a/b")), "hello\n");
    assert_eq!(out(&fake.line("kv get -stale /a/b")), "hello\n");
    assert_eq!(out(&fake.line("kv get -base64 a/b")), "aGVsbG8=\n");
    assert_eq!(
        out(&fake.line("kv get -detailed a/b")),
        "CreateIndex      7\nFlags            42\nKey              a/b\nLockIndex        0\nModifyIndex      9\nSession          -\nValue            hello\n"
    );
    assert_eq!(out(&fake.line("kv get -recurse a")), "a/b:x\na/c:\n");
    assert_eq!(out(&fake.line("kv get -keys")), "a/\nb\n");
    assert_eq!(refusal(&fake.line("kv get none")), "Error! No key exists at: none");
    assert_eq!(refusal(&fake.line("kv get")), "Error! Missing KEY argument");
    assert_eq!(refusal(&fake.line("kv get bad")), "Error querying Consul agent: Unexpected response code: 500 (No cluster leader)");
    assert_eq!(refusal(&fake.line("kv get a -recurse")), "Too many arguments (expected 1, got 2). Flags come before arguments");
}

#[test]
fn kv_put_says_what_was_written_or_why_not() {
    let fake = Fake {
        stdin: "from stdin",
        ..Fake::answering(&[
            ("PUT /v1/kv/a", 200, "true"),
            ("PUT /v1/kv/a?flags=42", 200, "true"),
            ("PUT /v1/kv/a?cas=0", 200, "false"),
            ("PUT /v1/kv/a?cas=7", 200, "false\n"),
            ("PUT /v1/kv/a?acquire=s", 200, "true"),
            ("PUT /v1/kv/a?release=s", 200, "false"),
            ("PUT /v1/kv/big", 413, "too large"),
        ])
    };
    assert_eq!(out(&fake.run(&["kv", "put", "a", "x y"])), "Success! Data written to: a\n");
    out(&fake.line("kv put a -"));
    out(&fake.line("kv put -base64 -flags=0x2a a eA=="));
    out(&fake.line("kv put a"));
    let bodies: Vec<Vec<u8>> = fake.asked.borrow().iter().map(|(_, request)| request.body.clone()).collect();
    assert_eq!(bodies, [&b"x y"[..], b"from stdin", b"x", b""]);
    assert_eq!(
        refusal(&fake.line("kv put -cas -modify-index=0 a x")),
        "Error! Did not write to a: CAS performed with index=0 and key already exists."
    );
    assert_eq!(refusal(&fake.line("kv put -cas -modify-index=7 a x")), "Error! Did not write to a: CAS failed");
    assert_eq!(out(&fake.line("kv put -acquire -session=s a x")), "Success! Lock acquired on: a\n");
    assert_eq!(refusal(&fake.line("kv put -release -session=s a x")), "Error! Did not release lock");
    assert_eq!(refusal(&fake.line("kv put -cas a x")), "Error! Must specify -modify-index with -cas");
    assert_eq!(refusal(&fake.line("kv put big x")), "Error! Failed writing data: Unexpected response code: 413 (too large)");
    assert!(refusal(&fake.line("kv put -flags=x a x")).contains("invalid value \"x\" for flag -flags"));
    assert!(refusal(&fake.line("kv put a @/none/such")).contains("/none/such"));
}

#[test]
fn kv_delete_takes_a_key_or_a_prefix() {
    let fake = Fake::answering(&[
        ("DELETE /v1/kv/a", 200, "true"),
        ("DELETE /v1/kv/a?recurse=true", 200, "true"),
        ("DELETE /v1/kv/a?cas=3", 200, "false"),
    ]);
    assert_eq!(out(&fake.line("kv delete a")), "Success! Deleted key: a\n");
    assert_eq!(out(&fake.line("kv delete -recurse a")), "Success! Deleted keys with prefix: a\n");
    assert_eq!(refusal(&fake.line("kv delete -cas -modify-index=3 a")), "Error! Did not delete key a: CAS failed");
    assert_eq!(refusal(&fake.line("kv delete -cas -recurse a")), "Error! Cannot specify both -cas and -recurse");
}

#[test]
fn what_kv_export_prints_kv_import_writes() {
    let exporting = Fake::answering(&[("GET /v1/kv/?recurse=true", 200, PAIRS)]);
    let text = out(&exporting.line("kv export"));
    assert!(text.starts_with("[\n\t{\n\t\t\"key\": \"a/b\",\n\t\t\"flags\": 0,\n\t\t\"value\": \"eA==\"\n\t},"), "{text}");
    let importing = Fake { stdin: text.leak(), ..Fake::answering(&[("PUT /v1/kv/p/a/b", 200, "true"), ("PUT /v1/kv/p/a/c", 500, "no")]) };
    let report = importing.line("kv import -prefix=p/ -");
    assert_eq!((report.code, report.out.as_slice()), (1, &b"Imported: p/a/b\n"[..]));
    assert!(report.err.contains("p/a/c"), "{}", report.err);
    assert_eq!(importing.asked.borrow()[0].1.body, b"x");
}

#[test]
fn join_counts_who_was_joined_and_names_who_was_not() {
    let fake = Fake::answering(&[("PUT /v1/agent/join/a", 200, ""), ("PUT /v1/agent/join/b%3A1?wan=1", 500, "dial tcp")]);
    assert_eq!(out(&fake.line("join a")), "Successfully joined cluster by contacting 1 nodes.\n");
    assert_eq!(
        refusal(&fake.line("join -wan b:1")),
        "Error joining address 'b:1': Unexpected response code: 500 (dial tcp)\nFailed to join any nodes."
    );
}

#[test]
fn force_leave_reload_and_info_do_as_consul_does() {
    let fake = Fake::answering(&[
        ("PUT /v1/agent/force-leave/n?prune=1", 200, ""),
        ("PUT /v1/agent/reload", 200, ""),
        ("GET /v1/agent/self", 200, r#"{"Stats": {"raft": {"term": "2"}, "agent": {"checks": "0", "services": "1"}}}"#),
    ]);
    assert_eq!(out(&fake.line("force-leave -prune n")), "");
    assert_eq!(out(&fake.line("reload")), "Configuration reload triggered\n");
    let old = Fake::answering(&[("PUT /v1/agent/reload", 404, "")]);
    assert!(refusal(&old.line("reload")).ends_with("restart it"));
    assert_eq!(out(&fake.line("info")), "agent:\n\tchecks = 0\n\tservices = 1\nraft:\n\tterm = 2\n");
}

#[test]
fn operator_raft_lists_removes_and_transfers() {
    let servers = r#"{"Servers": [{"ID": "i1", "Node": "s1", "Address": "10.0.0.1:8300", "Leader": true, "ProtocolVersion": "3", "Voter": true}], "Index": 0}"#;
    let fake = Fake::answering(&[
        ("GET /v1/operator/raft/configuration?stale=true", 200, servers),
        ("DELETE /v1/operator/raft/peer?id=i1", 200, ""),
        ("POST /v1/operator/raft/transfer-leader", 200, r#"{"Success": true}"#),
    ]);
    assert_eq!(
        out(&fake.line("operator raft list-peers -stale")),
        "Node  ID  Address        State   Voter  RaftProtocol\ns1    i1  10.0.0.1:8300  leader  true   3\n"
    );
    assert_eq!(out(&fake.line("operator raft remove-peer -id=i1")), "Removed peer with id \"i1\"\n");
    assert_eq!(out(&fake.line("operator raft transfer-leader")), "Success\n");
    assert!(refusal(&fake.line("operator raft remove-peer")).contains("an address or id is required"));
}

const AUTOPILOT: &str = r#"{"CleanupDeadServers": true, "LastContactThreshold": "200ms", "MaxTrailingLogs": 250, "MinQuorum": 0,
    "ServerStabilizationTime": "10s", "RedundancyZoneTag": "", "DisableUpgradeMigration": false, "UpgradeVersionTag": "",
    "CreateIndex": 4, "ModifyIndex": 5}"#;

#[test]
fn autopilots_settings_are_shown_and_changed_one_by_one() {
    let fake = Fake::answering(&[
        ("GET /v1/operator/autopilot/configuration", 200, AUTOPILOT),
        ("PUT /v1/operator/autopilot/configuration?cas=5", 200, "true"),
    ]);
    assert_eq!(
        out(&fake.line("operator autopilot get-config")),
        "CleanupDeadServers = true\nLastContactThreshold = 200ms\nMaxTrailingLogs = 250\nMinQuorum = 0\n\
         ServerStabilizationTime = 10s\nRedundancyZoneTag = \"\"\nDisableUpgradeMigration = false\nUpgradeVersionTag = \"\"\n"
    );
    let line = "operator autopilot set-config -cleanup-dead-servers=false -max-trailing-logs=9 -server-stabilization-time=1m";
    assert_eq!(out(&fake.line(line)), "Configuration updated!\n");
    let body: serde_json::Value = serde_json::from_slice(&fake.asked.borrow()[2].1.body).unwrap();
    assert_eq!((&body["CleanupDeadServers"], &body["MaxTrailingLogs"]), (&false.into(), &9.into()));
    assert_eq!((&body["ServerStabilizationTime"], &body["LastContactThreshold"]), (&"1m".into(), &"200ms".into()));
    assert!(refusal(&fake.line("operator autopilot set-config -last-contact-threshold=5")).contains("missing unit"));
}

#[test]
fn autopilots_state_is_printed_for_people_and_programs() {
    let state = r#"{"Healthy": true, "FailureTolerance": 1, "OptimisticFailureTolerance": 1, "Leader": "i1", "Voters": ["i1"],
        "Servers": {"i1": {"ID": "i1", "Name": "s1", "Status": "leader", "LastContact": "0s", "LastIndex": 9, "Healthy": true}}}"#;
    let fake = Fake::answering(&[("GET /v1/operator/autopilot/state", 200, state)]);
    let text = out(&fake.line("operator autopilot state"));
    for line in ["Failure Tolerance:            1", "Voters:", "   i1", "      Name:            s1", "      Last Index:      9"] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    assert!(out(&fake.line("operator autopilot state -format=json")).contains("\"Leader\": \"i1\""));
}

#[test]
fn an_unknown_command_or_flag_is_named_and_the_nearest_suggested() {
    let fake = Fake::default();
    let report = fake.line("membres -x");
    assert_eq!((report.code, report.err.lines().next()), (127, Some("unknown command \"membres\"; did you mean members?")));
    let report = fake.line("kv gte a");
    assert_eq!((report.code, report.err.lines().next()), (127, Some("unknown command \"kv gte a\"; did you mean kv get?")));
    let report = fake.line("agent -data-dri=x");
    assert_eq!(report.code, 1);
    assert_eq!(report.err, "flag provided but not defined: -data-dri; did you mean -data-dir?\n'muster agent -help' tells its flags\n");
    assert_eq!(fake.run(&[]).code, 127);
    assert_eq!(fake.line("kv").code, 1);
}

#[test]
fn help_is_no_failure_when_asked_for() {
    let fake = Fake::default();
    assert!(out(&fake.line("help")).contains("members"));
    assert!(out(&fake.line("-h")).contains("Commands:"));
    assert!(out(&fake.line("help kv get")).contains("-recurse"));
    assert!(out(&fake.line("kv -help")).contains("export"));
    assert!(out(&fake.line("agent -help")).contains("-bootstrap-expect"));
    assert!(out(&fake.line("--version")).starts_with("Muster v"));
    assert!(out(&fake.line("version -format=json")).contains("\"Version\""));
}

#[test]
fn agent_refuses_bad_configuration_before_anything_starts() {
    let fake = Fake::default();
    assert_eq!(refusal(&fake.line("agent -bind=127.0.0.1")), "==> data_dir cannot be empty");
    assert!(refusal(&fake.line("agent -dev now")).contains("Unexpected extra arguments"));
    assert!(refusal(&fake.line("agent -dev -encrypt=x")).contains("encrypt asks for gossip encryption"));
    assert!(refusal(&fake.line("agent -config-file=/none.hcl")).contains("/none.hcl"));
    let args: Vec<String> = ["agent", "-dev", "-node=n", "-hcl", "ports { dns = -1 http = 1 }"].map(str::to_owned).to_vec();
    match carry_out(&args, &fake) {
        Done::Serve(config, _) => assert_eq!((config.node_name.as_str(), config.listen.http[0].port()), ("n", 1)),
        Done::Report(report) => panic!("{}", report.err),
    }
}

#[test]
fn validate_judges_files_as_the_agent_would() {
    let folder = std::env::temp_dir().join(format!("muster-validate-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let file = folder.join("a.hcl");
    let name = file.to_str().unwrap();
    std::fs::write(&file, "data_dir = \"/d\" bind_addr = \"127.0.0.1\"").unwrap();
    let fake = Fake::default();
    assert_eq!(out(&fake.run(&["validate", name])), "Configuration is valid!\n");
    std::fs::write(&file, "bogus = 1").unwrap();
    let refused = refusal(&fake.run(&["validate", name]));
    assert_eq!(refused, format!("Config validation failed: failed to parse {name}: 1 error occurred:\n\t* invalid config key bogus"));
    std::fs::remove_dir_all(&folder).unwrap();
}
