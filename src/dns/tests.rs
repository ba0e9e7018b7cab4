//! Answers, read by another parser than ours.

mod beyond;
mod names;
mod nodes;
mod services;
mod sizes;
mod upstream;
mod world;
mod zones;

/// The zone's record as it stands with its defaults.
const SOA: &str = "consul. 0 IN SOA ns.consul. hostmaster.consul. 1700000000 3600 600 86400 0";
