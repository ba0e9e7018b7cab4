mod catalog;
mod conduct;
mod kv;
mod local;
mod monitor;
mod registrations;
mod routes;
mod wire;
