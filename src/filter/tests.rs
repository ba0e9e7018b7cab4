mod grammar;
mod reference;
mod sample;

use super::{DEEPEST, Filter, FilterError, LONGEST, MOST_REGEXES, Record, Value};
use sample::{FIELDS, sample};

fn takes(expression: &str) -> bool {
    Filter::parse(expression, FIELDS).unwrap_or_else(|error| panic!("{expression}: {error}")).takes(&sample())
}

fn refusal(expression: &str) -> String {
    Filter::parse(expression, FIELDS).unwrap_err().to_string()
}

#[test]
fn fields_are_compared_in_their_own_type() {
    for holds in [
        "Name == web",
        "Name == \"web\"",
        "Name != api",
        "Port == 80",
        "Port == \"0x50\"",
        "Port == \"80\"",
        "Port != 81",
        "Override == true",
        "Override == T",
        "Address.Port == 8080",
        "Name contains e",
        "eb in Name",
        "x not in Name",
        "Name matches \"^w.b$\"",
        "Name matches e",
        "Name not matches \"^e\"",
    ] {
        assert!(takes(holds), "{holds}");
        assert!(!takes(&format!("not {holds}")), "not {holds}");
    }
}

#[test]
fn lists_and_maps_tell_what_is_in_them_and_whether_they_are_empty() {
    for holds in [
        "v1 in Tags",
        "Tags contains \"v1\"",
        "v not in Tags",
        "Tags is not empty",
        "env in Meta",
        "Meta contains env",
        "prod not in Meta",
        "Meta.env == prod",
        "Meta[\"env\"] == prod",
        "Nodes is empty",
        "lan in Addresses",
        "wan not in Addresses",
        "Addresses.lan.Port == 8080",
        "Addresses is not empty",
        "Checks is not empty",
    ] {
        assert!(takes(holds), "{holds}");
    }
}

#[test]
fn a_list_of_records_holds_if_any_of_them_does_however_it_is_said() {
    for holds in [
        "Checks.Status == passing",
        "Checks.Status == critical",
        "Checks.Status != passing",
        "Checks.Status != critical",
        "x in Checks.Tags",
        "x not in Checks.Tags",
        "Checks.Tags is empty",
        "Checks.Tags is not empty",
        "Checks.Status not matches pass",
    ] {
        assert!(takes(holds), "{holds}");
    }
    for fails in ["not Checks.Status == passing", "Checks.Status == warning", "Nodes.Status != passing", "Nodes.Status == passing"] {
        assert!(!takes(fails), "{fails}");
    }
}

#[test]
fn a_key_that_is_not_there_equals_nothing_and_matches_everything() {
    for holds in ["Meta.nope != a", "a not in Meta.nope", "Meta.nope not matches a", "Meta.nope matches a", "Addresses.nope.Port != 1"] {
        assert!(takes(holds), "{holds}");
    }
    for fails in ["Meta.nope == a", "a in Meta.nope", "Addresses.nope.Port == 1"] {
        assert!(!takes(fails), "{fails}");
    }
}

#[test]
fn not_binds_before_and_before_or() {
    assert!(takes("Port == 80 or Port == 81 and Port == 82"));
    assert!(!takes("(Port == 80 or Port == 81) and Port == 82"));
    assert!(takes("not Port == 81 and Port == 80"));
    assert!(!takes("not (Port == 81 or Port == 80)"));
    assert!(takes("not not Port == 80"));
}

#[test]
fn what_a_field_cannot_tell_is_refused_by_name() {
    for (expression, why) in [
        ("Bogus == 1", "Selector \"Bogus\" is not valid"),
        ("Checks.Bogus == 1", "Selector \"Checks.Bogus\" is not valid"),
        ("Name.x.y == 1", "Selector \"Name.x\" is not valid"),
        ("Name is empty", "Invalid match operator \"Is Empty\" for selector \"Name\""),
        ("Tags == a", "Invalid match operator \"Equal\" for selector \"Tags\""),
        ("Checks != a", "Invalid match operator \"Not Equal\" for selector \"Checks\""),
        ("8 in Port", "Invalid match operator \"In\" for selector \"Port\""),
        ("Address is not empty", "Invalid match operator \"Is Not Empty\" for selector \"Address\""),
        ("Tags matches a", "Invalid match operator \"Matches\" for selector \"Tags\""),
        ("Port == abc", "Failed to coerce value \"abc\" for selector \"Port\": strconv.ParseInt: parsing \"abc\": invalid syntax"),
        ("Override == yes", "Failed to coerce value \"yes\" for selector \"Override\": strconv.ParseBool: parsing \"yes\": invalid syntax"),
        ("Name matches \"a(\"", "Failed to compile regular expression \"a(\": error parsing regexp: unclosed group"),
    ] {
        assert_eq!(refusal(expression), why, "{expression}");
    }
}

#[test]
fn expressions_are_bounded_in_length_depth_and_the_memory_of_their_regular_expressions() {
    let padded = |length: usize| format!("Port == 80{}", " ".repeat(length - 10));
    assert!(takes(&padded(LONGEST)));
    assert_eq!(Filter::parse(&padded(LONGEST + 1), FIELDS).unwrap_err(), FilterError::TooLong(LONGEST + 1));
    let nested = |depth: usize| format!("{}Port == 80{}", "(".repeat(depth), ")".repeat(depth));
    assert!(takes(&nested(DEEPEST)));
    assert_eq!(Filter::parse(&nested(DEEPEST + 1), FIELDS).unwrap_err(), FilterError::TooDeep);
    assert_eq!(Filter::parse(&"(".repeat(LONGEST), FIELDS).unwrap_err(), FilterError::TooDeep);
    assert_eq!(Filter::parse(&format!("{}Port == 80", "not ".repeat(DEEPEST + 1)), FIELDS).unwrap_err(), FilterError::TooDeep);
    assert!(refusal("Name matches \"(a{1000}){1000}\"").ends_with("error parsing regexp: expression too large"));
    let matched = |times: usize| vec!["Name matches web"; times].join(" or ");
    assert!(takes(&matched(MOST_REGEXES)));
    assert_eq!(Filter::parse(&matched(MOST_REGEXES + 1), FIELDS).unwrap_err(), FilterError::TooManyRegexes(MOST_REGEXES + 1));
    let many = vec!["Port == 80"; 540].join(" and ");
    assert!(takes(&many));
}

#[test]
fn a_record_without_the_field_makes_no_statement_about_it_true() {
    struct Other;
    impl Record for Other {
        fn field(&self, _: &str, judge: &mut dyn FnMut(Value<'_>) -> bool) -> bool {
            judge(Value::Nothing)
        }
    }
    for expression in ["Name == web", "Name != web", "Tags is empty", "Meta.a != b", "Checks.Status != a"] {
        assert!(!Filter::parse(expression, FIELDS).unwrap().takes(&Other), "{expression}");
    }
}
