//! Floor 1: the replicated state. [`State::apply`] is the only mutation; it is a function of the state, the index and the stamped command.

use crate::model::codec::CodecError;
use crate::model::{Index, Timestamp};
use serde::{Deserialize, Serialize};

/// A command and the leader's wall clock when it was proposed: the only time the state ever learns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// When the leader proposed it.
    pub at: Timestamp,
    /// What to do.
    pub command: Command,
}

/// One change to the replicated state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Command {
    /// Changes nothing.
    Nothing,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Done, nothing to say.
    Done,
    /// Whether a conditional change took effect.
    Took(bool),
    /// Refused by the state, with the text for the client.
    Refused(String),
}

/// All tables. Cloning is cheap and gives an immutable view.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct State {}

/// What a command changed, for whoever waits for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Touched {}

impl State {
    /// Applies one command at `index`.
    pub fn apply(&mut self, _index: Index, _stamped: &Stamped) -> (Reply, Touched) {
        (Reply::Done, Touched::default())
    }

    /// The whole state as bytes: equal states give equal bytes.
    pub fn encode(&self) -> Vec<u8> {
        Vec::new()
    }

    /// Reads what [`State::encode`] wrote.
    pub fn decode(_bytes: &[u8]) -> Result<State, CodecError> {
        Ok(State::default())
    }
}
