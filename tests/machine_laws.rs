//! The laws of [`muster::model::Machine`], the same for every machine of the house.

#[path = "machine_laws/mod.rs"]
mod machine_laws;
