//! Asks the operating system what the configuration needs to know of this machine.

use crate::config::{Host, HostAddress};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// So many files an agent may have open, if the machine allows it.
const OPEN_FILES: u64 = 65_536;

/// Raises the soft limit of open files towards the hard one. Shells and service managers leave it at 1,024 for the sake of programs that use
/// select(2), and each client that waits for a change holds a file.
pub(in crate::cli) fn raise_open_files() {
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.map_or(OPEN_FILES, |hard| hard.min(OPEN_FILES));
    if now.current.is_some_and(|soft| soft < wanted) {
        // Refused only to those whose limits somebody else keeps: they have what they have.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), ..now });
    }
}

/// This machine's name and addresses. What cannot be found out is left out: the configuration says so where it is needed.
pub(super) fn ask() -> Host {
    let routed = std::fs::read_to_string("/proc/net/route").map(|table| default_interfaces(&table)).unwrap_or_default();
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let addresses = interfaces.into_iter().map(|interface| HostAddress {
        ip: interface.ip(),
        on_default_route: routed.contains(&interface.name),
        interface: interface.name,
    });
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Host { name, addresses: addresses.collect() }
}

/// The interfaces that lead everywhere, from Linux's table of routes (proc(5): name, destination, ..., mask in the eighth column).
fn default_interfaces(table: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in table.lines().skip(1) {
        let columns: Vec<&str> = line.split_whitespace().collect();
        if let [name, "00000000", _, _, _, _, _, "00000000", ..] = columns.as_slice() {
            found.push((*name).to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{ask, default_interfaces};

    #[test]
    fn the_default_route_is_the_one_to_everywhere() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
            eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
            eth1\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n";
        assert_eq!(default_interfaces(table), ["eth0"]);
        assert!(default_interfaces("").is_empty());
    }

    #[test]
    fn this_machine_has_a_name_and_a_loopback() {
        let host = ask();
        assert!(!host.name.is_empty());
        assert!(host.addresses.iter().any(|address| address.ip.is_loopback()));
    }
}
