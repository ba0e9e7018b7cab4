//! What may not be named where: clocks, chance, sockets, locks and unordered maps.

use super::Breach;
use super::floors::place;
use super::paths::mentions;
use super::source::Source;
use proc_macro2::TokenTree;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// The floor from which on code may wait, hold sockets and lock.
const FIRST_WAITING_FLOOR: u8 = 4;

/// The production side of the Runtime: the one place that touches the world.
const DOOR: &str = "src/runtime/tokio";

/// Where the production agent is started.
const START: &str = "src/server/production";

/// What the floors above the door may take from tokio besides its IO traits: these behave the same on both sides.
const SHARED_WITH_TOKIO: [&str; 7] = ["mpsc", "oneshot", "Mutex", "OwnedMutexGuard", "Notify", "Semaphore", "OwnedSemaphorePermit"];

/// Paths nobody names outside the door, and why.
const AMBIENT: [(&str, &str); 25] = [
    ("std::time::Instant", "ask Runtime::now"),
    ("std::time::SystemTime", "ask Runtime::wall"),
    ("std::thread", "spawn through the Runtime"),
    ("std::collections::HashMap", "iterates in random order: use BTreeMap"),
    ("std::collections::HashSet", "iterates in random order: use BTreeSet"),
    ("std::collections::hash_map", "iterates in random order: use BTreeMap"),
    ("std::collections::hash_set", "iterates in random order: use BTreeSet"),
    ("hashbrown", "its default hasher is seeded with an address"),
    ("std::net::TcpStream", "connect through the Runtime"),
    ("std::net::TcpListener", "listen through the Runtime"),
    ("std::net::UdpSocket", "bind through the Runtime"),
    ("tokio::spawn", "spawn through the Runtime"),
    ("tokio::task", "spawn through the Runtime"),
    ("tokio::time", "sleep through the Runtime"),
    ("tokio::net", "the network is the Runtime's"),
    ("tokio::fs", "the disk is the Runtime's"),
    ("tokio::runtime", "only the Runtime starts one"),
    ("tokio::signal", "signals are the Runtime's"),
    ("tokio::process", "child processes are the Runtime's"),
    ("rand::rng", "draw through the Runtime"),
    ("rand::random", "draw through the Runtime"),
    ("rand::thread_rng", "draw through the Runtime"),
    ("futures_util::select", "polls in random order: use tokio::select! { biased; .. }"),
    ("madsim", "the product never imports the simulator"),
    ("sim", "the product never imports the simulator"),
];

/// Paths nobody names below the floors that may wait.
const WORLDLY: [(&str, &str); 8] = [
    ("tokio", "nothing below the runtime waits"),
    ("std::fs", "nothing below the runtime touches the disk"),
    ("std::process", "nothing below the runtime starts processes"),
    ("std::env", "nothing below the runtime reads the environment"),
    ("std::sync::Mutex", "nothing below the runtime locks"),
    ("std::sync::RwLock", "nothing below the runtime locks"),
    ("std::sync::Condvar", "nothing below the runtime locks"),
    ("std::sync::mpsc", "nothing below the runtime waits"),
];

/// Everything named where it may not be. Tests above the door may run on tokio and real sockets: that is the side
/// they test.
pub fn breaches(source: &Source) -> Vec<Breach> {
    if source.path.starts_with(DOOR) {
        return Vec::new();
    }
    let waits = place(source.room()).is_none_or(|place| place.floor >= FIRST_WAITING_FLOOR);
    let mut found = Vec::new();
    for mention in mentions(source) {
        let on_tokio = waits && mention.in_tests;
        let ambient = AMBIENT
            .iter()
            .filter(|(path, _)| !is_exempt(source, path) && !(on_tokio && (path.starts_with("tokio::") || path.starts_with("std::net::"))));
        let worldly = WORLDLY.iter().filter(|_| !waits);
        for (path, reason) in ambient.chain(worldly).filter(|(path, _)| lies_below(&mention.path, mention.glob, path)) {
            found.push(Breach::at(source, mention.line, format!("`{path}` is not used here: {reason}")));
        }
        if let ["tokio", "sync", what, ..] = mention.path.iter().map(String::as_str).collect::<Vec<_>>()[..]
            && !SHARED_WITH_TOKIO.contains(&what)
        {
            found.push(Breach::at(source, mention.line, format!("`tokio::sync::{what}` does not behave the same in the simulator")));
        }
    }
    let mut syntax = Syntax { source, waits, found };
    syntax.visit_file(&source.tree);
    syntax.found
}

/// The commands, and the function that starts the production agent, run in a process of their own, outside any simulation.
fn is_exempt(source: &Source, path: &str) -> bool {
    let is_command = source.path.starts_with("src/cli/") || source.path == "src/main.rs";
    let is_start = source.path.starts_with(START);
    is_command && matches!(path, "tokio::runtime" | "tokio::signal" | "std::net::TcpStream" | "std::thread")
        || is_start && matches!(path, "tokio::runtime" | "tokio::signal")
}

/// Whether a path is, or lies below, a banned one. A glob import of its parent names it too.
fn lies_below(path: &[String], glob: bool, banned: &str) -> bool {
    let banned: Vec<&str> = banned.split("::").collect();
    let core = path.first().is_some_and(|first| first == "core" || first == "alloc") && banned[0] == "std";
    let same = |(a, b): (&String, &&str)| a == b || (core && *b == "std");
    let covers = path.iter().zip(&banned).all(same);
    covers && (path.len() >= banned.len() || (glob && path.len() + 1 == banned.len()))
}

struct Syntax<'a> {
    source: &'a Source,
    waits: bool,
    found: Vec<Breach>,
}

impl Syntax<'_> {
    fn waiting(&mut self, line: usize, what: &str) {
        if !self.waits {
            self.found.push(Breach::at(self.source, line, format!("`{what}` below the runtime: nothing here waits")));
        }
    }

    fn tokens(&mut self, tokens: proc_macro2::TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if ident == "async" || ident == "await" => {
                    self.waiting(ident.span().start().line, &ident.to_string());
                }
                TokenTree::Group(group) => self.tokens(group.stream()),
                TokenTree::Ident(_) | TokenTree::Punct(_) | TokenTree::Literal(_) => {}
            }
        }
    }
}

impl<'ast> Visit<'ast> for Syntax<'_> {
    fn visit_signature(&mut self, signature: &'ast syn::Signature) {
        if signature.asyncness.is_some() {
            self.waiting(signature.span().start().line, "async fn");
        }
        visit::visit_signature(self, signature);
    }

    fn visit_expr_async(&mut self, block: &'ast syn::ExprAsync) {
        self.waiting(block.span().start().line, "async");
        visit::visit_expr_async(self, block);
    }

    fn visit_expr_closure(&mut self, closure: &'ast syn::ExprClosure) {
        if closure.asyncness.is_some() {
            self.waiting(closure.span().start().line, "async");
        }
        visit::visit_expr_closure(self, closure);
    }

    fn visit_expr_await(&mut self, wait: &'ast syn::ExprAwait) {
        self.waiting(wait.span().start().line, "await");
        visit::visit_expr_await(self, wait);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        let is_select = call.path.segments.last().is_some_and(|s| s.ident == "select");
        let is_biased = matches!(call.tokens.clone().into_iter().next(), Some(TokenTree::Ident(first)) if first == "biased");
        if is_select && !is_biased {
            let what = "an unbiased `select!` polls in random order: begin it with `biased;`";
            self.found.push(Breach::at(self.source, call.span().start().line, what));
        }
        self.tokens(call.tokens.clone());
        visit::visit_macro(self, call);
    }
}
