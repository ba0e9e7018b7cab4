//! The machine, stepped.
