//! The simulator.
#[cfg(not(madsim))]
compile_error!("--cfg madsim is missing: RUSTFLAGS or a [target.*] rustflags line has replaced [build] rustflags in .cargo/config.toml");

pub mod checker;
