//! The house keeps its rules: who imports whom, what stands below the sockets, sizes and names. `ARCHITECTURE.md` tells the reasons.

#[path = "tidy/mod.rs"]
mod tidy;
