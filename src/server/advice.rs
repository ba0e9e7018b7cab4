//! What an operator should hear about definitions that are valid and may still not do what is hoped for.

use crate::agent::local::lint;
use crate::model::{CheckDefinition, ServiceDefinition};

/// A sentence for each service of `services` whose checks say little about its work or whose name DNS cannot answer. `checks` are those that stand outside of the services'
/// definitions.
pub fn advice(services: &[ServiceDefinition], checks: &[CheckDefinition]) -> Vec<String> {
    let mut advice = Vec::new();
    for ServiceDefinition { spec, checks: own, .. } in services {
        let further = checks.iter().filter(|check| check.service_id == spec.id);
        if let Some(finding) = lint(own.iter().chain(further)) {
            advice.push(format!("service {:?}: {finding}", spec.id));
        }
        if !is_label(&spec.name) {
            advice.push(format!("service {:?}: its name {:?} cannot be looked up in DNS: {LABEL_RULE}", spec.id, spec.name));
        }
    }
    advice
}

const LABEL_RULE: &str = "that takes letters, digits and dashes only, 63 at most";

/// Whether a name can stand in a DNS name (RFC 1123 section 2.1).
fn is_label(name: &str) -> bool {
    name.len() <= 63 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::advice;
    use crate::api::definition::{check_from_json, service_from_json};

    #[test]
    fn checks_beside_a_service_count_for_it() {
        let services: Vec<_> =
            [r#"{"Name":"a","Check":{"TTL":"1s"}}"#, r#"{"Name":"b"}"#, r#"{"Name":"c","Check":{"HTTP":"x","Interval":"1s"}}"#]
                .map(|body| service_from_json(body.as_bytes()).unwrap())
                .into();
        let told = |checks: &[_]| advice(&services, checks).iter().map(|text| text[..11].to_owned()).collect::<Vec<_>>();
        assert_eq!(told(&[]), ["service \"a\"", "service \"b\""]);
        let of_a = check_from_json(br#"{"Name":"x","ServiceID":"a","DNS":"ns","Interval":"1s"}"#).unwrap();
        assert_eq!(told(&[of_a]), ["service \"b\""]);
        let under_score = service_from_json(br#"{"Name":"a_b","Check":{"HTTP":"x","Interval":"1s"}}"#).unwrap();
        assert!(advice(&[under_score], &[])[0].contains("cannot be looked up in DNS"));
    }
}
