//! The body of a prepared query, and its template.

use muster::api::query;
use muster::state::queries::check_template;

/// Reads `input` as a body, checks its rules and reads its template.
pub fn run(input: &[u8]) {
    let Ok(sent) = query::parse(input) else { return };
    let _ = query::check(&sent);
    let _ = check_template(&sent.spec);
}

/// Queries with a little of everything, and templates that are wrong somewhere.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    let of = |text: &str| text.as_bytes().to_vec();
    vec![
        ("plain", of(r#"{"Name":"q","Service":{"Service":"web","Tags":["!v1"],"Near":"_agent","NodeMeta":{"a":"b"}},"DNS":{"TTL":"5s"}}"#)),
        (
            "template",
            of(
                r#"{"Name":"geo-","Template":{"Type":"name_prefix_match","Regexp":"^geo-(.*?)-([^-]+?)$","RemoveEmptyTags":true},"Service":{"Service":"${match(1)}","Tags":["${match(2)}","${ name.suffix }","$${x}"],"Failover":{"NearestN":3,"Datacenters":["${agent.segment}"]}}}"#,
            ),
        ),
        ("unclosed", of(r#"{"Template":{"Type":"name_prefix_match"},"Service":{"Service":"é${name.full"}}"#)),
        ("regexp", of(r#"{"Template":{"Type":"name_prefix_match","Regexp":"(a{99}){99}("},"Service":{"Service":"s"}}"#)),
    ]
}
