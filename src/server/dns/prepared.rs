//! Names of prepared queries.

use super::Dns;
use super::look::{Looked, Origin};
use super::setting::Freshness;
use crate::agent::query::{Execution, Query, Rows};
use crate::dns::{Found, Order, Ttl};
use crate::model::duration;
use crate::runtime::Runtime;
use std::net::IpAddr;

/// What came of a prepared query.
#[derive(Debug)]
pub(super) struct Carried {
    looked: Looked,
    datacenter: String,
}

impl Carried {
    /// The same, as an answer is made of it.
    pub(super) fn found(&self) -> Found<'_> {
        match &self.looked.answer.rows {
            Rows::Executed(Ok(executed)) => Found::Executed {
                instances: &executed.instances,
                service: &executed.query.service,
                datacenter: &self.datacenter,
                ttl: duration::parse(&executed.dns_ttl).ok().map(Ttl::of),
                order: match self.looked.origin {
                    // One draw is not given again and again, but for the nearest first.
                    Origin::Recalled if executed.query.near.is_empty() => Order::Shuffled,
                    Origin::Recalled | Origin::Learned => Order::AsFound,
                },
                age: self.looked.age,
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
        let looked = self.look(&query, freshness).await?;
        Some(Carried { looked, datacenter: config.datacenter.as_str().to_owned() })
    }
}
