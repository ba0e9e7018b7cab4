//! Telling a client that it has too many connections.

use crate::runtime::{Runtime, timeout};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Semaphore;

/// Clients told at a time; more are closed without a word.
const MOST: usize = 64;
/// How long a client has to take the answer.
const PATIENCE: Duration = Duration::from_secs(2);

const ANSWER: &[u8] = b"HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nContent-Length: 65\r\nConnection: close\r\n\r\n\
    Too many connections from your address, please close some of them";

#[derive(Debug)]
pub(super) struct TurnAway(Arc<Semaphore>);

impl Default for TurnAway {
    fn default() -> TurnAway {
        TurnAway(Arc::new(Semaphore::new(MOST)))
    }
}

impl TurnAway {
    /// Answers 429 and closes. What the client sends meanwhile is read, since closing on unread bytes would reset the answer away.
    pub(super) fn answer<R: Runtime>(&self, mut stream: R::TcpStream) {
        let Ok(permit) = self.0.clone().try_acquire_owned() else { return };
        let telling = async move {
            stream.write_all(ANSWER).await?;
            stream.shutdown().await?;
            let mut rest = [0; 1_024];
            while stream.read(&mut rest).await? > 0 {}
            std::io::Result::Ok(())
        };
        drop(R::spawn(async move {
            // Whether the client took it is its own affair.
            drop(timeout::<R, _>(PATIENCE, telling).await);
            drop(permit);
        }));
    }
}
