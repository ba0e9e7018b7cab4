//! What an agent says of itself and of the members it knows.

use super::coordinate::CoordinateShape;
use serde::Serialize;
use std::collections::BTreeMap;

/// `/v1/agent/self`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AgentSelf {
    /// Who it is.
    pub config: SelfConfig,
    /// Its configuration, flat. Not a stable interface; some clients read a few keys.
    pub debug_config: BTreeMap<String, serde_json::Value>,
    /// Where it is in the network; `None` with coordinates disabled.
    pub coord: Option<CoordinateShape>,
    /// How gossip sees it.
    pub member: Member,
    /// Numbers by part, as text.
    pub stats: BTreeMap<String, BTreeMap<String, String>>,
    /// `node_meta`.
    pub meta: BTreeMap<String, String>,
}

/// Who an agent is.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SelfConfig {
    /// Its datacenter.
    pub datacenter: String,
    /// The datacenter that decides for all; its own without federation.
    pub primary_datacenter: String,
    /// Its node's name.
    pub node_name: String,
    /// Its node's id.
    #[serde(rename = "NodeID")]
    pub node_id: String,
    /// The revision it was built from.
    pub revision: String,
    /// Whether it takes part in Raft.
    pub server: bool,
    /// Its version, without `v`.
    pub version: String,
    /// `session_ttl_min` in nanoseconds. Consul had it here before 1.0 and shows it in `DebugConfig` alone since; Patroni looks for it here when a session's TTL was
    /// refused as too short, and asks again with this one.
    #[serde(rename = "SessionTTLMin")]
    pub session_ttl_min: u64,
}

/// A member of a gossip pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Member {
    /// Its name; in the WAN pool with its datacenter.
    pub name: String,
    /// Its address.
    pub addr: String,
    /// Its gossip port.
    pub port: u16,
    /// What it says of itself.
    pub tags: BTreeMap<String, String>,
    /// How it stands.
    pub status: MemberStatus,
    /// Lowest protocol it speaks.
    pub protocol_min: u8,
    /// Highest protocol it speaks.
    pub protocol_max: u8,
    /// The protocol it speaks.
    pub protocol_cur: u8,
    /// Lowest delegate protocol it speaks.
    pub delegate_min: u8,
    /// Highest delegate protocol it speaks.
    pub delegate_max: u8,
    /// The delegate protocol it speaks.
    pub delegate_cur: u8,
}

/// How a member stands; clients see the number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberStatus {
    /// Reachable.
    Alive = 1,
    /// Has said that it leaves.
    Leaving = 2,
    /// Has left.
    Left = 3,
    /// Not reachable.
    Failed = 4,
}

impl MemberStatus {
    /// The word `muster members` and autopilot print.
    pub const fn as_str(self) -> &'static str {
        match self {
            MemberStatus::Alive => "alive",
            MemberStatus::Leaving => "leaving",
            MemberStatus::Left => "left",
            MemberStatus::Failed => "failed",
        }
    }
}

impl Serialize for MemberStatus {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_u8(*self as u8)
    }
}

/// `/v1/agent/version`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    /// The revision it was built from.
    #[serde(rename = "SHA")]
    pub sha: String,
    /// When it was built, RFC 3339.
    pub build_date: String,
    /// The version.
    pub human_version: String,
    /// Always empty: no certified cryptography.
    #[serde(rename = "FIPS")]
    pub fips: String,
}

/// `/v1/agent/host`. Keys are those of the library Consul asks.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Host {
    /// Memory, bytes.
    pub memory: Memory,
    /// One a core.
    #[serde(rename = "CPU")]
    pub cpu: Vec<Cpu>,
    /// The machine.
    pub host: HostFacts,
    /// The disk the data is on; `None` if it cannot be asked.
    pub disk: Option<DiskUsage>,
    /// When this was collected, in nanoseconds since 1970.
    pub collection_time: u64,
    /// What could not be collected.
    pub errors: Option<Vec<String>>,
}

/// Memory of a machine, bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Memory {
    /// All there is.
    pub total: u64,
    /// What programs can still have.
    pub available: u64,
    /// What is not available.
    pub used: u64,
    /// The same in percent.
    pub used_percent: f64,
    /// What nothing uses.
    pub free: u64,
}

/// A core.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cpu {
    /// Its number.
    pub cpu: u32,
    /// Its make.
    pub vendor_id: String,
    /// Its model.
    pub model_name: String,
    /// Cores it stands for.
    pub cores: u32,
    /// Its clock in MHz.
    pub mhz: f64,
}

/// A machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HostFacts {
    /// Its name.
    pub hostname: String,
    /// Seconds since it started.
    pub uptime: u64,
    /// When it started, in seconds since 1970.
    pub boot_time: u64,
    /// How many processes it runs.
    pub procs: u64,
    /// `linux` and the like.
    pub os: String,
    /// The distribution.
    pub platform: String,
    /// Its kernel.
    pub kernel_version: String,
    /// Its architecture.
    pub kernel_arch: String,
}

/// A disk, bytes.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DiskUsage {
    /// The folder asked about.
    pub path: String,
    /// All there is.
    pub total: u64,
    /// What can still be written.
    pub free: u64,
    /// What is taken.
    pub used: u64,
    /// The same in percent.
    pub used_percent: f64,
}

#[cfg(test)]
mod tests {
    use super::{Member, MemberStatus, Version};
    use crate::api::json::{Layout, to_vec};
    use std::collections::BTreeMap;

    #[test]
    fn a_member_shows_its_status_as_a_number() {
        let member = Member {
            name: "n1".to_owned(),
            addr: "10.0.0.1".to_owned(),
            port: 8301,
            tags: BTreeMap::from([("role".to_owned(), "consul".to_owned())]),
            status: MemberStatus::Failed,
            protocol_min: 1,
            protocol_max: 5,
            protocol_cur: 2,
            delegate_min: 2,
            delegate_max: 5,
            delegate_cur: 4,
        };
        let want = r#"{"Name":"n1","Addr":"10.0.0.1","Port":8301,"Tags":{"role":"consul"},"Status":4,"ProtocolMin":1,"ProtocolMax":5,"ProtocolCur":2,"DelegateMin":2,"DelegateMax":5,"DelegateCur":4}"#;
        assert_eq!(String::from_utf8(to_vec(Layout::Compact, &member)).unwrap(), want);
    }

    #[test]
    fn acronyms_keep_their_capitals() {
        let version = Version { sha: "a".to_owned(), build_date: String::new(), human_version: "1".to_owned(), fips: String::new() };
        let want = r#"{"SHA":"a","BuildDate":"","HumanVersion":"1","FIPS":""}"#;
        assert_eq!(String::from_utf8(to_vec(Layout::Compact, &version)).unwrap(), want);
    }
}
