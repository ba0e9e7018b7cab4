//! Debian's Monitoring Plugins run unmodified as script checks.

use super::{limit, on_tokio, seconds};
use crate::model::{CheckStatus, Probe};
use std::path::Path;

/// Where Debian's package `monitoring-plugins-basic` puts them.
const FOLDER: &str = "/usr/lib/nagios/plugins";

fn plugin(name: &str, args: &[&str]) -> Option<(CheckStatus, String)> {
    let program = format!("{FOLDER}/{name}");
    if !Path::new(&program).exists() {
        eprintln!("skipped: {program} is not installed");
        return None;
    }
    let args = std::iter::once(program).chain(args.iter().map(|arg| (*arg).to_owned())).collect();
    let verdict = on_tokio(&Probe::Script { args }, seconds(30), limit());
    Some((verdict.status, verdict.output))
}

#[test]
fn plugins_say_all_four_states() {
    let states = [("0", CheckStatus::Passing), ("1", CheckStatus::Warning), ("2", CheckStatus::Critical), ("3", CheckStatus::Critical)];
    for ((state, status), word) in states.into_iter().zip(["OK", "WARNING", "CRITICAL", "UNKNOWN"]) {
        let Some((found, output)) = plugin("check_dummy", &[state, "as told"]) else { return };
        assert_eq!((found, output), (status, format!("{word}: as told\n")));
    }
}

#[test]
fn plugins_find_what_is_there() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = listener.local_addr().expect("bound").port().to_string();
    let Some((status, output)) = plugin("check_tcp", &["-H", "127.0.0.1", "-p", &port]) else { return };
    assert_eq!((status, output.starts_with("TCP OK")), (CheckStatus::Passing, true), "{output}");
    let (_held, addr) = super::refusing(rustix::net::SocketType::STREAM);
    let Some((status, output)) = plugin("check_tcp", &["-H", "127.0.0.1", "-p", &addr.port().to_string()]) else { return };
    assert_eq!((status, output.contains("refused")), (CheckStatus::Critical, true), "{output}");
    let Some((status, output)) = plugin("check_procs", &["-w", "0:0"]) else { return };
    assert_eq!((status, output.starts_with("PROCS WARNING")), (CheckStatus::Warning, true), "{output}");
    let Some((status, output)) = plugin("check_disk", &["-w", "0%", "-c", "0%", "-p", "/"]) else { return };
    assert_eq!((status, output.starts_with("DISK OK")), (CheckStatus::Passing, true), "{output}");
}
