//! The HTTP server.

mod backend;

pub use backend::{Answered, Backend, Pool, RequestError, Source, Trace};
