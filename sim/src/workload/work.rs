//! What a seed decides about the users.

use crate::draws::Draws;
use crate::world::Who;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Under what all keys of a run begin, so that prefix reads see all of them.
pub const PREFIX: &str = "w/";

/// What a user does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Deed {
    /// Write.
    Put,
    /// Write if the version is the one last seen, or none, or one long gone.
    Cas,
    /// Read in default mode.
    Get,
    /// Read in consistent mode.
    GetConsistent,
    /// Read whatever the agent's server has.
    GetStale,
    /// Delete.
    Delete,
    /// Delete if the version is the one last seen.
    DeleteCas,
    /// Read all keys with their values.
    List,
    /// Read the names of all keys.
    Keys,
    /// Wait for a change of a key.
    Watch,
}

impl Deed {
    /// All of them.
    pub const ALL: [Deed; 10] = [
        Deed::Put,
        Deed::Cas,
        Deed::Get,
        Deed::GetConsistent,
        Deed::GetStale,
        Deed::Delete,
        Deed::DeleteCas,
        Deed::List,
        Deed::Keys,
        Deed::Watch,
    ];

    /// How often it is done beside the others in the usual run.
    fn usual_weight(self) -> u64 {
        match self {
            Deed::Put => 24,
            Deed::Cas => 14,
            Deed::Get => 22,
            Deed::GetConsistent => 10,
            Deed::GetStale => 12,
            Deed::Delete => 4,
            Deed::DeleteCas => 4,
            Deed::List => 4,
            Deed::Keys => 2,
            Deed::Watch => 4,
        }
    }
}

/// The users of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct Work {
    /// The seed it was drawn from.
    pub seed: u64,
    /// Their machines.
    pub users: Vec<Who>,
    /// The agents they may ask.
    pub agents: Vec<Who>,
    /// Programs, numbered from 1; at most [`Work::MOST_CLIENTS`].
    pub clients: u32,
    /// The keys.
    pub keys: Vec<Arc<str>>,
    /// How long a program pauses between requests.
    pub think: Range<Duration>,
    /// How long a program waits for an answer before it gives up on it.
    pub patience: Duration,
    /// How long a blocking read may be asked to wait.
    pub wait: Range<Duration>,
    /// How often each deed is done beside the others.
    pub mix: Vec<(Deed, u64)>,
}

impl Work {
    /// More on one key than this, and the search for a legal order may not end.
    pub const MOST_CLIENTS: u32 = 10;

    /// The users of `seed`. One run in four leaves some deeds out, so that the others meet more often.
    ///
    /// # Panics
    /// If there is no machine or no agent.
    pub fn draw(seed: u64, users: &[Who], agents: &[Who]) -> Work {
        assert!(!users.is_empty() && !agents.is_empty(), "work needs machines to work on and agents to ask");
        let mut draws = Draws::new(seed, "work", 0);
        let slowest = *draws.pick(&[50, 150, 400]);
        let narrow = draws.chance(250_000);
        let kept = |deed: &Deed, draws: &mut Draws| !narrow || matches!(deed, Deed::Put | Deed::Get) || draws.chance(500_000);
        let mix = Deed::ALL.into_iter().filter(|deed| kept(deed, &mut draws)).map(|deed| (deed, deed.usual_weight())).collect();
        Work {
            seed,
            users: users.to_vec(),
            agents: agents.to_vec(),
            clients: draws.within(3..u64::from(Work::MOST_CLIENTS) + 1) as u32,
            keys: (0..draws.within(1..7)).map(|n| format!("{PREFIX}{n}").into()).collect(),
            think: Duration::from_millis(5)..Duration::from_millis(slowest),
            patience: Duration::from_millis(draws.within(2_000..12_000)),
            wait: Duration::from_millis(200)..Duration::from_millis(3_000),
            mix,
        }
    }

    /// The next deed.
    pub(super) fn pick(&self, draws: &mut Draws) -> Deed {
        let mut left = draws.below(self.mix.iter().map(|(_, weight)| weight).sum());
        for (deed, weight) in &self.mix {
            if left < *weight {
                return *deed;
            }
            left -= weight;
        }
        Deed::Get
    }
}
