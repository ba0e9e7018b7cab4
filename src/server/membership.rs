//! Joining, leaving, and telling others to go.

use super::Agent;
use super::wire::Operation;
use crate::api::operator::Peer;
use crate::runtime::{Runtime, sleep, timeout};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How long a leaving server tries to hand its duties over.
const HAND_OVER: Duration = Duration::from_secs(5);

/// Pause after the first attempt to join; it doubles up to `retry_interval`.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// Why nobody was joined.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JoinRefused(pub String);

impl<R: Runtime> Agent<R> {
    /// Joins the LAN pool through any of `hosts` (`host` or `host:port`); says how many answered.
    pub async fn join_lan(&self, hosts: &[String]) -> Result<usize, JoinRefused> {
        let port = self.config().listen.serf_lan.port();
        join::<R>(self.lan(), hosts, port).await
    }

    /// Joins the WAN pool.
    pub async fn join_wan(&self, hosts: &[String]) -> Result<usize, JoinRefused> {
        match (self.wan(), self.config().listen.serf_wan) {
            (Some(pool), Some(own)) => join::<R>(pool, hosts, own.port()).await,
            (Some(_) | None, _) => Err(JoinRefused("WAN pool is off here: only servers with ports.serf_wan have one".to_owned())),
        }
    }

    /// Joins `retry_join` until it works; `retry_max` attempts if that is not 0.
    ///
    /// The first attempts follow soon upon each other: agents that are started together should not wait `retry_interval` for the one that was a
    /// moment late. Up to the first whole interval they count as one.
    pub(super) async fn join_until_it_works(&self) {
        let (hosts, interval, most) = (&self.config().retry_join, self.config().retry_interval, self.config().retry_max);
        let (mut attempt, mut pause) = (1, FIRST_RETRY.min(interval));
        loop {
            match self.join_lan(hosts).await {
                Ok(reached) => return tracing::info!(reached, "joined the cluster"),
                Err(why) => tracing::warn!(%why, attempt, again_in = ?pause, "join failed"),
            }
            if pause == interval {
                if most > 0 && attempt >= most {
                    tracing::error!(attempt, "no more attempts to join (retry_max): stopping");
                    let _ = self.0.gave_up.set(attempt);
                    return Box::pin(self.shutdown(super::Farewell::Vanish)).await;
                }
                attempt += 1;
            }
            sleep::<R>(pause).await;
            pause = (pause * 2).min(interval);
        }
    }

    /// Hands leadership and the seat in the configuration over, then tells the pool.
    pub(super) async fn leave_cluster(&self) {
        if self.raft().is_some() && timeout::<R, _>(HAND_OVER, self.give_up_seat()).await.is_err() {
            tracing::warn!("left without being taken out of the configuration: the leader will do it (autopilot)");
        }
        if let Some(wan) = self.wan() {
            wan.leave().await;
        }
        self.lan().leave().await;
        if self.raft().is_some() {
            // Client agents that have not heard of it yet still ask this server.
            sleep::<R>(self.config().leave_drain_time).await;
        }
    }

    async fn give_up_seat(&self) {
        let Some(raft) = self.raft() else { return };
        if raft.configuration().voters() < 2 {
            return; // Taking the only voter out would end the cluster: it stays, and comes back when started again.
        }
        if raft.leadership().is_us()
            && let Err(e) = raft.transfer_leadership(None).await
        {
            tracing::warn!(error = %e, "leadership was not handed over");
        }
        match self.operate(Operation::RemoveServer(Peer::Id(self.node_id().to_string())), None).await {
            Ok(_) => tracing::info!("taken out of the configuration"),
            Err(refusal) => tracing::warn!(%refusal, "not taken out of the configuration"),
        }
    }
}

async fn join<R: Runtime>(pool: &crate::server::gossip::Pool<R>, hosts: &[String], port: u16) -> Result<usize, JoinRefused> {
    let (mut addrs, mut failures) = (Vec::new(), Vec::new());
    for host in hosts {
        match addresses_of::<R>(host, port).await {
            Ok(found) => addrs.extend(found),
            Err(e) => failures.push(format!("{host}: {e}")),
        }
    }
    if addrs.is_empty() {
        return Err(JoinRefused(failures.join("; ")));
    }
    match pool.join(&addrs).await {
        Ok(reached) => Ok(reached),
        Err(e) => {
            failures.push(e.to_string());
            Err(JoinRefused(failures.join("; ")))
        }
    }
}

/// The addresses of `host`, `host:port`, `[v6]` or `[v6]:port`.
async fn addresses_of<R: Runtime>(text: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
    if let Ok(addr) = text.parse::<SocketAddr>() {
        return Ok(vec![addr]);
    }
    if let Ok(ip) = text.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(ip, port)]);
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, given)) => match given.parse() {
            Ok(given) => (host, given),
            Err(_) => return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, format!("port {given:?} must be 0 to 65535"))),
        },
        None => (text, port),
    };
    let found = R::resolve(host).await?;
    Ok(found.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
}
