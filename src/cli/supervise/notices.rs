//! What the operating system tells a command that runs another one.

use rustix::process::{Signal, getpid, kill_process};
use std::io;
use tokio::signal::unix::{self, SignalKind, signal};

/// A signal that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Notice {
    /// Some child of ours may have ended.
    Child,
    /// We are to end: SIGTERM or SIGINT.
    End(Signal),
    /// We are to stop for a while, as a terminal's ^Z asks.
    Pause,
    /// It means whoever does the work.
    Forward(Signal),
}

/// The signals we take.
pub(in crate::cli) struct Notices {
    child: unix::Signal,
    end: [(unix::Signal, Signal); 2],
    pause: unix::Signal,
    forward: [(unix::Signal, Signal); 5],
}

impl Notices {
    /// Takes signals from now on. Errors are the operating system's.
    pub(in crate::cli) fn take() -> io::Result<Notices> {
        let named = |kind: SignalKind, name: Signal| signal(kind).map(|stream| (stream, name));
        Ok(Notices {
            child: signal(SignalKind::child())?,
            end: [named(SignalKind::terminate(), Signal::TERM)?, named(SignalKind::interrupt(), Signal::INT)?],
            pause: signal(SignalKind::from_raw(Signal::TSTP.as_raw()))?,
            forward: [
                named(SignalKind::hangup(), Signal::HUP)?,
                named(SignalKind::quit(), Signal::QUIT)?,
                named(SignalKind::user_defined1(), Signal::USR1)?,
                named(SignalKind::user_defined2(), Signal::USR2)?,
                named(SignalKind::window_change(), Signal::WINCH)?,
            ],
        })
    }

    /// The next one.
    pub(in crate::cli) async fn next(&mut self) -> Notice {
        let Notices { child, end, pause, forward } = self;
        tokio::select! {
            biased;
            signal = any(end) => Notice::End(signal),
            _ = child.recv() => Notice::Child,
            _ = pause.recv() => Notice::Pause,
            signal = any(forward) => Notice::Forward(signal),
        }
    }
}

async fn any(streams: &mut [(unix::Signal, Signal)]) -> Signal {
    std::future::poll_fn(|context| {
        let mut came = streams.iter_mut().filter_map(|(stream, name)| stream.poll_recv(context).is_ready().then_some(*name));
        came.next().map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    })
    .await
}

/// Stops this process until it is continued.
pub(in crate::cli) fn pause() {
    // Our own process: that cannot be refused.
    let _ = kill_process(getpid(), Signal::STOP);
}
