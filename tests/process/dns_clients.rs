//! The clients that people have: dig, unbound, dnsmasq, HAProxy. A test of one that is not installed says so and passes.

use super::dns::{register, serving};
use super::{Agent, LONG, Site, eventually, text};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// The first of these programs that is there.
fn program(paths: &[&'static str]) -> Option<&'static str> {
    let found = paths.iter().find(|path| Path::new(path).is_file()).copied();
    if found.is_none() {
        eprintln!("skipped: none of {paths:?} is installed");
    }
    found
}

/// A program that runs beside the agent. Dropping it kills it.
struct Beside(Child);

impl Beside {
    fn start(program: &str, arguments: &[&str]) -> Beside {
        let mut command = Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Beside(command.spawn().expect("it runs"))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What dig prints of a question to `at`.
fn dig(at: &str, port: u16, words: &[&str]) -> Option<String> {
    let dig = program(&["/usr/bin/dig"])?;
    let output = Command::new(dig).args([&format!("@{at}"), "-p", &port.to_string(), "+time=5", "+tries=2"]).args(words).output();
    Some(text(&output.expect("it runs").stdout))
}

#[test]
fn dig_reads_every_kind_of_answer_without_a_warning() {
    let site = Site::new("dns-dig");
    let agent = serving(&site, &[]);
    register(&agent, "web-2", "web", 8_002);
    let ask = |words: &[&str]| dig(&agent.address, 8600, words);
    let Some(srv) = ask(&["web.service.consul", "SRV"]) else { return };
    for wanted in ["status: NOERROR", "flags: qr aa rd", "ANSWER: 2", "1 1 8001 n1.node.dc1.consul.", "1 1 8002 n1.node.dc1.consul."] {
        assert!(srv.contains(wanted), "{wanted}: {srv}");
    }
    assert!(srv.lines().any(|line| line.starts_with("n1.node.dc1.consul.") && line.ends_with(&agent.address)), "{srv}");
    assert_eq!(ask(&["+short", "_web._tcp.service.consul", "A"]).as_deref(), Some(format!("{}\n", agent.address).as_str()));
    assert_eq!(ask(&["+short", "+tcp", "-x", &agent.address]).as_deref(), Some("n1.node.dc1.consul.\n"));
    assert!(ask(&["consul", "SOA"]).is_some_and(|soa| soa.contains("ns.consul. hostmaster.consul.")));
    assert!(ask(&["none.service.consul"]).is_some_and(|none| none.contains("status: NXDOMAIN") && none.contains("SOA")));
    assert!(ask(&["+nocookie", "+edns", "www.example"]).is_some_and(|foreign| foreign.contains("status: REFUSED")));
    for words in [&["web.service.consul", "ANY"][..], &["consul", "NS"], &["n1.node.consul", "TXT"], &["web.service.consul", "MX"]] {
        let said = ask(&[words, &["+norecurse"]].concat()).unwrap_or_default();
        assert!(said.contains("status: NOERROR") && !said.contains("WARNING: ") && !said.to_lowercase().contains("malformed"), "{said}");
    }
}

#[test]
fn dnsmasq_forwards_the_zone() {
    let Some(dnsmasq) = program(&["/usr/sbin/dnsmasq"]) else { return };
    let site = Site::new("dns-dnsmasq");
    let agent = serving(&site, &[]);
    let at = site.address(3);
    let server = format!("--server=/consul/{}#8600", agent.address);
    let listen = format!("--listen-address={at}");
    let pid = format!("--pid-file={}", site.folder.join("dnsmasq.pid").display());
    let user = "--user=root";
    let arguments = ["--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--bind-interfaces", "--port=5353"];
    let _dnsmasq = Beside::start(dnsmasq, &[&arguments[..], &[&server, &listen, &pid, user]].concat());
    forwards(&site, &agent, &at);
}

#[test]
fn unbound_forwards_the_zone() {
    let Some(unbound) = program(&["/usr/sbin/unbound"]) else { return };
    let site = Site::new("dns-unbound");
    let agent = serving(&site, &[]);
    let at = site.address(4);
    let config = site.folder.join("unbound.conf");
    let text = format!(
        "server:\n interface: {at}@5353\n access-control: 127.0.0.0/8 allow\n do-not-query-localhost: no\n chroot: \"\"\n username: \"\"\n \
         pidfile: \"{folder}/unbound.pid\"\n directory: \"{folder}\"\n use-syslog: no\n domain-insecure: \"consul\"\n module-config: \"iterator\"\n\
         stub-zone:\n name: \"consul\"\n stub-addr: {}@8600\nremote-control:\n control-enable: no\n",
        agent.address,
        folder = site.folder.display(),
    );
    std::fs::write(&config, text).expect("written");
    let _unbound = Beside::start(unbound, &["-d", "-c", config.to_str().expect("a name")]);
    forwards(&site, &agent, &at);
}

/// A forwarder at `at` finds what the agent has, and no more than that.
fn forwards(site: &Site, agent: &Agent, at: &str) {
    let asked = |words: &[&str]| dig(at, 5353, words);
    if program(&["/usr/bin/dig"]).is_none() {
        return;
    }
    let address = format!("{}\n", agent.address);
    let said = || format!("{:?}{}", dig(at, 5353, &["web.service.consul"]), agent.said());
    eventually("it answers", LONG, || asked(&["+short", "web.service.consul"]).as_deref() == Some(&address), said);
    let srv = asked(&["+short", "web.service.consul", "SRV"]);
    assert_eq!(srv.as_deref(), Some("1 1 8001 n1.node.dc1.consul.\n"), "{}", site.folder.display());
    assert_eq!(asked(&["+short", "n1.node.dc1.consul"]).as_deref(), Some(address.as_str()));
    assert!(asked(&["none.service.consul"]).is_some_and(|none| none.contains("NXDOMAIN")));
    assert!(asked(&["+tcp", "web.service.consul"]).is_some_and(|tcp| tcp.contains("status: NOERROR")));
}

/// An HTTP server that answers everything with its name.
fn backend(address: &str, port: u16, name: &'static str) {
    let listener = TcpListener::bind((address, port)).expect("a port");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            // Whoever hangs up is no concern of the test's.
            let _ = stream.read(&mut [0; 4_096]);
            let _ = write!(stream, "HTTP/1.0 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
        }
    });
}

fn fetch(address: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split("\r\n\r\n").nth(1).map(str::to_owned)
}

/// Of 20 requests, how many each backend of `names` answered.
fn shares(address: &str, names: [&str; 2]) -> [usize; 2] {
    let mut counts = [0; 2];
    for _ in 0..20 {
        let answered = fetch(address);
        for (count, name) in counts.iter_mut().zip(names) {
            *count += usize::from(answered.as_deref() == Some(name));
        }
    }
    counts
}

#[test]
fn haproxy_balances_by_weight_drops_a_failing_instance_and_takes_it_back() {
    let Some(haproxy) = program(&["/usr/sbin/haproxy"]) else { return };
    let site = Site::new("dns-haproxy");
    let agent = serving(&site, &["-hcl=dns_config { srv_weight_factor = 256 }"]);
    backend(&agent.address, 9_001, "heavy");
    backend(&agent.address, 9_002, "light");
    for (id, port, weight) in [("app-1", 9_001, 3), ("app-2", 9_002, 1)] {
        let check = r#"{"CheckID":"alive","TTL":"60s","Status":"passing"}"#.replace("alive", id);
        let weights = format!(r#"{{"Passing":{weight},"Warning":1}}"#);
        let body = format!(r#"{{"ID":"{id}","Name":"app","Port":{port},"Weights":{weights},"Check":{check}}}"#);
        let answer = agent.call("PUT", "/v1/agent/service/register", Some(&body), LONG).expect("an answer");
        assert_eq!(answer.status, 200);
    }
    let front = format!("{}:9080", site.address(5));
    let config = site.folder.join("haproxy.cfg");
    let text = format!(
        "defaults\n mode http\n timeout connect 2s\n timeout client 5s\n timeout server 5s\n option http-server-close\n\
         resolvers muster\n nameserver agent {}:8600\n accepted_payload_size 4096\n hold valid 200ms\n hold obsolete 0s\n hold nx 0s\n \
         timeout resolve 200ms\n timeout retry 500ms\n\
         frontend front\n bind {front}\n default_backend app\n\
         backend app\n balance roundrobin\n server-template app 4 _app._tcp.service.consul resolvers muster resolve-opts allow-dup-ip \
         resolve-prefer ipv4 init-addr none\n",
        agent.address
    );
    std::fs::write(&config, text).expect("written");
    let _haproxy = Beside::start(haproxy, &["-db", "-f", config.to_str().expect("a name")]);
    let names = ["heavy", "light"];
    eventually("both are used, three to one", LONG, || shares(&front, names) == [15, 5], || format!("{:?}", shares(&front, names)));
    let turn = |verdict: &str| agent.call("PUT", &format!("/v1/agent/check/{verdict}/app-1"), None, LONG).expect("an answer").status;
    assert_eq!(turn("fail"), 200);
    let dropped = eventually("the failing one is dropped", LONG, || shares(&front, names) == [0, 20], || agent.said());
    assert!(dropped < Duration::from_secs(10), "{dropped:?}");
    assert_eq!(turn("pass"), 200);
    eventually("it is taken back", LONG, || shares(&front, names) == [15, 5], || agent.said());
}
