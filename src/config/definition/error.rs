//! Why a definition was refused.

use std::fmt;

/// What kind of mistake it is. Consul tells a body that it cannot read apart from one that it can read and does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// It is no definition: an unknown field, or a value of the wrong type.
    Unreadable,
    /// It breaks a rule.
    Rule,
}

/// A refused definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefinitionError {
    /// What kind of mistake.
    pub mistake: Mistake,
    /// Which field, from the definition's root: `checks[1].interval`; empty for the definition as a whole.
    pub field: String,
    /// What is wrong, where Consul has words for it in those.
    pub text: String,
}

impl DefinitionError {
    pub(super) fn unreadable(field: impl Into<String>, text: impl Into<String>) -> DefinitionError {
        DefinitionError { mistake: Mistake::Unreadable, field: field.into(), text: text.into() }
    }

    pub(super) fn rule(field: impl Into<String>, text: impl Into<String>) -> DefinitionError {
        DefinitionError { mistake: Mistake::Rule, field: field.into(), text: text.into() }
    }
}

/// The field and what is wrong with it, for whoever wrote a file.
impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { f.write_str(&self.text) } else { write!(f, "{}: {}", self.field, self.text) }
    }
}

impl std::error::Error for DefinitionError {}
