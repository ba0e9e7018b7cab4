//! Events and questions at this agent: what gossip brings is judged, remembered and answered here; what clients fire and ask goes out here.

use super::Agent;
use super::gossip::{Public, Reply};
use crate::agent::events::{Concern, EventRing};
use crate::api::event::Answers;
use crate::gossip::{Ask, Question, UserEvent, Word};
use crate::runtime::{Runtime, watch};
use std::sync::Arc;
use tokio::sync::{Mutex, Semaphore, mpsc};

/// Events and questions that wait for the agent; gossip's herald waits for room.
const WAITING: usize = 64;

/// Handlers that answer questions at once. A further question is not answered.
const HANDLERS: usize = 16;

/// The name of the question that every agent answers, with its version.
pub const PING: &str = "ping";

/// What the agent keeps of events.
#[derive(Debug)]
pub(super) struct Events {
    ring: watch::Sender<Arc<EventRing>>,
    incoming: Mutex<mpsc::Receiver<Public>>,
    /// One permit for each handler that may run.
    answering: Arc<Semaphore>,
}

impl Events {
    /// The queue that gossip fills, and who reads it.
    pub fn new() -> (mpsc::Sender<Public>, Events) {
        let (sender, incoming) = mpsc::channel(WAITING);
        let (ring, _) = watch::channel(Arc::default());
        (sender, Events { ring, incoming: Mutex::new(incoming), answering: Arc::new(Semaphore::new(HANDLERS)) })
    }

    /// The events that concerned this agent, now and whenever there is a new one.
    pub fn watch(&self) -> watch::Receiver<Arc<EventRing>> {
        self.ring.subscribe()
    }

    fn remember(&self, event: Arc<UserEvent>) {
        let mut ring = EventRing::clone(&self.ring.borrow());
        ring.push(event);
        self.ring.send(Arc::new(ring));
    }
}

impl<R: Runtime> Agent<R> {
    /// Takes what gossip brings for as long as the pool lives.
    pub(super) async fn hear_public(&self) {
        let mut incoming = self.0.events.incoming.lock().await;
        while let Some(what) = incoming.recv().await {
            match what {
                Public::Event(event) => self.hear_event(event),
                Public::Question(question) => self.answer_question(question).await,
            }
        }
    }

    fn concerns(&self, concern: &Concern) -> bool {
        concern.takes(self.config().node_name.as_str(), &self.local().view())
    }

    fn hear_event(&self, event: Arc<UserEvent>) {
        match Concern::of(&event.scope) {
            Ok(concern) if self.concerns(&concern) => {
                tracing::debug!(name = event.name, at = event.at, "user event");
                self.0.events.remember(event);
            }
            Ok(_for_others) => {}
            Err(error) => tracing::debug!(name = event.name, %error, "a user event for nobody"),
        }
    }

    /// Everybody says at once whether a question concerns it, and then its last word.
    async fn answer_question(&self, question: Arc<Question>) {
        let concerned = Concern::of(&question.scope).is_ok_and(|concern| self.concerns(&concern));
        if !concerned {
            return self.lan().say(question, Word::Nothing).await;
        }
        if question.name == PING {
            let version = format!("muster {}", crate::VERSION);
            return self.lan().say(question, Word::Answer(version.into_bytes().into())).await;
        }
        self.lan().say(question.clone(), Word::Heard).await;
        let handler = self.0.watching.answerer(&question.name).zip(self.0.events.answering.clone().try_acquire_owned().ok());
        let Some((watch, permit)) = handler else { return self.lan().say(question, Word::Nothing).await };
        // Others are heard meanwhile.
        let agent = self.clone();
        drop(R::spawn(async move {
            let answer = agent.answer_by_handler(&watch, &question).await;
            agent.lan().say(question, answer.map_or(Word::Nothing, Word::Answer)).await;
            drop(permit);
        }));
    }

    /// Asks everybody and waits until enough have answered, or the patience is over.
    pub(super) async fn ask_everybody(&self, ask: Ask) -> Answers {
        let mut replies = self.lan().question(ask).await;
        let mut answers = Answers::default();
        while let Some(reply) = replies.next().await {
            match reply {
                Reply::Word { by, word } => answers.hear(by, word),
                Reply::End(tally) => (answers.members, answers.silent) = (tally.members, tally.silent),
            }
        }
        answers
    }
}
