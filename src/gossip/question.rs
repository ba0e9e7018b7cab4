//! Questions to everybody: they spread as events do, and the answers come straight back to the asker (Serf's queries). Every member answers,
//! also that it is not concerned, so that the asker knows when all have.

use super::lamport::MAX_LAMPORT;
use super::machine::{Gossip, Output};
use super::packet::{Head, Rumor};
use super::user_event::{MAX_SAID, Scope};
use crate::model::{Instant, NodeName, octets};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Questions of ours that wait at once; a further one ends at once, unanswered.
const MAX_ASKED: usize = 64;

/// How long is waited by default, in gossip intervals for each digit of the pool's size (Serf's query timeout multiplier).
const PATIENCE_INTERVALS: u32 = 16;

/// Longest patience.
const MAX_PATIENCE: Duration = Duration::from_secs(600);

/// Members an answer may be passed through besides going straight.
const MAX_RELAYS: u8 = 5;

/// A question as it travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Chosen at random.
    pub id: u128,
    /// Its logical time.
    pub at: u64,
    /// Who asks.
    pub asker: NodeName,
    /// Where answers go.
    pub reply_to: SocketAddr,
    /// What is asked.
    pub name: String,
    /// More about it.
    #[serde(with = "octets")]
    pub payload: Bytes,
    /// Whom it concerns.
    pub scope: Scope,
    /// How many members each answer is passed through, besides going straight.
    pub relays: u8,
    /// How long the asker waits, in milliseconds.
    pub patience: u32,
}

impl Question {
    fn is_fit(&self) -> bool {
        (1..=MAX_LAMPORT).contains(&self.at) && self.name.len() + self.payload.len() + self.scope.len() <= MAX_SAID
    }
}

/// What a member says to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// It is not concerned, or has nothing to say.
    Nothing,
    /// It is concerned; an answer may follow.
    Heard,
    /// Its answer, at most [`MAX_SAID`] bytes.
    Answer(#[serde(with = "octets")] Bytes),
}

impl Word {
    fn is_last(&self) -> bool {
        match self {
            Word::Nothing | Word::Answer(_) => true,
            Word::Heard => false,
        }
    }
}

/// One member's word on its way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saying {
    /// The question's.
    pub question: u128,
    /// Who says so.
    pub by: NodeName,
    /// What.
    pub word: Word,
}

/// What is to be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// What is asked.
    pub name: String,
    /// More about it. With the name and the scope at most [`MAX_SAID`] bytes.
    pub payload: Bytes,
    /// Whom it concerns.
    pub scope: Scope,
    /// How long to wait; `None` is what suits the pool's size.
    pub patience: Option<Duration>,
    /// Members each answer is passed through, besides going straight: for lossy networks.
    pub relays: u8,
    /// It is enough when so many in a hundred members have said their last word.
    pub until: u8,
}

/// How a question ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Members that lived when it was asked, the asker included.
    pub members: usize,
    /// Of those, who never said a last word.
    pub silent: Vec<NodeName>,
}

/// A question of ours that waits.
#[derive(Debug)]
struct Waiting {
    ticket: u64,
    ends_at: Instant,
    members: usize,
    /// Who has not said its last word.
    silent: BTreeSet<NodeName>,
    heard: BTreeSet<NodeName>,
    /// Who has.
    finished: BTreeSet<NodeName>,
    until: u8,
}

/// Questions of ours, by id.
#[derive(Debug, Default)]
pub(super) struct Asked {
    waiting: BTreeMap<u128, Waiting>,
}

impl Asked {
    pub fn deadline(&self) -> Option<Instant> {
        self.waiting.values().map(|one| one.ends_at).min()
    }

    pub fn check_invariants(&self) {
        assert!(self.waiting.len() <= MAX_ASKED, "questions that wait are bounded");
    }
}

impl Gossip {
    /// Asks everybody. Answered by [`Output::Said`] for each word and [`Output::Finished`] at the end.
    pub(super) fn ask_everybody(&mut self, now: Instant, ticket: u64, id: u128, ask: Ask) {
        let members: BTreeSet<NodeName> = self.table.live().iter().map(|id| self.table[*id].profile.name.clone()).collect();
        let members: BTreeSet<NodeName> = members.into_iter().chain([self.setup.name.clone()]).collect();
        if self.asked.waiting.len() >= MAX_ASKED {
            let tally = Tally { members: members.len(), silent: members.into_iter().collect() };
            return self.output(Output::Finished { ticket, tally });
        }
        let patience = ask.patience.unwrap_or_else(|| self.usual_patience()).min(MAX_PATIENCE);
        let question = Question {
            id,
            at: self.question_clock.tick(),
            asker: self.setup.name.clone(),
            reply_to: self.setup.addr,
            name: ask.name,
            payload: ask.payload,
            scope: ask.scope,
            relays: ask.relays.min(MAX_RELAYS),
            patience: u32::try_from(patience.as_millis()).unwrap_or(u32::MAX),
        };
        assert!(question.is_fit(), "a question longer than {MAX_SAID} bytes was let in");
        let waiting = Waiting {
            ticket,
            ends_at: now + patience,
            members: members.len(),
            silent: members,
            heard: BTreeSet::new(),
            finished: BTreeSet::new(),
            until: ask.until.min(100),
        };
        self.asked.waiting.insert(id, waiting);
        self.hear_question(now, Arc::new(question));
    }

    fn usual_patience(&self) -> Duration {
        let digits = ((self.table.alive_count() as f64 + 1.0).log10().ceil() as u32).max(1);
        self.setup.tuning.gossip_interval * (PATIENCE_INTERVALS * digits)
    }

    /// A question, our own too.
    pub(super) fn hear_question(&mut self, now: Instant, question: Arc<Question>) {
        if !question.is_fit() {
            self.stats.refused += 1;
            return;
        }
        self.question_clock.witness(question.at);
        if self.questions.take((question.at, question.id), ()) {
            self.stats.questions += 1;
            self.shout(now, question.id, &Rumor::Question(question.clone()));
            self.output(Output::Asked(question));
        }
    }

    /// What this agent says to a question it was told of: straight to the asker, and through some others if it wished so.
    pub(super) fn say(&mut self, question: &Question, word: Word) {
        if let Word::Answer(bytes) = &word {
            assert!(bytes.len() <= MAX_SAID, "an answer longer than {MAX_SAID} bytes was let in");
        }
        let saying = Saying { question: question.id, by: self.setup.name.clone(), word };
        if question.asker == self.setup.name {
            return self.hear_saying(saying);
        }
        let asker = self.table.find(&question.asker);
        for helper in self.random_live(usize::from(question.relays), asker) {
            let pass = Head::Pass { to: question.asker.clone(), saying: saying.clone() };
            self.transmit(self.table[helper].profile.addr, Some(&pass), None);
        }
        self.transmit(question.reply_to, Some(&Head::Say(saying)), None);
    }

    /// Passes a word on. Only to a member, so that nobody is made to send to strangers.
    pub(super) fn pass_saying(&mut self, to: &NodeName, saying: Saying) {
        match self.table.find(to) {
            Some(id) if id != super::table::SlotId::SELF => {
                self.stats.relayed += 1;
                self.transmit(self.table[id].profile.addr, Some(&Head::Say(saying)), None);
            }
            Some(_) | None => self.stats.refused += 1,
        }
    }

    /// A member's word; each is told once.
    pub(super) fn hear_saying(&mut self, saying: Saying) {
        let Saying { question, by, word } = saying;
        if self.table.find(&by).is_none() {
            self.stats.refused += 1;
            return;
        }
        let Some(waiting) = self.asked.waiting.get_mut(&question) else { return };
        let news = if word.is_last() {
            waiting.silent.remove(&by);
            waiting.finished.insert(by.clone())
        } else {
            !waiting.finished.contains(&by) && waiting.heard.insert(by.clone())
        };
        if news {
            let ticket = waiting.ticket;
            self.output(Output::Said { ticket, by, word });
        }
    }

    /// Ends the questions that were answered by enough, or whose time is over.
    pub(super) fn finish_questions(&mut self, now: Instant) {
        let enough = |one: &Waiting| (one.members - one.silent.len()) * 100 >= one.members * usize::from(one.until);
        let done = self.asked.waiting.extract_if(.., |_, one| one.ends_at <= now || enough(one));
        for (_, one) in done.collect::<Vec<_>>() {
            let tally = Tally { members: one.members, silent: one.silent.into_iter().collect() };
            self.output(Output::Finished { ticket: one.ticket, tally });
        }
    }
}
