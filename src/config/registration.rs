//! What the configuration says of services and checks: definitions, and how the agent looks after what is registered.

use super::Config;
use super::place::{Place, Placed, Places};
use super::reader::Reader;
use crate::model::{CheckDefinition, Probe, ServiceDefinition, Tree, VerdictSource};
use std::collections::BTreeSet;
use std::time::Duration;

/// How checks are run and told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckTuning {
    /// `enable_script_checks`, `enable_local_script_checks`.
    pub scripts: ScriptChecks,
    /// `check_update_interval`: about how long the catalog may not know of an output that changed while the status did not; zero tells at once.
    pub update_interval: Duration,
    /// `check_output_max_size`: the most output kept of a check, in bytes; a check may ask for less.
    pub output_max_size: usize,
    /// `discard_check_output`: no output is kept.
    pub discard_output: bool,
}

/// Which checks may run programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScriptChecks {
    /// None.
    Off,
    /// Those of definition files.
    Files,
    /// Those that came over HTTP too.
    All,
}

/// The definitions of all sources.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) services: Vec<ServiceDefinition>,
    pub(super) checks: Vec<CheckDefinition>,
    pub(super) places: Places,
}

pub(super) fn definitions(reader: &mut Reader<'_>) -> Definitions {
    let settings = reader.settings;
    let (mut services, mut checks, mut places) = (Vec::new(), Vec::new(), Places::default());
    for Placed { place, definition } in ["service", "services"].into_iter().flat_map(|path| settings.services(path)) {
        services.push(definition.clone());
        places.services.push(place.clone());
    }
    for Placed { place, definition } in ["check", "checks"].into_iter().flat_map(|path| settings.checks(path)) {
        checks.push(definition.clone());
        places.checks.push(place.clone());
    }
    let definitions = Definitions { services, checks, places };
    let ids = definitions.services.iter().map(|service| service.spec.id.as_str());
    reader.warnings.extend(
        repeated(ids).map(|id| format!("service {id:?} is defined more than once; the last definition counts: give each its own id")),
    );
    let ids = definitions.checks.iter().map(|check| check.id.as_str());
    reader.warnings.extend(
        repeated(ids).map(|id| format!("check {id:?} is defined more than once; the last definition counts: give each its own id")),
    );
    definitions
}

/// What comes more than once, each told once.
fn repeated<'a>(ids: impl Iterator<Item = &'a str>) -> impl Iterator<Item = &'a str> {
    let (mut seen, mut told) = (BTreeSet::new(), BTreeSet::new());
    ids.filter(move |id| !seen.insert(*id) && told.insert(*id))
}

pub(super) fn checks(reader: &mut Reader<'_>) -> CheckTuning {
    let everywhere = reader.switch("enable_script_checks", false);
    let scripts = match (everywhere, reader.switch("enable_local_script_checks", false)) {
        (true, _) => ScriptChecks::All,
        (false, true) => ScriptChecks::Files,
        (false, false) => ScriptChecks::Off,
    };
    // Whoever can write over HTTP can run any program as the agent's user.
    if everywhere && reader.settings.texts("http_config.allow_write_http_from").is_empty() {
        reader.warnings.push(
            "enable_script_checks lets everyone who reaches the HTTP port run programs as this agent's user: use enable_local_script_checks, or \
             limit who may write with http_config.allow_write_http_from"
                .to_owned(),
        );
    }
    let output_max_size = reader.int("check_output_max_size", 4096, 1, 1 << 20);
    CheckTuning {
        scripts,
        update_interval: reader.span("check_update_interval", Duration::from_secs(300), Duration::ZERO),
        output_max_size: usize::try_from(output_max_size).expect("within its bounds"),
        discard_output: reader.switch("discard_check_output", false),
    }
}

impl Config {
    /// The checks in definition files that run programs although `policy` does not let them: where they stand, and their ids. An agent with any of
    /// them does not start, and does not take them at a reload.
    pub fn refused_scripts(&self, policy: ScriptChecks) -> Vec<(Place, &str)> {
        match policy {
            ScriptChecks::Files | ScriptChecks::All => Vec::new(),
            ScriptChecks::Off => {
                self.placed_checks().filter(|(_, check)| runs_programs(&check.probe)).map(|(at, check)| (at, check.id.as_str())).collect()
            }
        }
    }

    /// Where a check stands that belongs to no service of these definitions but to `service`, by the key that says so.
    pub fn place_of_check_for(&self, service: &str) -> Option<Place> {
        let mut alone = self.places.checks.iter().zip(&self.checks);
        alone.find(|(_, check)| check.service_id == service).map(|(place, _)| place.key("service_id"))
    }

    /// Where the check that is called `id` stands.
    pub fn place_of_check(&self, id: &str) -> Option<Place> {
        self.placed_checks().find(|(_, check)| check.id == id).map(|(place, _)| place)
    }

    fn placed_checks(&self) -> impl Iterator<Item = (Place, &CheckDefinition)> {
        let of_services = self.places.services.iter().zip(&self.services);
        let inside = of_services.flat_map(|(place, service)| service.checks.iter().map(|check| (place.key("checks"), check)));
        inside.chain(self.places.checks.iter().cloned().zip(&self.checks))
    }
}

/// Whether a probe, or a part of it, runs a program: on this machine or in a container.
pub fn runs_programs(probe: &Probe) -> bool {
    match probe.source() {
        VerdictSource::Program => true,
        VerdictSource::Parts(tree) => tree_runs_programs(tree),
        VerdictSource::News { .. } | VerdictSource::Others | VerdictSource::Network => false,
    }
}

fn tree_runs_programs(tree: &Tree) -> bool {
    match tree {
        Tree::All(branches) | Tree::Any(branches) => branches.iter().any(tree_runs_programs),
        Tree::Leaf(check) => runs_programs(&check.probe),
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckTuning, Place, ScriptChecks};
    use crate::config::{Config, ConfigError, Format, Host, Source, Sources, load};
    use std::time::Duration;

    fn of_files(files: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let own = ("own.hcl", r#"data_dir = "/d" bind_addr = "127.0.0.1""#);
        let source =
            |(name, text): (&str, &str)| Source { name: name.to_owned(), format: Format::of_file(name).unwrap(), text: text.to_owned() };
        let files = files.iter().copied().chain([own]).map(source).collect();
        load(&Sources { files, ..Sources::default() }, &Host { name: "box".to_owned(), ..Host::default() })
    }

    #[test]
    fn definitions_of_all_files_add_up() {
        let config = of_files(&[
            ("a.json", r#"{"service":{"name":"web","check":{"ttl":"30s"}},"checks":[{"name":"disk","ttl":"60s"},null]}"#),
            ("b.hcl", "service { name = \"db\" }\nservice { name = \"cache\" }\nservices = [{ name = \"x\" id = \"x1\" }]"),
            ("c.json", r#"{"check":{"ID":"mem","Name":"Memory","TTL":"60s"},"services":[]}"#),
        ])
        .unwrap();
        let names: Vec<&str> = config.services.iter().map(|service| service.spec.id.as_str()).collect();
        assert_eq!(names, ["web", "db", "cache", "x1"]);
        assert_eq!(config.services[0].checks[0].id, "service:web");
        assert_eq!(config.checks.iter().map(|check| check.id.as_str()).collect::<Vec<_>>(), ["mem", "disk"]);
        assert!(config.warnings.is_empty(), "{:?}", config.warnings);
    }

    #[test]
    fn every_mistake_in_a_file_is_told_with_file_and_field() {
        let error = of_files(&[
            ("good.hcl", "service { name = \"db\" }"),
            (
                "bad.json",
                r#"{"services":[{"name":"a"},{"prot":1},{"name":"c","check":{"http":"x","interval":"5"}}],"check":{"ttl":"1s"},"service":7}"#,
            ),
        ])
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "failed to parse bad.json: 4 errors occurred:\n\
             \t* check.name: Missing check name\n\
             \t* service: must be a block, not a number\n\
             \t* invalid config key services[1].prot; did you mean port?\n\
             \t* services[2].check.interval: time: missing unit in duration \"5\""
        );
    }

    #[test]
    fn a_definition_that_another_replaces_is_warned_of_once() {
        let config = of_files(&[("a.hcl", "services = [{ name = \"w\" }, { name = \"w\" }, { name = \"w\" id = \"w\" }]")]).unwrap();
        assert_eq!(config.warnings, ["service \"w\" is defined more than once; the last definition counts: give each its own id"]);
    }

    #[test]
    fn how_checks_are_looked_after_is_read() {
        let tuning = |text: &str| of_files(&[("a.hcl", text)]).unwrap().check_tuning;
        let minutes = |n: u64| Duration::from_secs(60 * n);
        let default = CheckTuning { scripts: ScriptChecks::Off, update_interval: minutes(5), output_max_size: 4096, discard_output: false };
        assert_eq!(tuning(""), default);
        let text =
            "enable_local_script_checks = true check_update_interval = \"0s\" check_output_max_size = 10 discard_check_output = true";
        assert_eq!(
            tuning(text),
            CheckTuning { scripts: ScriptChecks::Files, update_interval: minutes(0), output_max_size: 10, discard_output: true }
        );
        let open = of_files(&[("a.hcl", "enable_script_checks = true")]).unwrap();
        assert_eq!((open.check_tuning.scripts, open.warnings.len()), (ScriptChecks::All, 1));
        assert!(of_files(&[("a.hcl", "check_output_max_size = 0")]).is_err());
    }

    #[test]
    fn a_definition_is_found_where_it_stands() {
        let config = of_files(&[
            ("a.json", r#"{"service":{"name":"web"},"check":{"name":"web","ttl":"1s","service_id":"web"}}"#),
            ("b.hcl", "checks = [{ name = \"x\" ttl = \"1s\" }, { name = \"y\" ttl = \"1s\" service_id = \"nobody\" }]"),
            ("c.hcl", "services = [{ name = \"db\" checks = [{ ttl = \"1s\" }] }]"),
        ])
        .unwrap();
        let told = |place: Option<Place>| place.map(|place| place.to_string());
        assert_eq!(told(config.place_of_check_for("nobody")).as_deref(), Some("b.hcl: checks[1].service_id"));
        assert_eq!(told(config.place_of_check("service:db")).as_deref(), Some("c.hcl: services[0].checks"));
        assert_eq!((told(config.place_of_check_for("db")), told(config.place_of_check("db"))), (None, None));
    }

    #[test]
    fn programs_in_files_are_found_wherever_they_stand() {
        let files = |enabled: bool| {
            let text = format!(
                "enable_local_script_checks = {enabled}\n\
                 service {{ name = \"a\" check {{ args = [\"true\"] interval = \"1s\" }} }}\n\
                 check {{ name = \"t\" any = [{{ all = [{{ args = [\"true\"] docker_container_id = \"c\" }}] }}] interval = \"1s\" }}\n\
                 check {{ name = \"h\" http = \"http://x\" interval = \"1s\" }}"
            );
            of_files(&[("a.hcl", &text)]).unwrap()
        };
        let config = files(false);
        let refused: Vec<String> = config.refused_scripts(ScriptChecks::Off).iter().map(|(place, id)| format!("{place} {id}")).collect();
        assert_eq!(refused, ["a.hcl: service.checks service:a", "a.hcl: check[0] t"]);
        assert!(files(true).refused_scripts(ScriptChecks::Files).is_empty());
    }
}
