use super::wire::{serve, settings};

/// The text between quotes behind `"name":`.
fn field<'a>(text: &'a str, name: &str) -> &'a str {
    let behind = text.split_once(&format!("\"{name}\":\"")).expect("it is there").1;
    behind.split_once('"').expect("it ends").0
}

#[test]
fn a_lock_gives_a_token_that_holds_until_the_lock_is_lost() {
    serve(settings(), async |served| {
        served.put("/v1/catalog/register", br#"{"Node":"n","Address":"10.0.0.1"}"#).await;
        let created = served.put("/v1/session/create", br#"{"Node":"n","NodeChecks":[],"LockDelay":"0s"}"#).await;
        assert_eq!(created.status, 200, "{}", created.text());
        let session = field(created.text(), "ID").to_owned();
        let taken = served.put(&format!("/v1/kv/lock?acquire={session}"), b"1").await;
        assert_eq!((taken.status, taken.text()), (200, "true"));
        let token = taken.header("X-Muster-Lock-Token").expect("a token").to_owned();
        assert!(token.starts_with(&session), "{token}");
        let held = served.get(&format!("/v1/lock/verify?token={token}")).await;
        assert_eq!((held.status, field(held.text(), "Key")), (200, "lock"));
        assert!(held.text().starts_with("{\"Valid\":true,\"Reason\":\"\""), "{}", held.text());
        assert_eq!(served.put(&format!("/v1/kv/guarded?fence={token}"), b"1").await.text(), "true");
        assert_eq!(served.put(&format!("/v1/session/destroy/{session}"), b"").await.text(), "true");
        let lost = served.get(&format!("/v1/lock/verify?token={token}")).await;
        assert_eq!((lost.status, lost.text().starts_with("{\"Valid\":false,")), (409, true));
        for refused in [
            served.put(&format!("/v1/kv/guarded?fence={token}"), b"2").await,
            served.ask("DELETE", &format!("/v1/kv/guarded?fence={token}"), b"").await,
        ] {
            assert_eq!(refused.status, 409);
            assert!(refused.text().contains("nobody holds it"), "{}", refused.text());
        }
        assert_eq!(served.get("/v1/kv/guarded?raw").await.text(), "1");
    });
}

#[test]
fn a_token_that_is_missing_or_none_is_refused() {
    serve(settings(), async |served| {
        for target in ["/v1/lock/verify", "/v1/lock/verify?token=x"] {
            assert_eq!(served.get(target).await.status, 400, "{target}");
        }
        assert_eq!(served.put("/v1/kv/a?fence=x", b"1").await.status, 400);
        assert_eq!(served.get("/v1/kv/a").await.status, 404);
    });
}

#[test]
fn a_key_with_a_ttl_is_refreshed_without_a_change() {
    serve(settings(), async |served| {
        assert_eq!(served.put("/v1/kv/a?ttl-refresh", b"").await.text(), "false");
        assert_eq!(served.put("/v1/kv/a?ttl=30s", b"1").await.text(), "true");
        let index = served.get("/v1/kv/a").await.index();
        assert_eq!(served.put("/v1/kv/a?ttl-refresh", b"").await.text(), "true");
        assert_eq!(served.get("/v1/kv/a").await.index(), index);
        served.put("/v1/kv/a", b"1").await;
        assert_eq!(served.put("/v1/kv/a?ttl-refresh", b"").await.text(), "false", "a plain write makes it stay");
        let refused = served.put("/v1/kv/a?ttl=10ms", b"1").await;
        assert_eq!(refused.status, 400);
        assert!(refused.text().contains("between 1s and 24h0m0s"), "{}", refused.text());
    });
}

#[test]
fn a_session_is_renewed_and_one_that_is_gone_is_404() {
    serve(settings(), async |served| {
        served.put("/v1/catalog/register", br#"{"Node":"n","Address":"10.0.0.1"}"#).await;
        let created = served.put("/v1/session/create", br#"{"Node":"n","NodeChecks":[],"TTL":"30s"}"#).await;
        let session = field(created.text(), "ID").to_owned();
        let renewed = served.put(&format!("/v1/session/renew/{session}"), b"").await;
        assert_eq!((renewed.status, field(renewed.text(), "ID"), field(renewed.text(), "TTL")), (200, session.as_str(), "30s"));
        served.put(&format!("/v1/session/destroy/{session}"), b"").await;
        let gone = served.put(&format!("/v1/session/renew/{session}"), b"").await;
        assert_eq!((gone.status, gone.text().to_owned()), (404, format!("Session id '{session}' not found")));
    });
}
