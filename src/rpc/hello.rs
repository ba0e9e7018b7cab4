//! The first frame each side of a connection says.

use super::frame::PROTOCOL;
use crate::model::{Datacenter, NodeName, codec};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Version of the hello's own encoding. It outlives protocol versions: two releases must be able to disagree politely.
const HELLO_VERSION: u8 = 1;

/// Longest hello in bytes. Before it was heard nobody is given more memory.
pub(super) const LONGEST: usize = 1 << 10;

/// What kind of agent speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// Takes part in Raft.
    Server,
    /// Does not.
    Client,
}

/// Who an agent says it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// Server or client.
    pub role: Role,
    /// Its datacenter; a connection stays within one.
    pub datacenter: Datacenter,
    /// Its name.
    pub node: NodeName,
}

#[derive(Serialize, Deserialize)]
struct Wire {
    oldest: u8,
    newest: u8,
    role: Role,
    datacenter: Datacenter,
    node: NodeName,
}

impl Hello {
    /// The hello as a frame's body.
    pub(super) fn encode(&self) -> Bytes {
        let Hello { role, datacenter, node } = self.clone();
        codec::encode(HELLO_VERSION, &Wire { oldest: PROTOCOL, newest: PROTOCOL, role, datacenter, node }).into()
    }

    /// Reads `body` and decides whether `self` wants to talk to whoever sent it; the error is the text to refuse with.
    pub(super) fn meet(&self, body: &[u8]) -> Result<Hello, String> {
        let Wire { oldest, newest, role, datacenter, node } =
            codec::decode("rpc hello", HELLO_VERSION, body).map_err(|e| format!("node {}: {e}", self.node))?;
        if oldest > PROTOCOL || newest < PROTOCOL {
            return Err(format!("node {} speaks rpc protocol {PROTOCOL}, not {oldest} to {newest} as {node} does", self.node));
        }
        if datacenter != self.datacenter {
            return Err(format!("node {} is in datacenter {:?}, not {:?}", self.node, self.datacenter.as_str(), datacenter.as_str()));
        }
        Ok(Hello { role, datacenter, node })
    }
}

#[cfg(test)]
mod tests {
    use super::{Hello, Role, Wire};
    use crate::model::{Datacenter, NodeName, codec};

    fn hello(datacenter: &str, node: &str) -> Hello {
        Hello { role: Role::Server, datacenter: Datacenter::parse(datacenter).unwrap(), node: NodeName::parse(node).unwrap() }
    }

    #[test]
    fn agents_of_one_datacenter_meet() {
        assert_eq!(hello("dc1", "a").meet(&hello("dc1", "b").encode()), Ok(hello("dc1", "b")));
    }

    #[test]
    fn another_datacenter_is_refused_by_name() {
        let text = hello("dc1", "a").meet(&hello("dc2", "b").encode()).unwrap_err();
        assert_eq!(text, "node a is in datacenter \"dc1\", not \"dc2\"");
    }

    #[test]
    fn a_protocol_we_do_not_speak_is_refused_by_number() {
        let Hello { role, datacenter, node } = hello("dc1", "b");
        let body = codec::encode(1, &Wire { oldest: 9, newest: 12, role, datacenter, node });
        let text = hello("dc1", "a").meet(&body).unwrap_err();
        assert_eq!(text, "node a speaks rpc protocol 1, not 9 to 12 as b does");
    }

    #[test]
    fn a_newer_hello_and_an_invalid_name_are_refused() {
        assert!(hello("dc1", "a").meet(&codec::encode(2, &7u8)).unwrap_err().contains("version 2 is newer than 1"));
        assert!(hello("dc1", "a").meet(&codec::encode(1, &(1u8, 1u8, 0u32, "DC 1", "b"))).is_err());
        assert!(hello("dc1", "a").meet(b"").is_err());
    }
}
