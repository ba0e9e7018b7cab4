//! Machines whose wires can be cut: network namespaces, where the test may make them.

use super::muster;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// Carries out `ip` with these arguments; what it says if it fails.
fn ip(line: &str) -> Result<(), String> {
    let output = Command::new("ip").args(line.split(' ')).output().map_err(|e| format!("ip: {e}"))?;
    if output.status.success() { Ok(()) } else { Err(format!("ip {line}: {}", String::from_utf8_lossy(&output.stderr).trim())) }
}

/// A machine. It goes away when this is dropped, with its end of the wire.
pub(super) struct Host {
    namespace: String,
    /// Where the other one reaches it.
    pub(super) address: String,
}

impl Host {
    fn new(name: &str, number: u8) -> Result<Host, String> {
        let host = Host { namespace: format!("muster-{}-{name}", std::process::id()), address: format!("10.77.0.{number}") };
        ip(&format!("netns add {}", host.namespace))?;
        ip(&format!("-n {} link set lo up", host.namespace))?;
        Ok(host)
    }

    /// Two machines with a wire between them, or why there are none.
    pub(super) fn pair(test: &str) -> Result<[Host; 2], String> {
        let [one, other] = [Host::new(&format!("{test}-1"), 1)?, Host::new(&format!("{test}-2"), 2)?];
        ip(&format!("link add wire netns {} type veth peer name wire netns {}", one.namespace, other.namespace))?;
        for host in [&one, &other] {
            ip(&format!("-n {} addr add {}/24 dev wire", host.namespace, host.address))?;
            host.mend()?;
        }
        Ok([one, other])
    }

    /// Pulls the wire out at this end: the other one goes on sending, and hears nothing.
    pub(super) fn cut(&self) {
        ip(&format!("-n {} link set wire down", self.namespace)).expect("its own wire");
    }

    /// Puts it in again.
    pub(super) fn mend(&self) -> Result<(), String> {
        ip(&format!("-n {} link set wire up", self.namespace))
    }

    /// Our program, to be run there.
    pub(super) fn muster(&self) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.namespace]).arg(muster().get_program());
        command.stdin(Stdio::null());
        command
    }

    /// Carries out a command against the agent that runs there.
    pub(super) fn ask(&self, words: &[&str]) -> Output {
        self.muster().args(words).output().expect("the binary runs")
    }

    /// An agent's own flags there.
    pub(super) fn flags(&self, node: &str, data: &Path) -> Vec<String> {
        vec![
            format!("-node={node}"),
            format!("-bind={}", self.address),
            "-client=127.0.0.1".to_owned(),
            format!("-data-dir={}", data.display()),
        ]
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // It may not have been made.
        let _ = ip(&format!("netns del {}", self.namespace));
    }
}
