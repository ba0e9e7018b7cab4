mod conduct;
mod kv;
mod local;
mod routes;
mod wire;
