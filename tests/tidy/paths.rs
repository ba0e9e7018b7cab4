//! Every path a source names, resolved through its imports and modules to where it begins: in our crate or in another.

use super::source::Source;
use proc_macro2::{Delimiter, TokenStream, TokenTree};
use std::collections::BTreeMap;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// A path named somewhere. The first segment is `crate` for our own modules and the crate's name for any other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The segments, resolved.
    pub path: Vec<String>,
    /// Where.
    pub line: usize,
    /// Whether everything below the path is imported.
    pub glob: bool,
    /// Whether it stands in a module of tests.
    pub in_tests: bool,
}

/// All paths a source names: imports however grouped or renamed, paths in code, in macros and in attributes.
pub fn mentions(source: &Source) -> Vec<Mention> {
    let mut survey = Survey { scopes: vec![Scope::of(&source.module, &source.tree.items)], found: Vec::new() };
    survey.visit_file(&source.tree);
    survey.found
}

/// A module's own names: what it imports (renamed or not) and which modules it has.
struct Scope {
    module: Vec<String>,
    names: BTreeMap<String, Vec<String>>,
}

impl Scope {
    fn of(module: &[String], items: &[syn::Item]) -> Scope {
        let mut names = BTreeMap::new();
        for item in items {
            match item {
                syn::Item::Use(import) => {
                    let rooted = import.leading_colon.is_some();
                    for leaf in leaves(&import.tree, rooted) {
                        names.extend(leaf.name.clone().map(|name| (name, leaf.path.clone())));
                    }
                }
                syn::Item::Mod(inner) => {
                    let path = ["self".to_owned(), inner.ident.to_string()].to_vec();
                    names.insert(inner.ident.to_string(), path);
                }
                syn::Item::ExternCrate(outer) => {
                    let target = if outer.ident == "self" { "crate".to_owned() } else { outer.ident.to_string() };
                    let name = outer.rename.as_ref().map_or(&outer.ident, |(_, name)| name).to_string();
                    names.insert(name, vec![target]);
                }
                _ => {}
            }
        }
        Scope { module: module.to_vec(), names }
    }
}

/// One import of a tree: its path as written and the name it gives.
struct Leaf {
    path: Vec<String>,
    name: Option<String>,
    line: usize,
    glob: bool,
}

fn leaves(tree: &syn::UseTree, rooted: bool) -> Vec<Leaf> {
    let mut out = Vec::new();
    let start = if rooted { vec!["::".to_owned()] } else { Vec::new() };
    descend(tree, &start, &mut out);
    out
}

fn descend(tree: &syn::UseTree, above: &[String], out: &mut Vec<Leaf>) {
    let line = tree.span().start().line;
    let with = |ident: &syn::Ident| above.iter().cloned().chain([plain(ident)]).collect::<Vec<_>>();
    let leaf = |ident: &syn::Ident, name: &syn::Ident| {
        let path = if ident == "self" && !above.is_empty() { above.to_vec() } else { with(ident) };
        let name = if name == "self" { path.last().cloned() } else { Some(plain(name)) };
        Leaf { path, name, line, glob: false }
    };
    match tree {
        syn::UseTree::Path(path) => descend(&path.tree, &with(&path.ident), out),
        syn::UseTree::Name(name) => out.push(leaf(&name.ident, &name.ident)),
        syn::UseTree::Rename(rename) => out.push(leaf(&rename.ident, &rename.rename)),
        syn::UseTree::Glob(_) => out.push(Leaf { path: above.to_vec(), name: None, line, glob: true }),
        syn::UseTree::Group(group) => group.items.iter().for_each(|item| descend(item, above, out)),
    }
}

fn plain(ident: &syn::Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

struct Survey {
    scopes: Vec<Scope>,
    found: Vec<Mention>,
}

impl Survey {
    fn note(&mut self, path: &[String], line: usize, glob: bool) {
        let path = self.resolve(path, self.scopes.len(), 0);
        let in_tests = self.scopes.last().is_some_and(|scope| scope.module.iter().any(|module| module == "tests"));
        self.found.push(Mention { path, line, glob, in_tests });
    }

    /// Follows `crate`, `self`, `super` and the names of the innermost `scopes` scopes. A name may stand for another: `hops` bounds the chain.
    fn resolve(&self, path: &[String], scopes: usize, hops: usize) -> Vec<String> {
        let Some((first, rest)) = path.split_first() else { return Vec::new() };
        let below = |module: &[String]| [&["crate".to_owned()], module, rest].concat();
        let module = &self.scopes[scopes - 1].module;
        match first.as_str() {
            "::" => rest.to_vec(),
            "crate" | "muster" => below(&[]),
            "self" => below(module),
            "super" => {
                let supers = path.iter().take_while(|s| *s == "super").count();
                let up = &module[..module.len().saturating_sub(supers)];
                [&["crate".to_owned()], up, &path[supers..]].concat()
            }
            name => {
                let known = self.scopes[..scopes].iter().enumerate().rev().find_map(|(i, s)| Some((i + 1, s.names.get(name)?)));
                match known {
                    Some((scope, target)) if hops < 8 && target != path => {
                        let target = self.resolve(target, scope, hops + 1);
                        [target.as_slice(), rest].concat()
                    }
                    Some(_) | None => path.to_vec(),
                }
            }
        }
    }

    /// Paths in the tokens of a macro or an attribute, where there is no syntax tree.
    fn scan(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let (mut line, mut joined, mut colons) = (0, false, 0);
        for token in tokens {
            match &token {
                TokenTree::Punct(p) if p.as_char() == ':' => {
                    colons += 1;
                    joined = colons == 2;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    if !joined {
                        self.flush(&mut path, line);
                        line = ident.span().start().line;
                    }
                    path.push(plain(ident));
                }
                TokenTree::Group(group) => {
                    // `crate::{a, b}` in a macro: each of the group goes on from the path so far.
                    let prefix = if joined && group.delimiter() == Delimiter::Brace { std::mem::take(&mut path) } else { Vec::new() };
                    self.flush(&mut path, line);
                    self.scan_group(&prefix, group.stream());
                }
                TokenTree::Literal(literal) => self.scan_text(&literal.to_string(), literal.span().start().line),
                TokenTree::Punct(_) => self.flush(&mut path, line),
            }
            (joined, colons) = (false, 0);
        }
        self.flush(&mut path, line);
    }

    fn scan_group(&mut self, prefix: &[String], tokens: TokenStream) {
        if let (false, Some(TokenTree::Ident(first))) = (prefix.is_empty(), tokens.clone().into_iter().next()) {
            let path: Vec<String> = prefix.iter().cloned().chain([plain(&first)]).collect();
            self.note(&path, first.span().start().line, false);
        }
        self.scan(tokens);
    }

    /// `#[serde(with = "crate::..")]` names a path in a string.
    fn scan_text(&mut self, text: &str, line: usize) {
        let text = text.trim_matches('"');
        if text.starts_with("crate::") || text.starts_with("super::") || text.starts_with("muster::") {
            let path: Vec<String> = text.split("::").map(str::to_owned).collect();
            self.note(&path, line, false);
        }
    }

    fn flush(&mut self, path: &mut Vec<String>, line: usize) {
        if !path.is_empty() {
            self.note(&std::mem::take(path), line, false);
        }
    }
}

impl<'ast> Visit<'ast> for Survey {
    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        for leaf in leaves(&import.tree, import.leading_colon.is_some()) {
            self.note(&leaf.path, leaf.line, leaf.glob);
        }
    }

    fn visit_item_mod(&mut self, inner: &'ast syn::ItemMod) {
        let Some((_, items)) = &inner.content else { return };
        let above = &self.scopes.last().expect("the file's own").module;
        let module: Vec<String> = above.iter().cloned().chain([inner.ident.to_string()]).collect();
        self.scopes.push(Scope::of(&module, items));
        visit::visit_item_mod(self, inner);
        self.scopes.pop();
    }

    /// A block may import too.
    fn visit_block(&mut self, block: &'ast syn::Block) {
        let items: Vec<syn::Item> =
            block.stmts.iter().filter_map(|s| if let syn::Stmt::Item(item) = s { Some(item.clone()) } else { None }).collect();
        let module = self.scopes.last().expect("the file's own").module.clone();
        self.scopes.push(Scope::of(&module, &items));
        visit::visit_block(self, block);
        self.scopes.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments: Vec<String> = path.segments.iter().map(|s| plain(&s.ident)).collect();
        if path.leading_colon.is_some() {
            segments.insert(0, "::".to_owned());
        }
        self.note(&segments, path.span().start().line, false);
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.scan(call.tokens.clone());
        visit::visit_macro(self, call);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta {
            self.scan(list.tokens.clone());
        }
        visit::visit_attribute(self, attribute);
    }
}
