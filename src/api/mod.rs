//! Floor 2: Consul's HTTP surface as pure functions: JSON shapes, query parameters, status codes and error texts.

pub mod agent;
pub mod catalog;
pub mod date;
pub mod definition;
pub mod document;
mod error;
pub mod health;
pub mod history;
pub mod json;
pub mod kv;
pub mod local;
pub mod metrics;
pub mod monitor;
pub mod number;
pub mod operator;
pub mod params;
pub mod path;
pub mod query;
pub mod read;
pub mod registration;
pub mod ui;

pub use error::ApiError;
