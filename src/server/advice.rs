//! What an operator should hear about definitions that are valid and may still not do what is hoped for.

use crate::agent::local::lint;
use crate::model::{CheckDefinition, ServiceDefinition};

/// One sentence for each service of `services` whose checks say little about its work. `checks` are those that stand outside of the services'
/// definitions.
pub fn advice(services: &[ServiceDefinition], checks: &[CheckDefinition]) -> Vec<String> {
    let about = |service: &ServiceDefinition| {
        let further = checks.iter().filter(|check| check.service_id == service.spec.id);
        lint(service.checks.iter().chain(further)).map(|finding| format!("service {:?}: {finding}", service.spec.id))
    };
    services.iter().filter_map(about).collect()
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
    }
}
