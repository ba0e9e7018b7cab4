//! One task a stream: it turns frames and ends into the machine's events, and writes what the machine says.

use super::wire::{take_frame, write_frame};
use crate::gossip::{MAX_FRAMES_AT_ONCE, StreamEvent, StreamId};
use crate::runtime::{Runtime, TcpListener, sleep, timeout};
use bytes::{Bytes, BytesMut};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::{Semaphore, mpsc};

/// Connections served at once, more than the machine lets speak; further ones are closed unheard.
const MAX_CONNECTIONS: usize = 1280;

/// Frames that wait to be written on one stream: twice what is sent at once. At the bound the stream is given up, and that is counted.
pub(super) const OUTGOING: usize = 2 * MAX_FRAMES_AT_ONCE;

/// A pause after an accept that failed, so that a process without file descriptors does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What a stream's task tells the driver.
#[derive(Debug)]
pub(super) struct Arrival {
    pub id: StreamId,
    pub event: StreamEvent,
    /// With [`StreamEvent::Opened`] on an accepted stream: where to write.
    pub writer: Option<Writer>,
}

/// Where to write on a stream; its end ends the stream, after what is queued.
#[derive(Debug)]
pub(super) struct Writer(mpsc::Sender<Bytes>);

/// A peer does not read what is sent to it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overrun;

impl Writer {
    /// A queue of `room` frames.
    pub fn new(room: usize) -> (Writer, mpsc::Receiver<Bytes>) {
        let (frames, outgoing) = mpsc::channel(room);
        (Writer(frames), outgoing)
    }

    /// Queues a frame. One for a stream that has ended is dropped: the news of that is on its way.
    pub fn write(&self, frame: Bytes) -> Result<(), Overrun> {
        match self.0.try_send(frame) {
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => Err(Overrun),
        }
    }
}

/// What every stream's task knows.
#[derive(Debug, Clone)]
pub(super) struct Line {
    pub arrivals: mpsc::Sender<Arrival>,
    /// How long a connection may take, and how long it may be silent.
    pub patience: Duration,
}

impl Line {
    async fn tell(&self, id: StreamId, event: StreamEvent) {
        let _the_driver_is_gone = self.arrivals.send(Arrival { id, event, writer: None }).await;
    }
}

/// Connects and then converses.
pub(super) async fn dial<R: Runtime>(line: Line, id: StreamId, to: SocketAddr, outgoing: mpsc::Receiver<Bytes>) {
    let reason = match timeout::<R, _>(line.patience, R::tcp_connect(to)).await {
        Ok(Ok(stream)) => {
            line.tell(id, StreamEvent::Opened).await;
            return converse::<R>(line, id, stream, outgoing).await;
        }
        Ok(Err(error)) => format!("dial tcp {to}: {}", in_consuls_words(&error)),
        Err(_) => format!("dial tcp {to}: i/o timeout"),
    };
    line.tell(id, StreamEvent::Closed { reason }).await;
}

/// What operators of Consul know a failed connection by.
fn in_consuls_words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused".to_owned(),
        io::ErrorKind::HostUnreachable => "connect: no route to host".to_owned(),
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable".to_owned(),
        io::ErrorKind::TimedOut => "i/o timeout".to_owned(),
        _another_of_the_system => error.to_string(),
    }
}

/// Takes connections for ever, numbering them.
pub(super) async fn accept<R: Runtime>(line: Line, listener: R::TcpListener) {
    let room = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut number = 0;
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _peer)) => stream,
            Err(error) => {
                tracing::debug!(%error, "gossip connection not accepted");
                sleep::<R>(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(place) = room.clone().try_acquire_owned() else { continue };
        number += 1;
        let (id, line) = (StreamId::Accepted(number), line.clone());
        drop(R::spawn(async move {
            let (writer, outgoing) = Writer::new(OUTGOING);
            let opened = Arrival { id, event: StreamEvent::Opened, writer: Some(writer) };
            if line.arrivals.send(opened).await.is_ok() {
                converse::<R>(line, id, stream, outgoing).await;
            }
            drop(place);
        }));
    }
}

/// Both ways until either side ends it. The machine ends it by dropping the writer: what is queued is still written.
async fn converse<R: Runtime>(line: Line, id: StreamId, mut stream: R::TcpStream, mut outgoing: mpsc::Receiver<Bytes>) {
    let mut arrived = BytesMut::new();
    let reason = loop {
        match take_frame(&mut arrived) {
            Ok(Some(frame)) => {
                line.tell(id, StreamEvent::Frame(frame)).await;
                continue;
            }
            Ok(None) => {}
            Err(reason) => break reason,
        }
        tokio::select! {
            biased;
            frame = outgoing.recv() => match frame {
                Some(frame) => match timeout::<R, _>(line.patience, write_frame(&mut stream, &frame)).await {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => break error.to_string(),
                    Err(_) => break "i/o timeout".to_owned(),
                },
                None => {
                    let _lost_either_way = timeout::<R, _>(line.patience, stream.shutdown()).await;
                    return;
                }
            },
            read = timeout::<R, _>(line.patience, stream.read_buf(&mut arrived)) => match read {
                Ok(Ok(0)) => break "connection closed by the other side".to_owned(),
                Ok(Ok(_)) => {}
                Ok(Err(error)) => break error.to_string(),
                Err(_) => break "i/o timeout".to_owned(),
            },
        }
    };
    line.tell(id, StreamEvent::Closed { reason }).await;
}
