//! What runs have in common.

use super::http::Patterns;
use super::tls::TlsClients;
use std::path::PathBuf;

/// What runs have in common on one agent. Made once; runs share it.
#[derive(Debug)]
pub struct ProbeSetting {
    /// Where Docker's engine listens.
    pub docker: PathBuf,
    /// The shell of Docker checks that name none and whose agent has one (`$SHELL`).
    pub shell: String,
    pub(super) tls: TlsClients,
    pub(super) patterns: Patterns,
}

impl ProbeSetting {
    /// With Docker's engine at `docker`, or where its packages put it.
    pub fn at(docker: Option<PathBuf>) -> ProbeSetting {
        let usual = ProbeSetting::default();
        ProbeSetting { docker: docker.unwrap_or(usual.docker), ..usual }
    }
}

impl Default for ProbeSetting {
    /// Docker where its packages put it, and `/bin/sh`.
    fn default() -> ProbeSetting {
        ProbeSetting {
            docker: "/var/run/docker.sock".into(),
            shell: "/bin/sh".into(),
            tls: TlsClients::default(),
            patterns: Patterns::default(),
        }
    }
}
