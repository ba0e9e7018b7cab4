//! What parses, to what, and what is said of the rest.

use crate::filter::{DEEPEST, Expression, FilterError, Match, Operator};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};

pub(super) fn one(selector: &[&str], operator: Operator, value: &str) -> Expression {
    let selector = selector.iter().map(|name| (*name).to_owned()).collect();
    Expression::Match(Match { selector, operator, value: value.to_owned() })
}

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn every_form_of_a_match_is_taken() {
    for (text, operator, value) in [
        ("foo == 3", Operator::Equal, "3"),
        ("foo==3", Operator::Equal, "3"),
        ("foo != xyz", Operator::NotEqual, "xyz"),
        ("foo is empty", Operator::IsEmpty, ""),
        ("foo is not empty", Operator::IsNotEmpty, ""),
        ("bar in foo", Operator::In, "bar"),
        ("bar not in foo", Operator::NotIn, "bar"),
        ("foo contains bar", Operator::In, "bar"),
        ("foo not contains bar", Operator::NotIn, "bar"),
        ("foo matches bar", Operator::Matches, "bar"),
        ("foo not matches bar", Operator::NotMatches, "bar"),
        ("foo == \"b r\"", Operator::Equal, "b r"),
        ("foo == `b\"r`", Operator::Equal, "b\"r"),
        ("foo == a.b", Operator::Equal, "a.b"),
        ("foo == -0.2", Operator::Equal, "-0.2"),
        ("\t\r\n foo \t==\r\n 1.25 \n", Operator::Equal, "1.25"),
        ("((foo == 3))", Operator::Equal, "3"),
        (" ( foo == 3 ) ", Operator::Equal, "3"),
        ("not not foo == 3", Operator::Equal, "3"),
    ] {
        assert_eq!(parse(text), one(&["foo"], operator, value), "{text}");
    }
    assert_eq!(parse("x in foo.bar[\"me ta\"].tags[\t`EN-V` ]"), one(&["foo", "bar", "me ta", "tags", "EN-V"], Operator::In, "x"));
    assert_eq!(parse("not == 3"), one(&["not"], Operator::Equal, "3"));
}

#[test]
fn lists_keep_the_order_and_the_grouping_of_their_parts() {
    let [a, b, c] = ["a", "b", "c"].map(|name| one(&[name], Operator::IsEmpty, ""));
    let parsed = parse("a is empty and not b is empty or c is empty");
    let want = Expression::Or(vec![Expression::And(vec![a.clone(), Expression::Not(Box::new(b.clone()))]), c.clone()]);
    assert_eq!(parsed, want);
    assert_eq!(parse("a is empty and (b is empty and c is empty)"), Expression::And(vec![a, Expression::And(vec![b, c])]));
}

/// The texts are those that users of Consul see and find on the web.
#[test]
fn a_refusal_names_the_furthest_place_and_what_would_have_been_taken_there() {
    for (text, why) in [
        ("foo == \"12x", "1:12 (11): rule \"string\": Unterminated string literal"),
        ("foo == `12x", "1:12 (11): rule \"string\": Unterminated string literal"),
        ("foo == 3x", "1:9 (8): rule \"number\": Invalid number literal"),
        ("foo[3] == abc", "1:5 (4): rule \"index\": Invalid index"),
        ("x in foo[\"abc\"", "1:15 (14): rule \"index\": Unclosed index expression"),
        ("foo[\"abc\" == 3", "1:11 (10): rule \"index\": Unclosed index expression"),
        ("x in 32", "1:6 (5): rule \"match\": Invalid selector"),
        ("(foo == 4", "1:10 (9): rule \"grouping\": Unmatched parentheses"),
        ("foo == \"\\q\"", "1:8 (7): rule \"string\": invalid syntax"),
        ("32 == 32", r#"1:4 (3): no match found, expected: "in", "not" or [ \t\r\n]"#),
        ("x in foo abc", r#"1:10 (9): no match found, expected: "and", "or", [ \t\r\n] or EOF"#),
        (
            "x in foo and ",
            "1:14 (13): no match found, expected: \"(\", \"-\", \"0\", \"\\\"\", \"`\", \"not\", [ \\t\\r\\n], [1-9] or [a-zA-Z]",
        ),
        (
            "x in foo or not ",
            "1:17 (16): no match found, expected: \"!=\", \"(\", \"-\", \"0\", \"==\", \"\\\"\", \"`\", \"contains\", \"in\", \"is\", \"matches\", \"not\", [ \\t\\r\\n], [1-9] or [a-zA-Z]",
        ),
        ("Node==host-name", r#"1:11 (10): no match found, expected: ".", "[", [ \t\r\n], [a-zA-Z0-9_] or EOF"#),
        ("", "1:1 (0): no match found, expected: \"(\", \"-\", \"0\", \"\\\"\", \"`\", \"not\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"),
        ("a\n== é", "2:4 (5): no match found, expected: \"-\", \"0\", \"\\\"\", \"`\", [ \\t\\r\\n], [1-9] or [a-zA-Z]"),
    ] {
        assert_eq!(Expression::parse(text).unwrap_err(), FilterError::Syntax(why.to_owned()), "{text}");
    }
}

#[test]
fn what_is_wrong_in_two_places_is_said_of_both() {
    let refused = Expression::parse("foo[\"abc").unwrap_err().to_string();
    assert_eq!(refused, "1:9 (8): rule \"string\": Unterminated string literal\n1:5 (4): rule \"index\": Invalid index");
}

#[test]
fn nesting_to_the_bound_takes_no_time_worth_mentioning() {
    // The alternatives of every level tried anew would be 2^64 steps.
    let broken = format!("{}a == 1 and b", "(".repeat(DEEPEST));
    assert!(Expression::parse(&broken).is_err());
}

fn a_match() -> impl Strategy<Value = Expression> {
    let selector = ("[a-zA-Z][a-zA-Z0-9_]{0,3}", proptest::collection::vec(any::<String>(), 0..3));
    let operator = prop_oneof![
        Just(Operator::Equal),
        Just(Operator::NotEqual),
        Just(Operator::In),
        Just(Operator::NotIn),
        Just(Operator::IsEmpty),
        Just(Operator::IsNotEmpty),
        Just(Operator::Matches),
        Just(Operator::NotMatches),
    ];
    (selector, operator, any::<String>()).prop_map(|((first, rest), operator, value)| {
        let value = if matches!(operator, Operator::IsEmpty | Operator::IsNotEmpty) { String::new() } else { value };
        Expression::Match(Match { selector: std::iter::once(first).chain(rest).collect(), operator, value })
    })
}

/// Any expression with these matches, in the form parsing gives it.
pub(super) fn expressions(matches: impl Strategy<Value = Expression> + 'static) -> impl Strategy<Value = Expression> {
    matches.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expression::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expression::Or),
            inner.prop_map(|inner| match inner {
                Expression::Not(twice) => *twice,
                inner => Expression::Not(Box::new(inner)),
            }),
        ]
    })
}

proptest! {
    #[test]
    fn an_expression_is_parsed_as_it_was_written(expression in expressions(a_match())) {
        let text = expression.to_string();
        assert_eq!(Expression::parse(&text), Ok(expression), "{text}");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "([a-z.\\[\\]\"`\\\\ ()é0-9=!-]|not |and |or |in |is |empty){0,30}") {
        if let Err(error) = Expression::parse(&text) {
            assert!(!error.to_string().is_empty());
        }
    }
}
