//! Why a definition was refused.

use std::fmt;

/// What kind of mistake it is. Consul tells a body that it cannot read apart from one that it can read and does not take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// It is no definition: an unknown field, or a value of the wrong type.
    Unreadable,
    /// A file has a key that there is not; the text is what may be said after its name.
    UnknownKey,
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

    /// The same where the definition stands under `path`.
    pub(in crate::config) fn below(self, path: &str) -> DefinitionError {
        let dot = if self.field.is_empty() { "" } else { "." };
        DefinitionError { field: format!("{path}{dot}{}", self.field), ..self }
    }

    pub(super) fn rule(field: impl Into<String>, text: impl Into<String>) -> DefinitionError {
        DefinitionError { mistake: Mistake::Rule, field: field.into(), text: text.into() }
    }
}

/// The field and what is wrong with it, for whoever wrote a file.
impl fmt::Display for DefinitionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.mistake {
            Mistake::UnknownKey => write!(f, "invalid config key {}{}", self.field, self.text),
            Mistake::Unreadable | Mistake::Rule if self.field.is_empty() => f.write_str(&self.text),
            Mistake::Unreadable | Mistake::Rule => write!(f, "{}: {}", self.field, self.text),
        }
    }
}

impl std::error::Error for DefinitionError {}
