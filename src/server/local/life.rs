//! How often the agent has begun to tell the catalog of itself: what orders its writes over restarts. A clock would not do, it may go back.
//!
//! A number that cannot be read or kept is no reason not to start: the catalog refuses writes of a life that is over, and names it.

use super::LocalAgent;
use crate::runtime::{Disk, Runtime, replace_file};
use std::io;

/// Holds the number of the last life.
const FILE: &str = "lives";

/// Begins the next life; its number is on disk when this returns, if the disk takes it.
pub(super) async fn begin<D: Disk>(disk: &D) -> u64 {
    let life = last(disk).saturating_add(1);
    keep(disk, life).await;
    life
}

fn last<D: Disk>(disk: &D) -> u64 {
    let found = match disk.read(FILE) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return 0,
        Err(error) => {
            tracing::warn!(file = FILE, %error, "how often the agent was started cannot be read: the catalog will say");
            return 0;
        }
    };
    found.parse().unwrap_or_else(|_| {
        tracing::warn!(file = FILE, found, "how often the agent was started is no number: the catalog will say");
        0
    })
}

async fn keep<D: Disk>(disk: &D, life: u64) {
    if let Err(error) = replace_file(disk, FILE, life.to_string().as_bytes()).await {
        tracing::warn!(file = FILE, %error, "how often the agent was started could not be written down: after a restart the catalog will say");
    }
}

impl<R: Runtime> LocalAgent<R> {
    /// Makes sure that the next life has a greater number than `life`, before anything is written in it.
    pub(super) async fn keep_life(&self, life: u64) {
        let mut kept = self.0.life.lock().await;
        if *kept < life {
            keep(&self.0.disk, life).await;
            *kept = life;
        }
    }
}
