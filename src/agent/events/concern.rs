//! Whom an event is for: regular expressions found in the names of nodes, services and tags.

use crate::agent::local::LocalView;
use crate::gossip::Scope;
use regex::{Regex, RegexBuilder};

/// The largest compiled expression, in bytes: any member can send one.
const LARGEST: usize = 1 << 20;

/// A scope made ready.
#[derive(Debug)]
pub struct Concern {
    node: Option<Regex>,
    service: Option<Regex>,
    tag: Option<Regex>,
}

/// Why a scope is none. The texts are Consul's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScopeError {
    /// Tags are those of services.
    #[error("Cannot provide tag filter without service filter")]
    TagAlone,
    /// No regular expression.
    #[error("Invalid {which} filter: error parsing regexp: {why}")]
    Expression {
        /// `node`, `service` or `tag`.
        which: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl Concern {
    /// Makes a scope ready.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn of(scope: &Scope) -> Result<Concern, ScopeError> {
        if !scope.tag.is_empty() && scope.service.is_empty() {
            return Err(ScopeError::TagAlone);
        }
        Ok(Concern {
            node: expression("node", &scope.node)?,
            service: expression("service", &scope.service)?,
            tag: expression("tag", &scope.tag)?,
        })
    }

    /// Whether it takes in an agent of this name with these services.
    pub fn takes(&self, node: &str, view: &LocalView) -> bool {
        let tagged = |tags: &[String]| self.tag.as_ref().is_none_or(|tag| tags.iter().any(|one| tag.is_match(one)));
        let served = |service: &Regex| {
            let found = view.services.values().map(|service| &service.spec);
            found.into_iter().any(|spec| service.is_match(&spec.name) && tagged(&spec.tags))
        };
        self.node.as_ref().is_none_or(|expression| expression.is_match(node)) && self.service.as_ref().is_none_or(served)
    }
}

fn expression(which: &'static str, text: &str) -> Result<Option<Regex>, ScopeError> {
    if text.is_empty() {
        return Ok(None);
    }
    let built = RegexBuilder::new(text).size_limit(LARGEST).build();
    let expression = built.map_err(|error| {
        // The last line tells what is wrong; those before it draw where.
        let why = error.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
        ScopeError::Expression { which, why }
    })?;
    Ok(Some(expression))
}

#[cfg(test)]
mod tests {
    use super::{Concern, ScopeError};
    use crate::agent::local::{LocalService, LocalView, Origin};
    use crate::gossip::Scope;
    use crate::model::ServiceSpec;
    use std::sync::Arc;

    fn scope(node: &str, service: &str, tag: &str) -> Scope {
        Scope { node: node.to_owned(), service: service.to_owned(), tag: tag.to_owned() }
    }

    fn view() -> LocalView {
        let mut view = LocalView::default();
        for (id, tags) in [("web", &["v1", "eu"][..]), ("db", &["primary"][..])] {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let spec = ServiceSpec { tags, ..ServiceSpec::new(id, id) };
            view.services.insert(id.into(), Arc::new(LocalService { spec, origin: Origin::Api, token: String::new() }));
        }
        view
    }

    fn takes(node: &str, service: &str, tag: &str) -> bool {
        Concern::of(&scope(node, service, tag)).unwrap().takes("web-17", &view())
    }

    #[test]
    fn expressions_are_found_anywhere_in_a_name() {
        assert!(takes("", "", "") && takes("17", "", "") && takes("^web-[0-9]+$", "", ""));
        assert!(!takes("^eb", "", "") && !takes("db", "", ""));
    }

    #[test]
    fn a_tag_counts_on_the_service_that_was_meant() {
        assert!(takes("", "we", "") && takes("", "web", "^v") && takes("", "^db$", "prim"));
        assert!(!takes("", "web", "primary") && !takes("", "cache", "") && !takes("db", "web", ""));
    }

    #[test]
    fn what_is_no_scope_is_refused() {
        assert_eq!(Concern::of(&scope("", "", "v1")).unwrap_err(), ScopeError::TagAlone);
        for (bad, which) in [(scope("(", "", ""), "node"), (scope("", "(", ""), "service"), (scope("", "x", "["), "tag")] {
            let text = Concern::of(&bad).unwrap_err().to_string();
            assert!(text.starts_with(&format!("Invalid {which} filter: ")), "{text}");
        }
        assert!(Concern::of(&scope("(a{1000}){1000}", "", "")).is_err(), "and nothing large is built");
    }
}
