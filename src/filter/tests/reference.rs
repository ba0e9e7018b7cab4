//! Evaluation against a plain reading of the rules, over JSON.

use super::grammar::expressions;
use super::sample::{Address, Check, FIELDS, Sample};
use crate::filter::{Expression, Filter, Match, Operator};
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use serde_json::Value;

fn holds(expression: &Expression, record: &Value) -> bool {
    match expression {
        Expression::Or(parts) => parts.iter().any(|part| holds(part, record)),
        Expression::And(parts) => parts.iter().all(|part| holds(part, record)),
        Expression::Not(inner) => !holds(inner, record),
        Expression::Match(one) => reached(one, &one.selector, record),
    }
}

/// Follows the selector. A record has all its fields, so only a map can lack one.
fn reached(one: &Match, selector: &[String], value: &Value) -> bool {
    let Some((name, rest)) = selector.split_first() else { return judged(one, value) };
    match value {
        Value::Array(items) => items.iter().any(|item| reached(one, selector, item)),
        Value::Object(fields) => match fields.get(name) {
            Some(field) => reached(one, rest, field),
            None => {
                matches!(one.operator, Operator::NotEqual | Operator::NotIn | Operator::Matches | Operator::NotMatches | Operator::IsEmpty)
            }
        },
        _ => panic!("a selector goes through {value}"),
    }
}

fn judged(one: &Match, value: &Value) -> bool {
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let has = || match value {
        Value::Array(items) => items.contains(&Value::String(one.value.clone())),
        Value::Object(fields) => fields.contains_key(&one.value),
        _ => text.contains(&one.value),
    };
    let empty = || match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => panic!("{value} can be empty"),
    };
    let matches = || regex::Regex::new(&one.value).unwrap().is_match(&text);
    match one.operator {
        Operator::Equal => text == one.value,
        Operator::NotEqual => text != one.value,
        Operator::In => has(),
        Operator::NotIn => !has(),
        Operator::IsEmpty => empty(),
        Operator::IsNotEmpty => !empty(),
        Operator::Matches => matches(),
        Operator::NotMatches => !matches(),
    }
}

fn letters() -> impl Strategy<Value = String> {
    "[ab]{0,2}"
}

fn address() -> impl Strategy<Value = Address> {
    (letters(), 0..3i64).prop_map(|(address, port)| Address { address, port })
}

fn checks() -> impl Strategy<Value = Vec<Check>> {
    let check = (letters(), proptest::collection::vec(letters(), 0..3)).prop_map(|(status, tags)| Check { status, tags });
    proptest::collection::vec(check, 0..3)
}

fn samples() -> impl Strategy<Value = Sample> {
    let maps = (proptest::collection::btree_map("[ab]", letters(), 0..3), proptest::collection::btree_map("[ab]", address(), 0..3));
    let plain = (letters(), 0..3i64, any::<bool>(), proptest::collection::vec(letters(), 0..3), address());
    (plain, maps, checks(), checks()).prop_map(|((name, port, r#override, tags, address), (meta, addresses), checks, nodes)| Sample {
        name,
        port,
        r#override,
        tags,
        meta,
        address,
        addresses,
        checks,
        nodes,
    })
}

fn a_match() -> impl Strategy<Value = Expression> {
    use Operator::{Equal, In, IsEmpty, IsNotEmpty, Matches, NotEqual, NotIn, NotMatches};
    let texts = ["Name", "Meta.a", "Meta.b", "Address.Address", "Addresses.a.Address", "Checks.Status", "Nodes.Status"];
    let text = (
        proptest::sample::select(texts.to_vec()),
        proptest::sample::select(vec![Equal, NotEqual, In, NotIn, Matches, NotMatches]),
        letters(),
    );
    let numbers = ["Port", "Address.Port", "Addresses.b.Port"];
    let number = (
        proptest::sample::select(numbers.to_vec()),
        proptest::sample::select(vec![Equal, NotEqual]),
        (0..3i64).prop_map(|n| n.to_string()),
    );
    let truth = (Just("Override"), proptest::sample::select(vec![Equal, NotEqual]), any::<bool>().prop_map(|truth| truth.to_string()));
    let lists = ["Tags", "Meta", "Addresses", "Checks.Tags", "Nodes.Tags"];
    let list = (proptest::sample::select(lists.to_vec()), proptest::sample::select(vec![In, NotIn]), letters());
    let empties = ["Tags", "Meta", "Addresses", "Checks", "Nodes", "Checks.Tags"];
    let empty = (proptest::sample::select(empties.to_vec()), proptest::sample::select(vec![IsEmpty, IsNotEmpty]), Just(String::new()));
    prop_oneof![text, number, truth, list, empty].prop_map(|(selector, operator, value)| {
        Expression::Match(Match { selector: selector.split('.').map(str::to_owned).collect(), operator, value })
    })
}

proptest! {
    #[test]
    fn an_expression_takes_what_the_rules_take(expression in expressions(a_match()), sample in samples()) {
        let filter = Filter::parse(&expression.to_string(), FIELDS).unwrap();
        let json = serde_json::to_value(&sample).unwrap();
        assert_eq!(filter.takes(&sample), holds(&expression, &json), "{expression} on {json}");
    }
}
