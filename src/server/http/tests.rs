mod conduct;
mod kv;
mod local;
mod registrations;
mod routes;
mod wire;
