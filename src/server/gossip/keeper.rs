//! The task that keeps the memory file up with the published members. It compares instead of listening, so nothing can be missed.

use super::memory::{self, Left, Memory};
use super::pool::Published;
use crate::gossip::MemberStatus;
use crate::runtime::{Disk, DiskFile, Runtime, replace_file, sleep};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Changes within this time are written together.
const GATHER: Duration = Duration::from_millis(500);

/// The file is rewritten when it has grown to this many times what it says, and beyond [`SMALL`].
const BLOAT: u64 = 4;

/// A file up to this long is not worth rewriting.
const SMALL: u64 = 64 * 1024;

/// What the driver asks of the keeper. A change that finds the queue full is covered by the one waiting there.
#[derive(Debug)]
pub(super) enum Request {
    /// The published members changed.
    Changed,
    /// Write now, durably, and say when it is done.
    Flush(oneshot::Sender<()>),
}

/// The file and what it says.
#[derive(Debug)]
pub(super) struct Keeper<D: Disk> {
    disk: D,
    name: String,
    written: Memory,
    /// Length of the file; `None` when it must be written anew.
    length: Option<u64>,
}

impl<D: Disk> Keeper<D> {
    /// Reads the file; a missing one says nothing.
    pub fn open(disk: D, name: String) -> io::Result<(Keeper<D>, Memory)> {
        if let Some((dir, _)) = name.rsplit_once('/') {
            disk.create_dir(dir)?;
        }
        let memory = match disk.read(&name) {
            Ok(bytes) => Memory::read(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Memory::default(),
            Err(error) => return Err(error),
        };
        Ok((Keeper { disk, name, written: memory.clone(), length: None }, memory))
    }

    /// Serves requests until the driver is gone.
    pub async fn run<R: Runtime>(mut self, mut requests: mpsc::Receiver<Request>, published: Arc<Published>, sought: Memory) {
        // Members of the last life stay written until they are met again or given up: a second restart looks for them too.
        let mut sought = sought;
        while let Some(request) = requests.recv().await {
            if matches!(request, Request::Changed) {
                sleep::<R>(GATHER).await;
            }
            let next = current(&published, &mut sought);
            if let Err(error) = self.write(next).await {
                tracing::warn!(file = self.name, %error, "members not remembered on disk; trying again with the next change");
                self.length = None;
            }
            if let Request::Flush(done) = request {
                let _nobody_waits = done.send(());
            }
        }
    }

    async fn write(&mut self, next: Memory) -> io::Result<()> {
        let records = self.written.difference(&next);
        let fits = self.length.filter(|length| *length <= SMALL.max(BLOAT * memory::write(&next.records()).len() as u64));
        let Some(length) = fits else {
            let bytes = memory::write(&next.records());
            replace_file(&self.disk, &self.name, &bytes).await?;
            self.length = Some(bytes.len() as u64);
            self.written = next;
            return Ok(());
        };
        if records.is_empty() {
            return Ok(());
        }
        let bytes = memory::write(&records);
        let file = self.disk.open(&self.name)?;
        file.write_at(length, &bytes)?;
        if next.left.is_some() {
            file.sync().await?;
        }
        self.length = Some(length + bytes.len() as u64);
        self.written = next;
        Ok(())
    }
}

/// What should be on disk now. Failed members are remembered too: they may only be cut off, and so may we.
fn current(published: &Published, sought: &mut Memory) -> Memory {
    let (members, local) = (published.members.load(), published.local.load());
    sought.members.retain(|name, addr| !members.iter().any(|member| member.name() == name || member.addr() == *addr));
    let mut next = Memory { members: sought.members.clone(), incarnation: Some(local.incarnation), left: None };
    for member in members.iter().filter(|member| member.name() != local.name()) {
        match member.status {
            MemberStatus::Alive | MemberStatus::Leaving | MemberStatus::Failed => {
                next.members.insert(member.name().clone(), member.addr());
            }
            MemberStatus::None | MemberStatus::Left => {}
        }
    }
    next.left = matches!(local.status, MemberStatus::Leaving | MemberStatus::Left).then_some(Left);
    next
}
