//! Watches: what is looked at, and what is done when it has changed. One reader for configuration files and the `watch` command.

use super::definition::{DefinitionError, Dialect, Field, Fields, Shape, Value, field};
use super::tree::Tree;
use crate::model::{HttpProbe, Redirects, TlsProbe, Trust};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long an HTTP handler may take unless it says so.
const HTTP_TIMEOUT: Duration = Duration::from_secs(10);

/// What is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// One key.
    Key(String),
    /// The keys with a prefix.
    KeyPrefix(String),
    /// The names of all services.
    Services,
    /// All nodes.
    Nodes,
    /// A service's instances.
    Service {
        /// Its name.
        name: String,
        /// Tags that instances must have.
        tags: Vec<String>,
        /// Whether only those count all of whose checks pass.
        passing: bool,
    },
    /// The checks of a service.
    ChecksOf(String),
    /// The checks that stand so; `any` is all.
    ChecksIn(String),
    /// User events; of this name, if one is given.
    Event(Option<String>),
    /// Questions of this name (ours): the handler's output is the answer.
    Query(String),
}

impl Target {
    /// Reads a type and its parameters; `given` looks one up.
    ///
    /// # Errors
    /// An unknown type, or a parameter that it needs and has not.
    pub fn parse(kind: &str, tags: Vec<String>, passing: bool, given: impl Fn(&str) -> Option<String>) -> Result<Target, String> {
        let some = |name: &str| given(name).filter(|value| !value.is_empty());
        let needed = |name: &str| some(name).ok_or_else(|| format!("a watch of type {kind} must have a {name}"));
        Ok(match kind {
            "key" => Target::Key(needed("key")?),
            "keyprefix" => Target::KeyPrefix(needed("prefix")?),
            "services" => Target::Services,
            "nodes" => Target::Nodes,
            "service" => Target::Service { name: needed("service")?, tags, passing },
            "checks" => match (some("service"), some("state")) {
                (Some(_), Some(_)) => return Err("a watch of type checks has a service or a state, not both".to_owned()),
                (Some(service), None) => Target::ChecksOf(service),
                (None, state) => Target::ChecksIn(state.unwrap_or_else(|| "any".to_owned())),
            },
            "event" => Target::Event(some("name")),
            "query" => Target::Query(needed("name")?),
            "connect_roots" | "connect_leaf" | "agent_service" => return Err(format!("watches of type {kind} are not in this version")),
            other => {
                let known = "key, keyprefix, services, nodes, service, checks, event or query";
                return Err(format!("watch type {other:?} must be {known}"));
            }
        })
    }

    /// What it is called in the log.
    pub fn label(&self) -> String {
        match self {
            Target::Key(key) => format!("key {key}"),
            Target::KeyPrefix(prefix) => format!("keyprefix {prefix}"),
            Target::Services => "services".to_owned(),
            Target::Nodes => "nodes".to_owned(),
            Target::Service { name, .. } => format!("service {name}"),
            Target::ChecksOf(service) => format!("checks of {service}"),
            Target::ChecksIn(state) => format!("checks in {state}"),
            Target::Event(name) => format!("event {}", name.as_deref().unwrap_or("(any)")),
            Target::Query(name) => format!("query {name}"),
        }
    }
}

/// What is done when something changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Handler {
    /// A program is run with the news on its standard input.
    Script {
        /// Program and arguments.
        args: Vec<String>,
        /// What it is told, and how.
        contract: Contract,
    },
    /// The news is sent; the body is filled in then.
    Http {
        /// Where to and how.
        request: Box<HttpProbe>,
        /// How long that may take.
        timeout: Duration,
    },
}

/// What a handler's program is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contract {
    /// Consul's: all the news as JSON on standard input, its index in `CONSUL_INDEX`.
    Consul,
    /// Serf's: one run for each event or question, its payload on standard input, the rest in `SERF_` variables.
    Serf,
}

/// A watch of a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Watch {
    /// What is watched.
    pub target: Target,
    /// What is done.
    pub handler: Handler,
    /// Whether any server may answer, with what it has.
    pub stale: bool,
    /// Whether the handler is told what there is when the agent starts (ours: `initial`).
    pub initial: bool,
}

impl Watch {
    /// Whether its handler runs a program.
    pub fn runs_program(&self) -> bool {
        matches!(self.handler, Handler::Script { .. })
    }
}

static WATCH: Shape = Shape { name: "Watch", fields: &[TARGET_FIELDS, HANDLER_FIELDS] };

const TARGET_FIELDS: &[Field] = &[
    field("Type", "type"),
    field("Key", "key"),
    field("Prefix", "prefix"),
    field("Service", "service"),
    field("Tag", "tag"),
    field("PassingOnly", "passingonly"),
    field("State", "state"),
    field("Name", "name"),
];

const HANDLER_FIELDS: &[Field] = &[
    field("HandlerType", "handler_type"),
    field("Handler", "handler"),
    field("Args", "args"),
    field("HTTPHandlerConfig", "http_handler_config"),
    field("Datacenter", "datacenter"),
    field("Token", "token"),
    field("Stale", "stale"),
    field("Initial", "initial"),
];

static HTTP: Shape = Shape {
    name: "HttpHandlerConfig",
    fields: &[&[
        field("Path", "path"),
        field("Method", "method"),
        field("Timeout", "timeout"),
        field("Header", "header"),
        field("TLSSkipVerify", "tls_skip_verify"),
    ]],
};

/// Reads one of `watches`.
pub(super) fn watch_from_file(block: &Tree) -> Result<Watch, DefinitionError> {
    let value = Value::from(block);
    let fields = Fields::open(&value, &WATCH, Dialect::File, String::new())?;
    let tags = match fields.given("Tag") {
        Some(Value::Text(tag)) => vec![tag.clone()],
        _ => fields.texts("Tag")?,
    };
    let mut parameters = BTreeMap::new();
    for (name, field) in [("key", "Key"), ("prefix", "Prefix"), ("service", "Service"), ("state", "State"), ("name", "Name")] {
        parameters.insert(name, fields.text(field)?);
    }
    let passing = fields.switch("PassingOnly")?.unwrap_or(false);
    let target = Target::parse(&fields.text("Type")?, tags, passing, |name| parameters.get(name).cloned());
    let target = target.map_err(|text| fields.broken("Type", text))?;
    let (stale, initial) = (fields.switch("Stale")?.unwrap_or(false), fields.switch("Initial")?.unwrap_or(true));
    let handler = handler(&fields, &target)?;
    Ok(Watch { target, handler, stale, initial })
}

fn handler(fields: &Fields<'_>, target: &Target) -> Result<Handler, DefinitionError> {
    let (line, args) = (fields.text("Handler")?, fields.texts("Args")?);
    let kind = fields.text("HandlerType")?;
    let contract = match (kind.as_str(), target) {
        ("serf", Target::Event(_)) | ("" | "script" | "serf", Target::Query(_)) => Contract::Serf,
        ("serf", _) => return Err(fields.broken("HandlerType", "\"serf\" is for watches of type event and query")),
        ("http", Target::Query(_)) => return Err(fields.broken("HandlerType", "\"http\" cannot answer a query")),
        (_, _) => Contract::Consul,
    };
    match kind.as_str() {
        "" | "script" | "serf" => match (line.is_empty(), args.is_empty()) {
            (false, false) => Err(fields.broken("Args", "must not be given beside handler")),
            (true, true) => Err(fields.broken("Args", "must name a program: args = [\"/usr/bin/handler\"]")),
            (true, false) => Ok(Handler::Script { args, contract }),
            (false, true) => Ok(Handler::Script { args: vec!["sh".to_owned(), "-c".to_owned(), line], contract }),
        },
        "http" => http(fields),
        other => Err(fields.broken("HandlerType", format!("{other:?} must be script, serf or http"))),
    }
}

fn http(fields: &Fields<'_>) -> Result<Handler, DefinitionError> {
    let absent = Value::Null;
    let given = fields.given("HTTPHandlerConfig").unwrap_or(&absent);
    let config = Fields::open(given, &HTTP, Dialect::File, fields.path_of("HTTPHandlerConfig"))?;
    let url = config.text("Path")?;
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return Err(config.broken("Path", format!("{url:?} must be an address: http://host:port/path")));
    }
    let method = Some(config.text("Method")?).filter(|method| !method.is_empty()).unwrap_or_else(|| "POST".to_owned());
    let timeout = Some(config.span("Timeout")?).filter(|timeout| !timeout.is_zero()).unwrap_or(HTTP_TIMEOUT);
    let trust = if config.switch("TLSSkipVerify")?.unwrap_or(false) { Trust::Any } else { Trust::default() };
    let tls = TlsProbe { trust, server_name: String::new() };
    let headers = config.texts_map("Header")?;
    let request = HttpProbe { url, method, headers, body: String::new(), tls, redirects: Redirects::Follow, expect: None };
    Ok(Handler::Http { request: Box::new(request), timeout })
}

#[cfg(test)]
mod tests {
    use super::{Contract, Handler, Target, Watch};
    use crate::config::{Config, Host, Profile, Sources, load};
    use std::time::Duration;

    fn config(text: &str) -> Result<Config, String> {
        let sources = Sources { profile: Profile::Dev, fragments: vec![text.to_owned()], ..Sources::default() };
        load(&sources, &Host { name: "box".to_owned(), ..Host::default() }).map_err(|error| error.to_string())
    }

    fn watches(text: &str) -> Vec<Watch> {
        config(text).unwrap().watches
    }

    #[test]
    fn a_watch_is_read_with_its_handler() {
        let found = watches(
            r#"watches = [{ type = "key", key = "a/b", args = ["/bin/handler", "-v"] },
                { type = "service", service = "web", tag = ["v1", "eu"], passingonly = true, handler = "cat > /tmp/x", stale = true },
                { type = "event", handler_type = "http", initial = false,
                  http_handler_config { path = "https://127.0.0.1/hook", timeout = "5s", header = { X-Foo = ["bar"] }, tls_skip_verify = true } }]"#,
        );
        assert_eq!(found[0].target, Target::Key("a/b".to_owned()));
        assert_eq!(
            found[0].handler,
            Handler::Script { args: vec!["/bin/handler".to_owned(), "-v".to_owned()], contract: Contract::Consul }
        );
        assert!(found[0].initial && !found[0].stale);
        let tags = vec!["v1".to_owned(), "eu".to_owned()];
        assert_eq!(found[1].target, Target::Service { name: "web".to_owned(), tags, passing: true });
        assert_eq!(
            found[1].handler,
            Handler::Script { args: ["sh", "-c", "cat > /tmp/x"].map(str::to_owned).to_vec(), contract: Contract::Consul }
        );
        assert!(found[1].stale && found[1].runs_program());
        let Handler::Http { request, timeout } = &found[2].handler else { panic!("{:?}", found[2]) };
        assert_eq!((request.url.as_str(), request.method.as_str(), *timeout), ("https://127.0.0.1/hook", "POST", Duration::from_secs(5)));
        assert_eq!(request.headers["X-Foo"], ["bar"]);
        assert!(!found[2].initial && !found[2].runs_program());
    }

    #[test]
    fn who_answers_questions_is_told_as_serf_tells() {
        let found = watches(
            r#"watches = [{ type = "query", name = "load", args = ["uptime"] }, { type = "event", name = "deploy", handler_type = "serf", handler = "x" }]"#,
        );
        assert_eq!(found[0].target, Target::Query("load".to_owned()));
        assert!(found.iter().all(|watch| matches!(watch.handler, Handler::Script { contract: Contract::Serf, .. })));
        for wrong in
            [r#"{ type = "nodes", handler_type = "serf", handler = "x" }"#, r#"{ type = "query", name = "x", handler_type = "http" }"#]
        {
            assert!(config(&format!("watches = [{wrong}]")).unwrap_err().contains("handler_type"), "{wrong}");
        }
    }

    #[test]
    fn what_is_no_watch_is_refused_by_its_place() {
        for (text, said) in [
            (r#"{ type = "key", args = ["x"] }"#, "watches[0].type: a watch of type key must have a key"),
            (r#"{ type = "keys", key = "x", args = ["x"] }"#, "watches[0].type: watch type \"keys\" must be key, keyprefix"),
            (r#"{ type = "nodes" }"#, "watches[0].args: must name a program"),
            (r#"{ type = "nodes", handler = "x", args = ["x"] }"#, "watches[0].args: must not be given beside handler"),
            (r#"{ type = "nodes", handler_type = "mail" }"#, "watches[0].handler_type: \"mail\" must be script, serf or http"),
            (r#"{ type = "nodes", handler_type = "http" }"#, "http_handler_config.path: \"\" must be an address"),
            (r#"{ type = "connect_roots", args = ["x"] }"#, "are not in this version"),
            (r#"{ type = "checks", service = "a", state = "passing", args = ["x"] }"#, "not both"),
            (r#"{ type = "nodes", args = ["x"], bogus = 1 }"#, "invalid config key watches[0].bogus"),
        ] {
            let error = config(&format!("watches = [{text}]")).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
