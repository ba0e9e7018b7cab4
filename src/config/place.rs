//! Where in the sources a definition stands: what is refused later, when the agent's registrations are known, is told with its file and field.

use std::fmt;

/// Where a definition stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file or fragment.
    pub source: String,
    /// The key, from the root of the source: `services[1].checks`.
    pub field: String,
}

impl Place {
    /// A key of the definition that stands here.
    pub(super) fn key(&self, name: &str) -> Place {
        Place { source: self.source.clone(), field: format!("{}.{name}", self.field) }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.source, self.field)
    }
}

/// A definition and where it stands. Two are equal if they say the same, wherever.
#[derive(Debug, Clone)]
pub(super) struct Placed<T> {
    pub(super) place: Place,
    pub(super) definition: T,
}

impl<T: PartialEq> PartialEq for Placed<T> {
    fn eq(&self, other: &Placed<T>) -> bool {
        self.definition == other.definition
    }
}

/// Where the definitions of a configuration stand, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// Those of the services.
    pub services: Vec<Place>,
    /// Those of the checks that stand outside a service's definition.
    pub checks: Vec<Place>,
}
