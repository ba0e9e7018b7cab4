//! Group commit: one sync makes all durable that was written before it began.

use super::format::file_name;
use super::shared::Shared;
use crate::runtime::{Disk, DiskFile};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Syncs what is written, for as long as the log is open and well. What was written before it closed is synced.
pub(super) async fn flush_until_closed<D: Disk>(shared: Arc<Shared<D>>) {
    loop {
        match flush_once(&shared).await {
            Flushed::Something => {}
            Flushed::Nothing => shared.to_flush.notified().await,
            Flushed::End => return,
        }
    }
}

enum Flushed {
    Something,
    Nothing,
    End,
}

async fn flush_once<D: Disk>(shared: &Shared<D>) -> Flushed {
    let (segments, waiting, written) = {
        let mut state = shared.state();
        if state.failed.is_some() {
            return Flushed::End;
        }
        if state.unsynced.is_empty() {
            return if state.closed { Flushed::End } else { Flushed::Nothing };
        }
        (std::mem::take(&mut state.unsynced), std::mem::take(&mut state.waiting), state.written)
    };
    for segment in segments {
        if let Err(e) = segment.file.sync().await {
            let error = shared.fail(format!("syncing {}", file_name(segment.seal.number)), &e);
            waiting.into_iter().for_each(|done| done(Err(error.clone())));
            return Flushed::End;
        }
    }
    shared.durable.store(written, Ordering::Release);
    for done in waiting {
        done(Ok(()));
    }
    if shared.state().given_back.is_some_and(|(_, sequence)| sequence <= written) {
        shared.to_tidy.notify_one();
    }
    Flushed::Something
}
