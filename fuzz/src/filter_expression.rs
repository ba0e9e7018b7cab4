//! A `filter=` expression from anyone: parsed, written and parsed again, made ready for every shape of row, and applied.

use muster::agent::query::{CheckRecord, Choice, Subject};
use muster::filter::{Expression, FilterError, Texts};

const SUBJECTS: [Subject; 5] = [Subject::Nodes, Subject::CatalogServices, Subject::Services, Subject::Instances, Subject::Checks];

/// Reads `input` as an expression.
pub fn run(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    if let Ok(expression) = Expression::parse(&text) {
        match Expression::parse(&expression.to_string()) {
            Ok(again) => assert_eq!(again, expression, "an expression changes when it is written"),
            // What is written out is longer, and has parentheses where precedence did without.
            Err(FilterError::TooLong(_) | FilterError::TooDeep) => {}
            Err(error) => panic!("{expression} is refused: {error}"),
        }
    }
    for subject in SUBJECTS {
        match subject.check(&text) {
            Ok(()) if subject == Subject::Checks => drop(is_taken(&text)),
            Ok(()) => {}
            Err(error) => assert!(!error.to_string().is_empty(), "refused without a word"),
        }
    }
}

fn is_taken(filter: &str) -> bool {
    let choice = Choice { filter: filter.to_owned(), ..Choice::default() };
    choice.ready(Subject::Checks).takes_record(&CheckRecord {
        node: "n1",
        id: "service:web",
        name: "Service 'web' check",
        status: "passing",
        notes: "",
        output: "HTTP GET http://127.0.0.1/: 200 OK Output: fine",
        service_id: "web",
        service_name: "web",
        service_tags: Texts::Owned(&[]),
        kind: "http",
        interval: "10s",
        timeout: "0s",
    })
}

/// Expressions that clients send, and some that nobody should.
pub fn seeds() -> Vec<(&'static str, Vec<u8>)> {
    [
        ("equal", "Status == passing and ServiceName != \"web\""),
        ("tags", "(v1 in ServiceTags or ServiceTags is empty) and not CheckID == `a b`"),
        ("matches", "Output matches \"^HTTP .*[0-9]+ OK\" and Name not matches \"(?i)SERF\""),
        ("meta", "Meta[\"a b\"].c == 1 or \"k\" not in Meta"),
        ("health", "Checks.Status != passing and Service.Weights.Passing == 0x1F and Node.Meta.rack contains \"7\""),
        ("nested", "not (not ((ExposedPort == 0) and (Type is not empty)))"),
        ("regex", "Output matches \"((a{1,99}){1,99}){1,99}\""),
        ("open", "((((((((Node == \"\\q"),
        ("dash", "Node==host-name"),
        ("blanks", "\t\r\n Node \n == \r\t 'x'"),
    ]
    .map(|(name, text)| (name, text.as_bytes().to_vec()))
    .to_vec()
}
