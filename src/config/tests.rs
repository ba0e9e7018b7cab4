//! Sources in, a [`Config`] or the exact text of the refusal out.

use super::{Config, Flag, Format, Host, HostAddress, Profile, Source, Sources, TelemetryTuning, load};
use proptest::prelude::*;
use std::time::Duration;

fn host() -> Host {
    let address = |interface: &str, ip: &str| HostAddress {
        interface: interface.to_owned(),
        ip: ip.parse().unwrap(),
        on_default_route: interface == "eth0",
    };
    Host { name: "box-1".to_owned(), addresses: vec![address("lo", "127.0.0.1"), address("eth0", "10.9.8.7")] }
}

fn hcl(text: &str) -> Source {
    Source { name: "a.hcl".to_owned(), format: Format::Hcl, text: text.to_owned() }
}

fn json(text: &str) -> Source {
    Source { name: "a.json".to_owned(), format: Format::Json, text: text.to_owned() }
}

fn parse(text: &str) -> Result<Config, String> {
    let text = format!("data_dir = \"/d\"\n{text}");
    load(&Sources { files: vec![hcl(&text)], ..Sources::default() }, &host()).map_err(|e| e.to_string())
}

fn flag(name: &str, value: &str) -> (&'static Flag, String) {
    (Flag::find(name).unwrap(), value.to_owned())
}

#[test]
fn an_agent_that_only_knows_its_folder_is_a_client_on_the_usual_ports() {
    let config = parse("").unwrap();
    assert_eq!(config.node_name.as_str(), "box-1");
    assert_eq!(config.datacenter.as_str(), "dc1");
    assert!(!config.server && config.leave_on_terminate && !config.skip_leave_on_interrupt);
    assert_eq!(config.advertise_addr.to_string(), "10.9.8.7");
    assert_eq!(config.listen.serf_lan.to_string(), "0.0.0.0:8301");
    assert_eq!((config.listen.rpc, config.listen.serf_wan), (None, None));
    assert_eq!(config.listen.http, ["127.0.0.1:8500".parse().unwrap()]);
    assert_eq!(config.listen.dns, ["127.0.0.1:8600".parse().unwrap()]);
    assert_eq!(config.gossip_lan, super::GossipTuning::lan());
    assert_eq!(config.raft.election_timeout(), (Duration::from_millis(250), Duration::from_millis(400)));
    assert_eq!((config.limits.http_max_conns_per_client, config.limits.kv_max_value_size), (200, 524_288));
    assert!(config.ignored_keys.is_empty() && config.warnings.is_empty());
}

#[test]
fn dev_is_a_server_of_its_own_on_loopback_without_a_folder() {
    let sources = Sources { profile: Profile::Dev, ..Sources::default() };
    let config = load(&sources, &host()).unwrap();
    assert!(config.dev && config.server && config.enable_debug);
    assert_eq!((config.bootstrap_expect, config.data_dir), (1, None));
    assert_eq!(config.listen.rpc, Some("127.0.0.1:8300".parse().unwrap()));
    assert_eq!(config.gossip_lan, super::GossipTuning::local());
    assert_eq!(config.log_level, "debug");
    assert!(config.warnings.is_empty());
}

#[test]
fn the_files_of_the_benchmark_and_of_the_conformance_runner_load() {
    let bench = r#"{"node_name": "n1", "data_dir": "/d", "bind_addr": "127.0.0.2", "client_addr": "127.0.0.2", "server": true,
        "ports": {"http": 28500, "dns": 28600, "serf_lan": 28301, "serf_wan": -1, "server": 28300, "grpc": -1, "https": -1},
        "retry_join": ["127.0.0.3:28301"], "retry_interval": "1s", "performance": {"raft_multiplier": 1},
        "limits": {"http_max_conns_per_client": 12000, "rpc_max_conns_per_client": 1000}, "log_level": "warn",
        "disable_update_check": true, "rejoin_after_leave": false, "bootstrap_expect": 3}"#;
    let config = load(&Sources { files: vec![json(bench)], ..Sources::default() }, &host()).unwrap();
    assert_eq!(config.listen.rpc, Some("127.0.0.2:28300".parse().unwrap()));
    assert_eq!(config.listen.serf_wan, None);
    assert_eq!((config.bootstrap_expect, config.limits.http_max_conns_per_client), (3, 12_000));
    assert_eq!(config.retry_join, ["127.0.0.3:28301"]);
    assert_eq!(config.ignored_keys, ["disable_update_check", "ports.grpc"]);

    let conformance = r#"{"node_name": "golden", "datacenter": "dc1", "bind_addr": "127.0.0.1", "client_addr": "127.0.0.1", "log_level": "info",
        "ports": {"http": 20001, "dns": 20002, "server": 20003, "serf_lan": 20004, "serf_wan": 20005, "https": -1, "grpc": -1},
        "disable_update_check": true}"#;
    let sources = Sources { profile: Profile::Dev, files: vec![json(conformance)], ..Sources::default() };
    let config = load(&sources, &host()).unwrap();
    assert_eq!(config.listen.serf_wan, Some("127.0.0.1:20005".parse().unwrap()));
    assert_eq!(config.log_level, "info");
}

#[test]
fn later_sources_replace_append_and_add() {
    let sources = Sources {
        profile: Profile::Production,
        files: vec![
            hcl("data_dir = \"/one\" retry_join = [\"file1\"] node_meta { a = \"1\" b = \"1\" } datacenter = \"one\""),
            json(r#"{"data_dir": "/two", "retry_join": ["file2"], "node_meta": {"b": "2"}, "ports": {"http": 1}}"#),
        ],
        flags: vec![
            flag("retry-join", "flag1"),
            flag("datacenter", "two"),
            flag("retry-join", "flag2"),
            flag("node-meta", "c:3:3"),
            flag("http-port", "2"),
            flag("server", "true"),
        ],
        fragments: vec!["datacenter = \"three\" ports { dns = 3 }".to_owned()],
    };
    let config = load(&sources, &host()).unwrap();
    assert_eq!(config.data_dir.unwrap().to_str(), Some("/two"));
    assert_eq!(config.retry_join, ["flag1", "flag2", "file1", "file2"]);
    let meta: Vec<_> = config.node_meta.iter().map(|(k, v)| format!("{k}={v}")).collect();
    assert_eq!(meta, ["a=1", "b=2", "c=3:3"]);
    assert_eq!(config.datacenter.as_str(), "three");
    assert_eq!((config.listen.http[0].port(), config.listen.dns[0].port(), config.server), (2, 3, true));
}

#[test]
fn the_cache_is_on_and_unbounded_unless_told_otherwise() {
    let usual = parse("").unwrap().cache;
    assert!(usual.http && usual.streaming && usual.publish);
    assert_eq!((usual.fetch_interval, usual.fetch_burst), (Duration::ZERO, 2));
    let told = "cache { entry_fetch_rate = 0.5 entry_fetch_max_burst = 7 } http_config { use_cache = false } use_streaming_backend = false";
    let told = parse(told).unwrap().cache;
    assert!(!told.http && !told.streaming && told.publish);
    assert_eq!((told.fetch_interval, told.fetch_burst), (Duration::from_secs(2), 7));
    assert!(parse("cache { entry_fetch_rate = -1.0 }").unwrap_err().contains("cache.entry_fetch_rate"));
}

#[test]
fn a_refusal_says_the_key_the_value_and_the_rule() {
    for (text, refusal) in [
        ("bind_addr = \"localhost\"", "bind_addr must be an ip address, and \"localhost\" is none"),
        ("bind_addr = \"10.0.0.1 10.0.0.2\"", "bind_addr cannot contain multiple addresses"),
        ("bind_addr = \"\"", "bind_addr cannot be empty"),
        ("advertise_addr = \"0.0.0.0\"", "Advertise address cannot be 0.0.0.0, :: or [::]"),
        ("client_addr = \"unix:///s\"", "client_addr \"unix:///s\" is a unix socket, which this version does not serve"),
        ("bootstrap_expect = 3", "'bootstrap_expect > 0' requires 'server = true'"),
        ("bootstrap = true", "'bootstrap = true' requires 'server = true'"),
        ("server = true bootstrap_expect = -1", "bootstrap_expect cannot be -1. Must be greater than or equal to zero"),
        ("server = true bootstrap_expect = 3 bootstrap = true", "'bootstrap_expect > 0' and 'bootstrap = true' are mutually exclusive"),
        ("datacenter = \"\"", "datacenter cannot be empty"),
        ("datacenter = \"a b\"", "datacenter can only contain lowercase alphanumeric, - or _ characters."),
        ("performance { raft_multiplier = 11 }", "performance.raft_multiplier cannot be 11. Must be between 1 and 10"),
        ("alt_domain = \"node.x\"", "alt_domain cannot start with {service,connect,node,query,addr,dc1}"),
        (
            "node_meta { \"consul-x\" = \"1\" }",
            "node_meta invalid: Couldn't load metadata pair ('consul-x', '1'): Key prefix 'consul-' is reserved for internal use",
        ),
        ("ports { http = 8300 dns = 8300 }", "HTTP address 127.0.0.1:8300 already configured for DNS"),
        ("session_ttl_min = \"25h\"", "session_ttl_min 25h0m0s must be between 0s and 24h0m0s"),
        ("ports { http = 70000 }", "ports.http 70000 must be between -1 and 65535"),
        ("ports { serf_lan = -1 }", "ports.serf_lan must be a valid port from 1 to 65535"),
        (
            "retry_join = [\"provider=aws tag_key=x\"]",
            "retry_join \"provider=aws tag_key=x\" asks a cloud provider for addresses, \
            which this version cannot: list hosts, or a DNS name that has them all",
        ),
        ("retry_join = [\"a:99999\"]", "retry_join \"a:99999\" must have a port from 1 to 65535, or none"),
        (
            "primary_datacenter = \"dc2\"",
            "primary_datacenter \"dc2\" must be our own datacenter \"dc1\": \
            this version does not federate datacenters",
        ),
        ("reconnect_timeout = \"0s\"", "reconnect_timeout 0s must be at least 1s"),
        ("node_name = \"\"", "node_name cannot be empty"),
        ("node_id = \"x\"", "node_id \"x\" must be a UUID such as adf4238a-882b-9ddc-4a9d-5b6758e4159e"),
        ("log_level = \"inof\"", "log_level \"inof\" must be one of trace, debug, info, warn, error; did you mean info?"),
        ("retry_max = -1", "retry_max -1 must be between 0 and 4294967295"),
        (
            "http_config { allow_write_http_from = [\"10.0.0.0\"] }",
            "http_config.allow_write_http_from \"10.0.0.0\" must be a network such as 10.0.0.0/8",
        ),
    ] {
        assert_eq!(parse(text).unwrap_err(), refusal, "{text}");
    }
}

#[test]
fn what_a_file_gets_wrong_is_told_all_at_once_with_the_nearest_known_key() {
    let text =
        "bogus = 1\ndata_dri = \"x\"\nports { htp = 1 }\nserver = \"yes\"\nretry_interval = 10\nmax_query_time = \"1\"\nrecursors = \"a\"";
    assert_eq!(
        parse(text).unwrap_err(),
        "failed to parse a.hcl: 7 errors occurred:\
         \n\t* invalid config key bogus\
         \n\t* invalid config key data_dri; did you mean data_dir?\
         \n\t* max_query_time \"1\" must be a duration, not negative, with a unit: \"300ms\", \"10s\" or \"1h30m\"\
         \n\t* invalid config key ports.htp; did you mean ports.http?\
         \n\t* recursors \"a\" must be a list of strings, not a string\
         \n\t* retry_interval 10 must be a string with a unit, like \"10s\", not a number\
         \n\t* server \"yes\" must be true or false, not a string"
    );
    let error = load(&Sources { files: vec![json("{ nope")], ..Sources::default() }, &host()).unwrap_err().to_string();
    assert!(error.starts_with("failed to parse a.json: 1 error occurred:\n\t* key must be a string at line 1"), "{error}");
    let error = load(&Sources { files: vec![json("[]")], ..Sources::default() }, &host()).unwrap_err().to_string();
    assert_eq!(error, "failed to parse a.json: 1 error occurred:\n\t* expected an object {...}, found a list");
}

#[test]
fn a_missing_data_dir_is_told() {
    assert_eq!(load(&Sources::default(), &host()).unwrap_err().to_string(), "data_dir cannot be empty");
}

#[test]
fn keys_that_ask_for_protection_there_is_none_of_refuse_the_start() {
    for (key, text) in [
        ("acl.enabled", "acl { enabled = true default_policy = \"deny\" }"),
        ("acl_datacenter", "acl_datacenter = \"dc1\""),
        ("encrypt", "encrypt = \"pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=\""),
        ("verify_incoming", "verify_incoming = true"),
        ("verify_incoming_rpc", "verify_incoming_rpc = true"),
        ("verify_incoming_https", "verify_incoming_https = true"),
        ("verify_outgoing", "verify_outgoing = true"),
        ("verify_server_hostname", "verify_server_hostname = true"),
        ("ca_file", "ca_file = \"a\""),
        ("ca_path", "ca_path = \"a\""),
        ("cert_file", "cert_file = \"a\""),
        ("key_file", "key_file = \"a\""),
        ("tls", "tls { defaults { verify_incoming = true } }"),
        ("auto_encrypt.tls", "auto_encrypt { tls = true }"),
        ("auto_encrypt.allow_tls", "auto_encrypt = { allow_tls = true }"),
        ("auto_config.enabled", "auto_config { enabled = true }"),
        ("serf_lan_allowed_cidrs", "serf_lan_allowed_cidrs = [\"10.0.0.0/8\"]"),
    ] {
        let refusal = parse(text).unwrap_err();
        assert!(refusal.starts_with(&format!("{key} asks for ")) && refusal.contains("refusing to start"), "{refusal}");
    }
    let open = "acl { enabled = false } encrypt = \"\" verify_incoming = false ca_file = \"\" ports { https = -1 } tls { defaults { ca_file = \"\" } }";
    assert!(parse(open).is_ok());
}

#[test]
fn a_file_of_hcl_may_be_json() {
    let config =
        load(&Sources { files: vec![hcl(" \n{\"data_dir\": \"/d\", \"node_name\": \"n9\"}")], ..Sources::default() }, &host()).unwrap();
    assert_eq!(config.node_name.as_str(), "n9");
    let broken = load(&Sources { files: vec![hcl("{\"data_dir\": }")], ..Sources::default() }, &host()).unwrap_err().to_string();
    assert!(broken.contains("a.hcl"), "{broken}");
}

#[test]
fn a_port_for_https_without_a_certificate_is_not_served_and_said() {
    let config = parse("ports { https = 8501 }").unwrap();
    assert!(config.warnings.iter().any(|warning| warning.starts_with("ports.https: nothing listens there")), "{:?}", config.warnings);
    assert!(parse("ports { https = -1 }").unwrap().warnings.is_empty());
    assert!(parse("ports { https = 8501 } cert_file = \"a\"").is_err(), "whoever has a certificate means it");
}

#[test]
fn names_of_metrics_have_the_prefix_and_the_host_as_asked_for() {
    let told = |text: &str| {
        let TelemetryTuning { prefix, hostname, .. } = parse(text).unwrap().telemetry;
        (prefix, hostname)
    };
    let name = || Some(host().name);
    assert_eq!(told(""), ("consul".to_owned(), None));
    assert_eq!(told("telemetry { prometheus_retention_time = \"60s\" }"), ("consul".to_owned(), name()));
    assert_eq!(told("telemetry { prometheus_retention_time = \"60s\" metrics_prefix = \"m\" }"), ("m".to_owned(), name()));
    assert_eq!(told("telemetry { prometheus_retention_time = \"60s\" disable_hostname = true }"), ("consul".to_owned(), None));
}

#[test]
fn what_has_no_effect_yet_is_named() {
    let config = parse("dns_config { prefer_namespace = true } ui = true connect { enabled = true }").unwrap();
    assert_eq!(config.ignored_keys, ["connect", "dns_config.prefer_namespace", "ui"]);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn what_works_but_is_seldom_meant_is_warned_of() {
    for (text, warned) in [("1", "is 1,"), ("2", "no fault tolerance"), ("4", "even")] {
        let config = parse(&format!("server = true bootstrap_expect = {text}")).unwrap();
        assert!(config.warnings[0].contains(warned), "{:?}", config.warnings);
    }
    assert!(parse("server = true bootstrap_expect = 3").unwrap().warnings.is_empty());
    let config = parse("gossip_lan { probe_timeout = \"2s\" } reconnect_timeout = \"1h\"").unwrap();
    assert_eq!((config.gossip_lan.probe_timeout, config.warnings.len()), (Duration::from_secs(1), 2));
    assert!(parse("node_name = \"a_b\"").unwrap().warnings[0].contains("cannot be looked up in DNS"));
}

#[test]
fn addresses_come_from_flags_templates_and_the_interfaces() {
    let config = parse("bind_addr = \"{{ GetInterfaceIP \\\"eth0\\\" }}\" client_addr = \"127.0.0.1 [::1]\" server = true").unwrap();
    assert_eq!(config.listen.rpc, Some("10.9.8.7:8300".parse().unwrap()));
    assert_eq!(config.listen.http, ["127.0.0.1:8500".parse().unwrap(), "[::1]:8500".parse().unwrap()]);
    let config = parse("bind_addr = \"::1\" advertise_addr_wan = \"1.2.3.4\" addresses { http = \"10.9.8.7\" } ports { dns = 0 }").unwrap();
    assert_eq!((config.advertise_addr.to_string(), config.advertise_addr_wan.to_string()), ("::1".to_owned(), "1.2.3.4".to_owned()));
    assert_eq!(config.listen.http, ["10.9.8.7:8500".parse().unwrap()]);
    assert!(config.listen.dns.is_empty());
}

#[test]
fn a_flag_with_a_bad_value_is_told_by_its_key() {
    let sources = Sources { flags: vec![flag("http-port", "x"), flag("node-meta", "y")], ..Sources::default() };
    assert_eq!(
        load(&sources, &host()).unwrap_err().to_string(),
        "failed to parse command line flags: 2 errors occurred:\
         \n\t* ports.http \"x\" must be a whole number, not a string\
         \n\t* node_meta \"y\" must be key:value"
    );
}

proptest! {
    #[test]
    fn no_text_panics_the_loader(text in "([a-z_]{1,12}( = |\\{|\"|\\[|\\]|\\}|,|:|[0-9]+|\n| )|\\PC)*") {
        for source in [json(&text), hcl(&text)] {
            let _ = load(&Sources { files: vec![source], fragments: vec![text.clone()], ..Sources::default() }, &host());
        }
    }

    #[test]
    fn no_value_of_a_known_key_panics_the_loader(key in 0usize..400, value in "-?[0-9]{1,20}|\"[ -!#-~]*\"|true|\\[\"[a-z:=./]*\"\\]|\\{\"[a-z]*\": \"x\"\\}") {
        let path = super::keys::all().nth(key % super::keys::all().count()).unwrap().path;
        let text = path.rsplit('.').fold(value, |inner, name| format!("{{\"{name}\": {inner}}}"));
        for profile in [Profile::Production, Profile::Dev] {
            let _ = load(&Sources { profile, files: vec![json(&text)], ..Sources::default() }, &host());
        }
    }
}
