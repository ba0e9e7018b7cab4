//! Names of modules, types and functions that say nothing.

use super::Breach;
use super::source::Source;
use syn::visit::{self, Visit};

/// Words that no name of ours contains.
const EMPTY_WORDS: [&str; 9] = ["manager", "helper", "helpers", "util", "utils", "common", "misc", "data", "info"];

/// Runs of words that Consul's surface dictates, and where they come from: they may stand in any name.
const DICTATED: [(&[&str], &str); 2] = [(&["data", "dir"], "the configuration key `data_dir`"), (&["info"], "the command `muster info`")];

/// Names of ours that are on the list of words not to use.
pub fn breaches(source: &Source) -> Vec<Breach> {
    let mut names = Names { source, found: Vec::new() };
    names.visit_file(&source.tree);
    names.found
}

/// What is wrong with a name, if anything.
fn fault(name: &str) -> Option<String> {
    let mut words = words(name);
    for (run, _) in DICTATED {
        if words == run {
            return None;
        }
        if let (true, Some(start)) = (run.len() > 1, words.windows(run.len()).position(|w| w == run)) {
            words.drain(start..start + run.len());
        }
    }
    let empty = words.iter().find(|word| EMPTY_WORDS.contains(&word.as_str()));
    let starts_empty = words.first().filter(|first| matches!(first.as_str(), "do" | "get") && words.len() > 1);
    let processes = words.first().filter(|first| *first == "process");
    empty.or(starts_empty).or(processes).map(|word| format!("`{name}` says \"{word}\": name what it is or does"))
}

/// The words of a snake_case or CamelCase name, in lower case.
fn words(name: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut fresh = true;
    for letter in name.trim_start_matches("r#").chars() {
        if letter == '_' {
            fresh = true;
            continue;
        }
        if fresh || letter.is_uppercase() {
            out.push(String::new());
        }
        fresh = false;
        out.last_mut().expect("just pushed").extend(letter.to_lowercase());
    }
    out
}

struct Names<'a> {
    source: &'a Source,
    found: Vec<Breach>,
}

impl Names<'_> {
    fn judge(&mut self, ident: &syn::Ident) {
        if let Some(what) = fault(&ident.to_string()) {
            self.found.push(Breach::at(self.source, ident.span().start().line, what));
        }
    }
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        self.judge(&item.ident);
        visit::visit_item_mod(self, item);
    }

    fn visit_item_struct(&mut self, item: &'ast syn::ItemStruct) {
        self.judge(&item.ident);
    }

    fn visit_item_enum(&mut self, item: &'ast syn::ItemEnum) {
        self.judge(&item.ident);
    }

    fn visit_item_trait(&mut self, item: &'ast syn::ItemTrait) {
        self.judge(&item.ident);
        visit::visit_item_trait(self, item);
    }

    fn visit_item_type(&mut self, item: &'ast syn::ItemType) {
        self.judge(&item.ident);
    }

    /// A test's name is a sentence, free to use any word.
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        if !item.attrs.iter().any(|attribute| attribute.path().segments.last().is_some_and(|s| s.ident == "test")) {
            self.judge(&item.sig.ident);
        }
        visit::visit_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        self.judge(&item.sig.ident);
        visit::visit_trait_item_fn(self, item);
    }

    /// The functions of a trait's implementation are named by the trait.
    fn visit_item_impl(&mut self, item: &'ast syn::ItemImpl) {
        if item.trait_.is_none() {
            let functions = item.items.iter().filter_map(|i| if let syn::ImplItem::Fn(f) = i { Some(f) } else { None });
            functions.for_each(|function| self.judge(&function.sig.ident));
        }
        visit::visit_item_impl(self, item);
    }
}
