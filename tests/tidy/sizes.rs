//! How long files and functions may be.

use super::Breach;
use super::source::Source;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Lines of a file.
pub const LONGEST_FILE: usize = 500;
/// Lines of a function, from its signature to its closing brace.
pub const LONGEST_FUNCTION: usize = 70;

/// Files and functions over the bounds.
pub fn breaches(source: &Source) -> Vec<Breach> {
    let mut functions = Functions { source, found: Vec::new() };
    functions.visit_file(&source.tree);
    if source.lines > LONGEST_FILE {
        let what = format!("{} lines, more than {LONGEST_FILE}", source.lines);
        functions.found.push(Breach::at(source, source.lines, what));
    }
    functions.found
}

struct Functions<'a> {
    source: &'a Source,
    found: Vec<Breach>,
}

impl Functions<'_> {
    fn measure(&mut self, signature: &syn::Signature, block: &syn::Block) {
        let (start, end) = (signature.span().start().line, block.span().end().line);
        let lines = end - start + 1;
        if lines > LONGEST_FUNCTION {
            let what = format!("`{}` has {lines} lines, more than {LONGEST_FUNCTION}", signature.ident);
            self.found.push(Breach::at(self.source, start, what));
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig, &function.block);
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.measure(&function.sig, block);
        }
        visit::visit_trait_item_fn(self, function);
    }
}
