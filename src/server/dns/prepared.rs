//! Names of prepared queries.

use super::Dns;
use super::setting::Freshness;
use crate::agent::query::{Execution, Query, Rows};
use crate::dns::{Found, Ttl};
use crate::model::duration;
use crate::runtime::Runtime;
use std::net::IpAddr;
use std::time::Duration;

/// What came of a prepared query.
#[derive(Debug)]
pub(super) struct Carried {
    rows: Rows,
    datacenter: String,
    age: Duration,
}

impl Carried {
    /// The same, as an answer is made of it.
    pub(super) fn found(&self) -> Found<'_> {
        match &self.rows {
            Rows::Executed(Ok(executed)) => Found::Executed {
                instances: &executed.instances,
                service: &executed.query.service,
                datacenter: &self.datacenter,
                ttl: duration::parse(&executed.dns_ttl).ok().map(Ttl::of),
                age: self.age,
            },
            Rows::Executed(Err(_)) => Found::NoQuery,
            _ => Found::Unknown,
        }
    }
}

impl<R: Runtime> Dns<R> {
    /// Has a prepared query carried out for `client`. `None` if nobody can.
    pub(super) async fn carry_out(&self, name: &str, freshness: &Freshness, client: IpAddr) -> Option<Carried> {
        let config = self.agent.config();
        let execution = Execution {
            agent: config.node_name.as_str().to_owned(),
            client: client.to_string(),
            seed: R::random(),
            ..Execution::default()
        };
        let query = Query::ExecutePrepared { name: name.to_owned(), execution };
        match self.agent.read_for_client(query, freshness.options()).await {
            Ok(answered) => {
                let age = if answered.known_leader { Duration::ZERO } else { answered.last_contact };
                Some(Carried { rows: answered.answer.rows, datacenter: config.datacenter.as_str().to_owned(), age })
            }
            Err(refusal) => {
                tracing::debug!(?refusal, name, "dns: no server carries out a prepared query");
                None
            }
        }
    }
}
