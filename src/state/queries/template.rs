//! Templates of prepared queries: `${...}` in their text fields, in the syntax of HIL as far as Consul documents it.

use super::spec::{NAME_PREFIX_MATCH, QuerySpec};
use regex::{Regex, RegexBuilder};
use std::collections::BTreeMap;

/// The most memory an expression may take when it is made ready, in bytes.
const MOST_REGEXP: usize = 1 << 20;

/// Why a query is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// Its type is unknown.
    #[error("Bad Template.Type '{0}'")]
    Kind(String),
    /// Its expression is none.
    #[error("Bad Template.Regexp: {0}")]
    Regexp(String),
    /// A field cannot be read.
    #[error("Bad format '{text}' in {field}, column {column}: {rule}")]
    Format {
        /// The field's name.
        field: String,
        /// What it holds.
        text: String,
        /// Where, counted in characters from 1.
        column: usize,
        /// What is wrong there.
        rule: String,
    },
}

/// What a template is filled in from.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The name asked for.
    pub name: &'a str,
    /// The segment of the agent that was asked.
    pub segment: &'a str,
}

/// What stands in a field.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Full,
    Prefix,
    Suffix,
    Match(usize),
    Segment,
}

/// Whether a query can be kept: its fields can be read if it is a template. Gives its expression, made ready.
pub fn check(spec: &QuerySpec) -> Result<Option<Regex>, TemplateError> {
    if !spec.is_template() {
        return Ok(None);
    }
    if spec.template.kind != NAME_PREFIX_MATCH {
        return Err(TemplateError::Kind(spec.template.kind.clone()));
    }
    let regexp = match spec.template.regexp.as_str() {
        "" => None,
        text => {
            let made = RegexBuilder::new(text).size_limit(MOST_REGEXP).build();
            // It is drawn over several lines otherwise.
            Some(made.map_err(|e| TemplateError::Regexp(e.to_string().split_whitespace().collect::<Vec<_>>().join(" ")))?)
        }
    };
    render(spec, regexp.as_ref(), &Asked::default())?;
    Ok(regexp)
}

/// The query that `asked` makes of a template.
pub(super) fn render(spec: &QuerySpec, regexp: Option<&Regex>, asked: &Asked<'_>) -> Result<QuerySpec, TemplateError> {
    let groups = regexp.and_then(|regexp| regexp.captures(asked.name));
    let suffix = asked.name.get(spec.name.len()..).unwrap_or_default();
    let fill = |part: Part| match part {
        Part::Text(text) => text,
        Part::Full => asked.name.to_owned(),
        Part::Prefix => spec.name.clone(),
        Part::Suffix => suffix.to_owned(),
        Part::Match(group) => {
            groups.as_ref().and_then(|groups| groups.get(group)).map_or_else(String::new, |found| found.as_str().to_owned())
        }
        Part::Segment => asked.segment.to_owned(),
    };
    let one = |field: &str, text: &str| -> Result<String, TemplateError> { Ok(parse(field, text)?.into_iter().map(fill).collect()) };
    let all = |field: &str, texts: &[String]| -> Result<Vec<String>, TemplateError> {
        texts.iter().enumerate().map(|(at, text)| one(&format!("{field}[{at}]"), text)).collect()
    };
    let pairs = |field: &str, of: &BTreeMap<String, String>| -> Result<BTreeMap<String, String>, TemplateError> {
        of.iter().map(|(key, text)| Ok((key.clone(), one(&format!("{field}[{key}]"), text)?))).collect()
    };
    let mut made = spec.clone();
    let service = &mut made.service;
    service.service = one("Service.Service", &service.service)?;
    service.datacenters = all("Service.Failover.Datacenters", &service.datacenters)?;
    service.ignore_check_ids = all("Service.IgnoreCheckIDs", &service.ignore_check_ids)?;
    service.near = one("Service.Near", &service.near)?;
    service.tags = all("Service.Tags", &service.tags)?;
    service.node_meta = pairs("Service.NodeMeta", &service.node_meta)?;
    service.service_meta = pairs("Service.ServiceMeta", &service.service_meta)?;
    if made.template.remove_empty_tags {
        made.service.tags.retain(|tag| !matches!(tag.as_str(), "" | "!"));
    }
    Ok(made)
}

fn parse(field: &str, text: &str) -> Result<Vec<Part>, TemplateError> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        // Another dollar sign before it takes its meaning away.
        if rest[..at].ends_with('$') {
            parts.push(Part::Text(format!("{}${{", &rest[..at - 1])));
            rest = &rest[at + 2..];
            continue;
        }
        let wrong = |rule: String| {
            let behind = text.len() - rest.len() + at;
            TemplateError::Format { field: field.to_owned(), text: text.to_owned(), column: text[..behind].chars().count() + 1, rule }
        };
        parts.push(Part::Text(rest[..at].to_owned()));
        let (inner, behind) = rest[at + 2..].split_once('}').ok_or_else(|| wrong("'${' is not closed by '}'".to_owned()))?;
        parts.push(expression(inner.trim()).map_err(wrong)?);
        rest = behind;
    }
    parts.push(Part::Text(rest.to_owned()));
    Ok(parts)
}

fn expression(text: &str) -> Result<Part, String> {
    match text {
        "name.full" => return Ok(Part::Full),
        "name.prefix" => return Ok(Part::Prefix),
        "name.suffix" => return Ok(Part::Suffix),
        "agent.segment" => return Ok(Part::Segment),
        _other => {}
    }
    let group = text.strip_prefix("match").and_then(|rest| rest.trim().strip_prefix('(')).and_then(|rest| rest.strip_suffix(')'));
    match group.map(|group| group.trim().parse()) {
        Some(Ok(group)) => Ok(Part::Match(group)),
        Some(Err(_)) => Err("match() takes the number of a group".to_owned()),
        None => Err(format!("'{text}' is none of name.full, name.prefix, name.suffix, match(N), agent.segment")),
    }
}

#[cfg(test)]
mod tests {
    use super::{Asked, Part, TemplateError, check, parse, render};
    use crate::state::queries::{NAME_PREFIX_MATCH, QuerySpec, ServiceQuery, TemplateSpec};
    use proptest::prelude::{prop_assert_eq, proptest};

    fn template(name: &str, regexp: &str, service: &str, tags: &[&str]) -> QuerySpec {
        let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
        QuerySpec {
            name: name.to_owned(),
            template: TemplateSpec { kind: NAME_PREFIX_MATCH.to_owned(), regexp: regexp.to_owned(), remove_empty_tags: true },
            service: ServiceQuery { service: service.to_owned(), tags, ..ServiceQuery::default() },
            ..QuerySpec::default()
        }
    }

    fn made(spec: &QuerySpec, name: &str) -> (String, Vec<String>) {
        let regexp = check(spec).unwrap();
        let made = render(spec, regexp.as_ref(), &Asked { name, segment: "east" }).unwrap();
        (made.service.service, made.service.tags)
    }

    #[test]
    fn the_name_its_parts_and_the_groups_are_filled_in() {
        let spec =
            template("geo-", "^geo-(.*?)-([^-]+?)$", "${match(1)}", &["${match(2)}", "${name.suffix}", "${match(9)}", "!${ match(9) }"]);
        assert_eq!(made(&spec, "geo-db-main"), ("db".to_owned(), vec!["main".to_owned(), "db-main".to_owned()]));
        assert_eq!(made(&spec, "geo-db").0, "", "an expression that finds nothing has no groups");
        let spec = template("a", "", "<${name.full}|${name.prefix}|${agent.segment}|$${name.full}|$|}>", &[]);
        assert_eq!(made(&spec, "abc").0, "<abc|a|east|${name.full}|$|}>");
    }

    #[test]
    fn what_cannot_be_read_is_said_with_its_place() {
        let error = |service: &str| check(&template("", "", service, &[])).unwrap_err().to_string();
        assert_eq!(
            error("é${nome.full}"),
            "Bad format 'é${nome.full}' in Service.Service, column 2: \
             'nome.full' is none of name.full, name.prefix, name.suffix, match(N), agent.segment"
        );
        assert!(error("a-${name.full").contains("column 3: '${' is not closed"));
        assert!(error("${match(x)}").contains("number of a group") && error("${match(-1)}").contains("number of a group"));
        let tags = check(&template("", "", "s", &["fine", "${"])).unwrap_err().to_string();
        assert!(tags.contains("Service.Tags[1]"), "{tags}");
        let other = QuerySpec { template: TemplateSpec { kind: "zzz".to_owned(), ..TemplateSpec::default() }, ..QuerySpec::default() };
        assert_eq!(check(&other).unwrap_err(), TemplateError::Kind("zzz".to_owned()));
        assert!(matches!(check(&template("", "(", "s", &[])), Err(TemplateError::Regexp(why)) if why.contains("unclosed")));
        assert!(check(&template("", "(a{9999}){9999}", "s", &[])).is_err(), "an expression may not take any memory it likes");
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "([$]{0,2}[{]?(name.full|match\\(|[0-9]|é|[)}])?){0,6}") {
            if let Ok(parts) = parse("f", &text) {
                let plain = parts.iter().all(|part| matches!(part, Part::Text(_)));
                let escaped = text.match_indices("${").all(|(at, _)| text[..at].ends_with('$'));
                prop_assert_eq!(plain, escaped, "{}", text);
            }
        }

        #[test]
        fn text_without_a_brace_is_left_alone(text in "[^{]{0,20}") {
            prop_assert_eq!(made(&template("", "", &text, &[]), "x").0, text);
        }
    }
}
