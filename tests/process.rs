//! Real agents as real processes on loopback addresses with the default ports: what README promises, and what hostile bytes do. Few and thin: the
//! simulator tries the rest.
#![allow(clippy::disallowed_methods, reason = "a test of real sockets and processes lives on the real clock and on threads")]

#[path = "conformance/http.rs"]
mod http;

#[path = "process/mod.rs"]
mod process;
