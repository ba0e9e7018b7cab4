//! Floor 2: Consul's HTTP surface as pure functions: JSON shapes, query parameters, status codes and error texts.

pub mod agent;
pub mod catalog;
pub mod coordinate;
pub mod date;
pub mod definition;
pub mod document;
mod error;
pub mod event;
pub mod health;
pub mod json;
pub mod kv;
pub mod local;
pub mod lock;
pub mod metrics;
pub mod monitor;
pub mod number;
pub mod operator;
pub mod params;
pub mod path;
pub mod read;
pub mod registration;
pub mod session;
pub mod txn;
pub mod ui;
pub mod watch;

pub use error::ApiError;
