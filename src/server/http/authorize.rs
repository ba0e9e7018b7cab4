//! The one step at which a request's token is held against what it wants. Until there are rules it lets everything pass.

use crate::api::ApiError;
use crate::api::params::Params;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;

/// What is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource {
    /// Nothing: open to all.
    Nothing,
    /// An agent.
    Agent,
    /// A node of the catalog.
    Node,
    /// A service.
    Service,
    /// A key.
    Key,
    /// The cluster itself.
    Operator,
    /// The rules about all of these, and with them everything.
    Acl,
}

/// What is done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// It is seen.
    Read,
    /// It is changed.
    Write,
}

/// The permission a route needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Need {
    /// To what.
    pub(super) resource: Resource,
    /// How.
    pub(super) access: Access,
}

/// The token a request carries: the parameter goes before Consul's header, that before the standard one.
pub(super) fn token<'a>(params: &'a Params<'_>, headers: &'a HeaderMap) -> Option<&'a str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    let bearer = || text(AUTHORIZATION.as_str())?.strip_prefix("Bearer ").map(str::trim);
    params.value("token").or_else(|| text("x-consul-token")).or_else(bearer)
}

/// Refuses what `token` may not do to the part of a resource called `segment`.
pub(super) fn authorize(_token: Option<&str>, need: Need, _segment: &[u8]) -> Result<(), ApiError> {
    match need.resource {
        Resource::Nothing | Resource::Agent | Resource::Node | Resource::Service | Resource::Key | Resource::Operator | Resource::Acl => {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::token;
    use crate::api::params::Params;
    use hyper::HeaderMap;

    #[test]
    fn the_parameter_goes_before_the_header_and_that_before_the_bearer() {
        let mut headers = HeaderMap::new();
        assert_eq!(token(&Params::parse("token="), &headers), None);
        headers.insert("authorization", "Bearer c".parse().unwrap());
        assert_eq!(token(&Params::default(), &headers), Some("c"));
        headers.insert("x-consul-token", "b".parse().unwrap());
        assert_eq!(token(&Params::default(), &headers), Some("b"));
        assert_eq!(token(&Params::parse("token=a"), &headers), Some("a"));
    }
}
