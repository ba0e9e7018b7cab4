//! The gossip pools as HTTP shows them.

use crate::agent::reconcile::SERF_PROTOCOL;
use crate::api::agent::{Member, MemberStatus};
use crate::gossip::{self, Prune};
use crate::model::NodeName;
use crate::runtime::Runtime;
use crate::server::http::{Pool, Trace};
use crate::server::{Agent, Farewell};

/// The protocol numbers of the layer above Consul's gossip library, which clients read: ours is not it, so they are constants.
const DELEGATE: (u8, u8, u8) = (2, 5, 4);

impl<R: Runtime> Agent<R> {
    pub(super) fn members_of(&self, pool: Pool) -> Option<Vec<Member>> {
        let members = match pool {
            Pool::Lan => self.lan().members(),
            Pool::Wan => self.wan()?.members(),
        };
        Some(members.iter().filter_map(shown).collect())
    }

    /// Starts to leave; done when the pool knows. The agent stops some time after, so that the answer still gets out.
    pub(super) async fn begin_leave(&self) {
        let agent = self.clone();
        // Not kept with the agent's other tasks: it is what ends them.
        drop(R::spawn(async move { agent.shutdown(Farewell::Leave).await }));
        self.left().await;
    }

    pub(super) async fn declare_left(&self, node: &str, pool: Pool, trace: Trace) -> Result<(), String> {
        let name = NodeName::parse(node).map_err(|e| e.to_string())?;
        let prune = match trace {
            Trace::Kept => Prune::Keep,
            Trace::Pruned => Prune::Forget,
        };
        let done = match (pool, self.wan()) {
            (Pool::Lan, _) => self.lan().force_leave(&name, prune).await,
            (Pool::Wan, Some(wan)) => wan.force_leave(&name, prune).await,
            (Pool::Wan, None) => return Err("this agent has no WAN pool".to_owned()),
        };
        done.map_err(|e| format!("agent: {e}"))
    }
}

/// One member; `None` for one of which nothing but the name is known.
pub(super) fn shown(member: &gossip::Member) -> Option<Member> {
    let status = match member.status {
        gossip::MemberStatus::None => return None,
        gossip::MemberStatus::Alive => MemberStatus::Alive,
        gossip::MemberStatus::Leaving => MemberStatus::Leaving,
        gossip::MemberStatus::Left => MemberStatus::Left,
        gossip::MemberStatus::Failed => MemberStatus::Failed,
    };
    Some(Member {
        name: member.name().to_string(),
        addr: member.addr().ip().to_string(),
        port: member.addr().port(),
        tags: member.tags().as_map().clone(),
        status,
        protocol_min: SERF_PROTOCOL.0,
        protocol_max: SERF_PROTOCOL.1,
        protocol_cur: SERF_PROTOCOL.2,
        delegate_min: DELEGATE.0,
        delegate_max: DELEGATE.1,
        delegate_cur: DELEGATE.2,
    })
}
