//! Lines of `lock` and `run` that are refused before anything is asked or started, and of changes under a lock.

use super::{Fake, out, refusal};

#[test]
fn lock_needs_a_prefix_a_command_and_flags_that_make_sense() {
    let fake = Fake::default();
    for (line, why) in [
        ("lock", "Key prefix and child command must be specified"),
        ("lock x", "Key prefix and child command must be specified"),
        ("lock / true", "Key prefix must not be empty"),
        ("lock -n=0 x true", "Lock holder limit must be positive"),
        ("lock -n=-1 x true", "invalid value \"-1\" for flag -n: must be a whole number, not negative"),
        ("lock -try=0s x true", "Timeout must be positive: -try is how long to try"),
        ("lock -try=1s -timeout=1s x true", "Give either -try or -timeout, not both"),
    ] {
        assert_eq!(refusal(&fake.line(line)), why, "{line}");
    }
    for flag in ["ttl", "lock-delay", "timeout", "try"] {
        let why = refusal(&fake.line(&format!("lock -{flag}=soon x true")));
        assert!(why.starts_with(&format!("invalid value \"soon\" for flag -{flag}: ")), "{why}");
    }
    assert!(refusal(&fake.line("lock -http-addr=https://a x true")).contains("asks for https"));
    assert_eq!(refusal(&fake.line("lock-guard")), "lock-guard is for `muster lock` to start");
    assert_eq!(refusal(&fake.line("tethered -- true")), "tethered is for `muster lock` and `muster run` to start");
    assert!(fake.requests().is_empty());
}

#[test]
fn run_needs_a_service_and_a_command() {
    let fake = Fake::default();
    assert_eq!(refusal(&fake.line("run -- true")), "Give -service, the name under which it is found");
    assert_eq!(refusal(&fake.line("run -service=web --")), "Give the command that is the service, after --");
    let why = refusal(&fake.line("run -service=web -check-interval=0s -- true"));
    assert_eq!(why, "invalid value \"0s\" for flag -check-interval: must be above zero");
    assert!(refusal(&fake.line("run -service=web -port=x -- true")).contains("-port"));
    assert!(fake.requests().is_empty());
}

#[test]
fn a_change_may_carry_the_token_of_a_lock_and_a_key_may_have_a_ttl() {
    let fake = Fake::answering(&[
        ("PUT /v1/kv/a?fence=t.1.2.a2V5", 200, "true"),
        ("PUT /v1/kv/b?fence=old", 409, "the lock is lost"),
        ("PUT /v1/kv/a?ttl=30s", 200, "true"),
        ("PUT /v1/kv/a?ttl-refresh=true", 200, "true"),
        ("DELETE /v1/kv/a?fence=t", 200, "true"),
    ]);
    assert_eq!(out(&fake.line("kv put -fence=t.1.2.a2V5 a x")), "Success! Data written to: a\n");
    assert_eq!(
        refusal(&fake.line("kv put -fence=old b x")),
        "Error! Failed writing data: Unexpected response code: 409 (the lock is lost)"
    );
    assert_eq!(out(&fake.line("kv put -ttl=30s a x")), "Success! Data written to: a\n");
    assert_eq!(out(&fake.line("kv put -ttl-refresh a")), "Success! Data written to: a\n");
    assert_eq!(out(&fake.line("kv delete -fence=t a")), "Success! Deleted key: a\n");
}
