//! Judging a file of recorded operations.

use super::history::History;
use super::jsonl::{LineError, read_lines};
use super::report::{Report, check};
use super::rounds::Budget;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

/// Why a file could not be judged.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// It cannot be opened.
    #[error("{path}: {source}")]
    Unopened {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A line of it is not an operation.
    #[error("{path}: {source}")]
    Line {
        /// The file.
        path: PathBuf,
        /// The line and the cause.
        source: LineError,
    },
    /// It holds no operation, so a verdict would say nothing.
    #[error("{path}: holds no operation")]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

/// Judges the history in `path`, one JSON object a line as [`read_lines`] describes.
pub fn check_file(path: &Path) -> Result<Report, CheckError> {
    let file = File::open(path).map_err(|source| CheckError::Unopened { path: path.to_owned(), source })?;
    let read = read_lines(BufReader::new(file));
    let history: History = read.map_err(|source| CheckError::Line { path: path.to_owned(), source })?;
    if history.operations.is_empty() {
        return Err(CheckError::Empty { path: path.to_owned() });
    }
    Ok(check(&history, None, Budget::default()))
}
