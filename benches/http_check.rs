//! What an HTTP check costs the agent, in CPU time: checks of a server on this machine that runs in a process of its own.
//! `cargo bench --bench http_check`.

use muster::model::{CheckStatus, HttpProbe, Probe, Redirects, TlsProbe};
use muster::runtime::{Runtime, tokio::Tokio};
use muster::server::checks::{ProbeSetting, run};
use rustix::time::{ClockId, clock_gettime};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

/// Checks measured, and how many are under way at a time.
const CHECKS: usize = 20_000;
const AT_ONCE: usize = 8;

/// Checks an agent may have, and how often each runs, by which the share of a core is told.
const AGENT: (f64, f64) = (10_000.0, 10.0);

fn main() {
    if std::env::args().any(|arg| arg == "--serve") {
        return serve();
    }
    let mut server =
        Command::new(std::env::current_exe().expect("a program")).arg("--serve").stdout(Stdio::piped()).spawn().expect("starts");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("piped")).read_line(&mut line).expect("an address");
    let addr: SocketAddr = line.trim().parse().expect("an address");
    let begun = cpu();
    Tokio::block_on(measure(addr));
    let each = (cpu() - begun) / CHECKS as u32;
    server.kill().expect("runs");
    server.wait().expect("ends");
    let share = each.as_secs_f64() * AGENT.0 / AGENT.1 * 100.0;
    println!(
        "HTTP check: {:.1} us of CPU each; {} checks every {} s are {share:.1} % of a core",
        each.as_nanos() as f64 / 1e3,
        AGENT.0,
        AGENT.1
    );
}

/// CPU time of this process, user and system.
fn cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

async fn measure(addr: SocketAddr) {
    let probe = Probe::Http(HttpProbe {
        url: format!("http://{addr}/health"),
        method: String::new(),
        headers: BTreeMap::new(),
        body: String::new(),
        tls: TlsProbe::default(),
        redirects: Redirects::Follow,
        expect: None,
    });
    let (probe, setting) = (Arc::new(probe), Arc::new(ProbeSetting::default()));
    let lanes: Vec<_> = (0..AT_ONCE)
        .map(|_| {
            let (probe, setting) = (probe.clone(), setting.clone());
            Tokio::spawn(async move {
                for _ in 0..CHECKS / AT_ONCE {
                    // A task a check, as the agent runs them.
                    let (probe, setting) = (probe.clone(), setting.clone());
                    let checking = Tokio::spawn(async move { run::<Tokio>(&probe, Duration::from_secs(10), 4096, &setting).await });
                    let verdict = checking.await.expect("not aborted");
                    assert_eq!(verdict.status, CheckStatus::Passing, "{}", verdict.output);
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.expect("not aborted");
    }
}

/// A server that reads a request and answers.
fn serve() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("binds");
    println!("{}", listener.local_addr().expect("bound"));
    let mut request = [0; 4096];
    for stream in listener.incoming() {
        let mut stream = stream.expect("accepts");
        if stream.read(&mut request).is_ok_and(|n| n > 0) {
            let _ =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 8\r\nConnection: close\r\n\r\nall fine");
        }
    }
}
