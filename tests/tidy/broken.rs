//! The checker must fail when the house is broken: small bad sources, each with what must be said of it.

use super::source::Source;
use super::{Breach, bans, floors, names, sizes};

type Rule = fn(&Source) -> Vec<Breach>;

fn said(rule: Rule, path: &str, text: &str) -> String {
    let breaches = rule(&Source::parse(path, text));
    breaches.iter().map(Breach::to_string).collect::<Vec<_>>().join("\n")
}

fn assert_caught(rule: Rule, path: &str, text: &str, expected: &str) {
    let said = said(rule, path, text);
    assert!(said.contains(expected), "{text}\nexpected {expected:?}, said {said:?}");
}

fn assert_clean(rule: Rule, path: &str, text: &str) {
    assert_eq!(said(rule, path, text), "", "{text}");
}

#[test]
fn an_import_of_a_higher_floor_is_caught_however_it_is_written() {
    for text in [
        "use crate::server::Agent;",
        "use crate::{model::Instant, server::{self, http}};",
        "use muster::server as floor;",
        "use crate as house; use house::server::Agent;",
        "use crate::{self as house}; fn f() { house::server::run() }",
        "extern crate self as house; fn f() { house::server::run() }",
        "use super::super::server::Agent;",
        "mod inner { use super::super::super::server::Agent; }",
        "use super::super as up; fn f(a: up::server::Agent) {}",
        "fn f() { crate::server::run() }",
        "fn f() { use crate::server::run; run() }",
        "fn f() -> Vec<crate::server::Agent> { vec![] }",
        "fn f() { assert!(crate::server::is_up()); }",
        "macro_rules! up { () => { $crate::server::run() } }",
        "#[derive(Serialize)] struct A { #[serde(with = \"crate::server::shape\")] a: u8 }",
        "pub use crate::r#server::Agent;",
    ] {
        assert_caught(floors::breaches, "src/gossip/probe.rs", text, "`gossip` must not import `server`");
    }
}

#[test]
fn rooms_of_one_floor_do_not_know_each_other_but_steps_go_down() {
    assert_caught(floors::breaches, "src/gossip/mod.rs", "use crate::state::State;", "`gossip` must not import `state`");
    assert_caught(floors::breaches, "src/watch/mod.rs", "use super::state::State;", "`watch` must not import `state`");
    assert_caught(floors::breaches, "src/runtime/mod.rs", "use crate::raft::Raft;", "`runtime` must not import `raft`");
    assert_caught(floors::breaches, "src/rpc/mod.rs", "use crate::raft::Raft;", "`rpc` must not import `raft`");
    assert_clean(floors::breaches, "src/raft/mod.rs", "use crate::{rpc::Pool, runtime::Runtime, state::State, model};");
    assert_clean(floors::breaches, "src/config/mod.rs", "use crate::model::NodeName;");
    assert_caught(floors::breaches, "src/model/mod.rs", "use crate::config::Config;", "`model` must not import `config`");
}

#[test]
fn a_rooms_own_modules_may_bear_the_name_of_another_room() {
    assert_clean(floors::breaches, "src/gossip/mod.rs", "mod state; use state::Table; use self::state::Row; fn f() { state::x() }");
    assert_clean(floors::breaches, "src/gossip/probe.rs", "use super::state::Table;");
}

#[test]
fn a_glob_of_the_root_is_caught() {
    assert_caught(floors::breaches, "src/gossip/mod.rs", "use crate::*;", "hides which rooms");
    assert_caught(floors::breaches, "src/gossip/mod.rs", "use super::*;", "hides which rooms");
    assert_clean(floors::breaches, "src/gossip/mod.rs", "mod tests { use super::*; }");
}

#[test]
fn a_room_without_a_place_is_caught() {
    let root = Source::parse("src/lib.rs", "pub mod model; pub mod attic;");
    assert_eq!(floors::unknown_rooms(&root).len(), 1);
}

#[test]
fn the_ambient_world_is_caught_on_every_floor() {
    for (text, expected) in [
        ("use std::time::Instant;", "std::time::Instant"),
        ("use std::time::{Duration, SystemTime as Clock};", "std::time::SystemTime"),
        ("use std::time; fn f() { time::Instant::now(); }", "std::time::Instant"),
        ("use std::collections::*;", "HashMap"),
        ("fn f() { let m = std::collections::HashMap::<u8, u8>::new(); }", "HashMap"),
        ("fn f() { assert!(std::collections::HashSet::<u8>::new().is_empty()); }", "HashSet"),
        ("use tokio::sync::{mpsc, watch};", "tokio::sync::watch"),
        ("use tokio::sync::broadcast::Sender;", "tokio::sync::broadcast"),
        ("use tokio as t; fn f() { t::spawn(g()); }", "tokio::spawn"),
        ("fn f() { tokio::time::sleep(d); }", "tokio::time"),
        ("use std::net::{IpAddr, UdpSocket};", "std::net::UdpSocket"),
        ("use rand::rng;", "rand::rng"),
        ("use sim::World;", "never imports the simulator"),
        ("async fn f() { tokio::select! { a = x => {} } }", "unbiased"),
        ("use tokio::select; async fn f() { select! { a = x => {} } }", "unbiased"),
    ] {
        assert_caught(bans::breaches, "src/server/mod.rs", text, expected);
    }
    assert_clean(bans::breaches, "src/server/mod.rs", "async fn f() { tokio::select! { biased; a = x => { a.await } } }");
    assert_clean(bans::breaches, "src/server/mod.rs", "use tokio::sync::{mpsc, oneshot, Mutex}; use std::sync::Mutex as M;");
    assert_clean(bans::breaches, "src/rpc/mod.rs", "mod tests { fn f() { tokio::spawn(g()); } }");
    assert_caught(bans::breaches, "src/state/mod.rs", "mod tests { fn f() { tokio::spawn(g()); } }", "tokio::spawn");
    assert_caught(bans::breaches, "src/rpc/mod.rs", "mod tests { use std::time::Instant; }", "std::time::Instant");
    assert_clean(bans::breaches, "src/runtime/tokio.rs", "use std::time::Instant; fn f() { tokio::spawn(g()); }");
}

#[test]
fn waiting_and_locking_below_the_runtime_is_caught() {
    for (text, expected) in [
        ("async fn f() {}", "async fn"),
        ("fn f() { let g = async { 1 }; }", "`async`"),
        ("fn f() { let g = async || 1; }", "`async`"),
        ("fn f() { run!(x.await); }", "`await`"),
        ("use std::sync::{Arc, Mutex};", "std::sync::Mutex"),
        ("use tokio::sync::mpsc;", "`tokio`"),
        ("use std::{fs, io};", "std::fs"),
    ] {
        assert_caught(bans::breaches, "src/agent/mod.rs", text, expected);
    }
    assert_clean(bans::breaches, "src/agent/mod.rs", "use std::sync::Arc; use std::net::SocketAddr; use std::time::Duration;");
}

#[test]
fn a_long_file_and_a_long_function_are_caught() {
    let long = format!("fn long() {{\n{}}}\n", "    f();\n".repeat(sizes::LONGEST_FUNCTION - 1));
    assert_caught(sizes::breaches, "src/model/a.rs", &long, "`long` has 71 lines");
    assert_caught(sizes::breaches, "src/model/a.rs", &format!("impl A {{ {long} }}"), "`long` has 71 lines");
    let right = format!("fn right() {{\n{}}}\n", "    f();\n".repeat(sizes::LONGEST_FUNCTION - 2));
    assert_clean(sizes::breaches, "src/model/a.rs", &right);
    assert_caught(sizes::breaches, "src/model/a.rs", &"// line\n".repeat(501), "501 lines");
    assert_clean(sizes::breaches, "src/model/a.rs", &"// line\n".repeat(500));
}

#[test]
fn names_that_say_nothing_are_caught() {
    for text in [
        "mod util {}",
        "mod helpers;",
        "struct ConnectionManager;",
        "enum NodeInfo {}",
        "fn get_node() {}",
        "fn do_it() {}",
        "fn process_packet() {}",
        "trait CommonThings {}",
        "type MiscError = u8;",
        "impl A { fn get_x(&self) {} }",
        "trait T { fn helper(&self); }",
    ] {
        assert_caught(names::breaches, "src/model/a.rs", text, "name what it is");
    }
    assert_clean(names::breaches, "src/model/a.rs", "impl Map for A { fn get_x(&self) {} } fn get() {} fn database() {} struct Processor;");
    assert_clean(names::breaches, "src/cli/mod.rs", "mod info; enum DataDirError {} fn lock_data_dir() {} #[test] fn info_is_shown() {}");
    assert_caught(names::breaches, "src/cli/mod.rs", "fn data_of_dir() {}", "data");
}
