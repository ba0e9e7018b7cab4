//! The agent's log for those who read it while it is written (`/v1/agent/monitor`), and its level.
//!
//! A reader has a queue of bounded length; a line that finds it full is left out and counted, and the count is told before the next line. So
//! nobody who writes a line ever waits for a reader.

use crate::api::monitor::{Level, LogLine, Monitor};
use bytes::Bytes;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::task::{Context, Poll};
use tokio::sync::mpsc;

/// Lines that may wait for one reader.
const QUEUE: usize = 512;
/// Most readers at a time.
const MOST_READERS: usize = 64;

/// What the log's writer does when it is told to: the level of the agent's own log, and the least grave line that any reader wants.
pub(super) trait Writer: Send + Sync {
    /// Logs at this level from now on; an unknown word changes nothing.
    fn set_level(&self, level: &str);
    /// Gives the journal lines of this level and graver ones; `None` gives it no more.
    fn set_readers_level(&self, level: Option<Level>);
}

/// The agent's log. Clones are the same log.
#[derive(Clone, Default)]
pub struct Journal(Arc<Shared>);

#[derive(Default)]
struct Shared {
    writer: OnceLock<Box<dyn Writer>>,
    readers: Mutex<Readers>,
    /// Held while the writer is told the readers' level, so that the last word is the newest.
    telling: Mutex<()>,
}

#[derive(Default)]
struct Readers {
    begun: u64,
    open: Vec<Reader>,
}

struct Reader {
    number: u64,
    wants: Monitor,
    queue: mpsc::Sender<Bytes>,
    left_out: u64,
}

/// There are as many readers as there may be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log has {MOST_READERS} readers already, which is the most it may have")]
pub struct TooManyReaders;

impl Journal {
    /// A log that nobody writes yet.
    pub fn new() -> Journal {
        Journal::default()
    }

    /// From now on `writer` is told of levels. The first one stays.
    pub(super) fn write_by(&self, writer: Box<dyn Writer>) {
        let _ = self.0.writer.set(writer);
    }

    /// Changes the level of the agent's own log; without effect where nobody writes it.
    pub fn set_level(&self, level: &str) {
        if let Some(writer) = self.0.writer.get() {
            writer.set_level(level);
        }
    }

    /// Reads from the next line on.
    pub fn read(&self, wants: Monitor) -> Result<Lines, TooManyReaders> {
        let (queue, lines) = mpsc::channel(QUEUE);
        let number = {
            let mut readers = self.0.lock();
            if readers.open.len() >= MOST_READERS {
                return Err(TooManyReaders);
            }
            readers.begun += 1;
            let number = readers.begun;
            readers.open.push(Reader { number, wants, queue, left_out: 0 });
            number
        };
        self.0.tell_the_writer();
        Ok(Lines { lines, number, journal: self.clone() })
    }

    /// How many read it.
    pub fn readers(&self) -> usize {
        self.0.lock().open.len()
    }

    /// Gives a line to every reader who wants it.
    pub fn write(&self, line: &LogLine) {
        self.0.lock().open.iter_mut().filter(|reader| line.level <= reader.wants.level).for_each(|reader| reader.take(line));
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Readers> {
        self.readers.lock().expect("nothing panics while it holds the readers")
    }

    fn tell_the_writer(&self) {
        let Some(writer) = self.writer.get() else { return };
        let _turn = self.telling.lock().expect("nothing panics while it holds the turn");
        let level = self.lock().open.iter().map(|reader| reader.wants.level).max();
        writer.set_readers_level(level);
    }
}

impl Reader {
    fn take(&mut self, line: &LogLine) {
        if self.left_out > 0 {
            let count = self.left_out;
            let notice = LogLine {
                level: Level::Warn,
                module: "agent".to_owned(),
                message: format!("monitor: {count} lines were left out, because they came faster than they were read"),
                fields: Vec::new(),
                ..line.clone()
            };
            if self.queue.try_send(notice.write(self.wants.form).into()).is_ok() {
                self.left_out = 0;
            }
        }
        // Not before the count is told: lines stay in order.
        if self.left_out > 0 || self.queue.try_send(line.write(self.wants.form).into()).is_err() {
            self.left_out += 1;
        }
    }
}

/// The log, line by line, until this is dropped.
pub struct Lines {
    lines: mpsc::Receiver<Bytes>,
    number: u64,
    journal: Journal,
}

impl Lines {
    /// The next line.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.lines.poll_recv(cx)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.journal.0.lock().open.retain(|reader| reader.number != self.number);
        self.journal.0.tell_the_writer();
    }
}

#[cfg(test)]
mod tests {
    use super::{Journal, Lines, MOST_READERS, QUEUE, Writer};
    use crate::api::monitor::{Form, Level, LogLine, Monitor};
    use crate::model::Timestamp;
    use std::sync::{Arc, Mutex};

    const TEXT: Monitor = Monitor { level: Level::Info, form: Form::Text };

    fn line(level: Level, message: &str) -> LogLine {
        LogLine { time: Timestamp::from_unix_nanos(0), level, module: "agent".to_owned(), message: message.to_owned(), fields: Vec::new() }
    }

    /// What waits for a reader, without time and level.
    fn waiting(lines: &mut Lines) -> Vec<String> {
        let mut texts = Vec::new();
        while let Ok(line) = lines.lines.try_recv() {
            texts.push(String::from_utf8(line.to_vec()).unwrap().trim_end().split_once("agent: ").unwrap().1.to_owned());
        }
        texts
    }

    #[test]
    fn a_reader_has_the_lines_of_its_level_from_when_it_began() {
        let journal = Journal::new();
        journal.write(&line(Level::Error, "before"));
        let (mut all, mut grave) =
            (journal.read(Monitor { level: Level::Trace, ..TEXT }).unwrap(), journal.read(Monitor { level: Level::Warn, ..TEXT }).unwrap());
        for (level, message) in [(Level::Trace, "t"), (Level::Info, "i"), (Level::Warn, "w"), (Level::Error, "e")] {
            journal.write(&line(level, message));
        }
        assert_eq!(waiting(&mut all), ["t", "i", "w", "e"]);
        assert_eq!(waiting(&mut grave), ["w", "e"]);
    }

    #[test]
    fn what_a_slow_reader_misses_is_counted_and_told_in_its_place() {
        let journal = Journal::new();
        let mut slow = journal.read(TEXT).unwrap();
        for n in 0..QUEUE + 3 {
            journal.write(&line(Level::Info, &n.to_string()));
        }
        assert_eq!(waiting(&mut slow).len(), QUEUE);
        journal.write(&line(Level::Info, "after"));
        assert_eq!(waiting(&mut slow), ["monitor: 3 lines were left out, because they came faster than they were read", "after"]);
    }

    #[test]
    fn the_writer_knows_what_the_readers_want_and_when_they_are_gone() {
        struct Note(Arc<Mutex<Vec<Option<Level>>>>);
        impl Writer for Note {
            fn set_level(&self, _: &str) {}
            fn set_readers_level(&self, level: Option<Level>) {
                self.0.lock().unwrap().push(level);
            }
        }
        let (journal, told) = (Journal::new(), Arc::default());
        journal.write_by(Box::new(Note(Arc::clone(&told))));
        let info = journal.read(TEXT).unwrap();
        let debug = journal.read(Monitor { level: Level::Debug, ..TEXT }).unwrap();
        drop(debug);
        drop(info);
        assert_eq!(*told.lock().unwrap(), [Some(Level::Info), Some(Level::Debug), Some(Level::Info), None]);
    }

    #[test]
    fn one_reader_too_many_is_refused_until_another_goes() {
        let journal = Journal::new();
        let mut readers: Vec<Lines> = (0..MOST_READERS).map(|_| journal.read(TEXT).unwrap()).collect();
        assert!(journal.read(TEXT).is_err());
        readers.pop();
        assert!(journal.read(TEXT).is_ok());
    }
}
