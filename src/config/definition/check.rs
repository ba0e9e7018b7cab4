//! One check.

use super::error::DefinitionError;
use super::fields::{Dialect, Fields, Shape};
use super::native;
use super::probe::{self, Kinds, Position, Timing, is_given};
use super::shapes;
use super::value::Value;
use crate::model::{CheckDefinition, CheckStatus, Probe, Thresholds, Tree};
use std::time::Duration;

/// Trees may nest this deep.
const DEEPEST_TREE: usize = 8;
/// Most checks in a tree.
const MOST_LEAVES: usize = 64;

/// What a check is called and belongs to unless it says so itself.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) service_id: String,
    pub(super) position: Position,
    pub(super) interval: Duration,
    pub(super) timeout: Option<Duration>,
}

/// The status a check begins with, whatever word stands there.
pub(super) fn status(fields: &Fields<'_>, refusal: &str) -> Result<Option<CheckStatus>, DefinitionError> {
    let word = fields.text("Status")?;
    if word.is_empty() {
        return Ok(None);
    }
    CheckStatus::parse(&word).map(Some).ok_or_else(|| fields.broken("Status", refusal))
}

/// Reads a check whose id and name have been chosen.
pub(super) fn read(fields: &Fields<'_>, seat: Seat, initial: Option<CheckStatus>) -> Result<CheckDefinition, DefinitionError> {
    let given = Timing { interval: fields.span("Interval")?, ttl: fields.span("TTL")? };
    let unless_given = |given: Duration, default: Duration| if given.is_zero() { default } else { given };
    let timing = Timing { interval: unless_given(given.interval, seat.interval), ttl: given.ttl };
    let timeout = Some(fields.span("Timeout")?).filter(|timeout| !timeout.is_zero()).or(seat.timeout);
    let kinds = Kinds::read(fields)?;
    kinds.check_rules(fields, timing, seat.position)?;
    let output_limit = output_limit(fields)?;
    let thresholds = thresholds(fields)?;
    let whole = Seat { interval: timing.interval, timeout, ..seat.clone() };
    let probe = match kinds.ours {
        None => probe::read(fields, kinds, timing)?,
        Some(ours) => match native::read(fields, ours)? {
            Some(native) => native,
            None => Probe::Tree(tree(fields, &whole, &mut Bound { depth: 0, leaves: 0 })?),
        },
    };
    let is_run = !matches!(probe, Probe::Ttl { .. } | Probe::Alias { .. });
    Ok(CheckDefinition {
        id: seat.id,
        name: seat.name,
        notes: fields.text("Notes")?,
        service_id: seat.service_id,
        initial,
        probe,
        interval: if is_run { timing.interval } else { Duration::ZERO },
        timeout,
        thresholds,
        deregister_after: Some(fields.span("DeregisterCriticalServiceAfter")?).filter(|after| !after.is_zero()),
        output_limit,
        token: String::new(),
    })
}

fn output_limit(fields: &Fields<'_>) -> Result<Option<usize>, DefinitionError> {
    match fields.int("OutputMaxSize")?.map(usize::try_from) {
        None | Some(Ok(0)) => Ok(None),
        Some(Ok(limit)) => Ok(Some(limit)),
        Some(Err(_)) => Err(fields.broken("OutputMaxSize", "MaxOutputMaxSize must be positive")),
    }
}

fn thresholds(fields: &Fields<'_>) -> Result<Thresholds, DefinitionError> {
    let thresholds = Thresholds {
        success_before_passing: fields.count("SuccessBeforePassing")?.unwrap_or(0),
        failures_before_warning: fields.count("FailuresBeforeWarning")?.filter(|count| *count > 0),
        failures_before_critical: fields.count("FailuresBeforeCritical")?.unwrap_or(0),
    };
    if thresholds.failures_before_warning.is_some_and(|warning| warning > thresholds.failures_before_critical) {
        return Err(fields.broken("FailuresBeforeWarning", "FailuresBeforeWarning can't be higher than FailuresBeforeCritical"));
    }
    Ok(thresholds)
}

/// How much of a tree has been read.
struct Bound {
    depth: usize,
    leaves: usize,
}

/// Reads `All` or `Any`, whichever is given, with its branches.
fn tree(fields: &Fields<'_>, seat: &Seat, bound: &mut Bound) -> Result<Tree, DefinitionError> {
    let (field, join): (_, fn(Vec<Tree>) -> Tree) = if is_given(fields, "All") { ("All", Tree::All) } else { ("Any", Tree::Any) };
    if bound.depth == DEEPEST_TREE {
        return Err(fields.broken(field, format!("a tree of checks must not nest deeper than {DEEPEST_TREE} levels")));
    }
    bound.depth += 1;
    let mut branches = Vec::new();
    for (at, (value, path)) in fields.objects(field)?.into_iter().enumerate() {
        let branch = Fields::open(value, &shapes::BRANCH, fields.dialect, path)?;
        let seat = Seat { id: format!("{}/{}", seat.id, at + 1), position: Position::Leaf, ..seat.clone() };
        branches.push(branch_of(&branch, seat, bound)?);
    }
    bound.depth -= 1;
    if branches.is_empty() {
        return Err(fields.broken(field, format!("{field} needs at least one check")));
    }
    Ok(join(branches))
}

fn branch_of(fields: &Fields<'_>, seat: Seat, bound: &mut Bound) -> Result<Tree, DefinitionError> {
    if is_given(fields, "All") || is_given(fields, "Any") {
        Kinds::read(fields)?.check_rules(fields, Timing { interval: seat.interval, ttl: fields.span("TTL")? }, Position::Leaf)?;
        return tree(fields, &seat, bound);
    }
    bound.leaves += 1;
    if bound.leaves > MOST_LEAVES {
        return Err(DefinitionError::rule(fields.path.clone(), format!("a tree must not have more than {MOST_LEAVES} checks")));
    }
    if !fields.span("DeregisterCriticalServiceAfter")?.is_zero() {
        return Err(fields.broken("DeregisterCriticalServiceAfter", "belongs to the tree as a whole"));
    }
    let name = Some(fields.text("Name")?).filter(|name| !name.is_empty()).unwrap_or_else(|| seat.id.clone());
    let initial = status(fields, "Status for checks must 'passing', 'warning', 'critical'")?;
    read(fields, Seat { name, ..seat }, initial).map(|leaf| Tree::Leaf(Box::new(leaf)))
}

/// Reads a check of its own: `ID` (the name unless given), `Name`, `ServiceID`.
pub(super) fn standalone(value: &Value, dialect: Dialect) -> Result<CheckDefinition, DefinitionError> {
    let fields = Fields::open(value, &shapes::CHECK, dialect, String::new())?;
    super::refuse_enterprise(&fields)?;
    let (id, name, token) = (fields.text("ID")?, fields.text("Name")?, fields.text("Token")?);
    if name.is_empty() {
        return Err(fields.broken("Name", "Missing check name"));
    }
    let initial = status(&fields, "Bad check status")?;
    let id = if id.is_empty() { name.clone() } else { id };
    let seat = Seat { id, name, service_id: fields.text("ServiceID")?, position: Position::Whole, interval: Duration::ZERO, timeout: None };
    let check = read(&fields, seat, initial).map_err(as_invalid_check)?;
    Ok(CheckDefinition { token: if dialect == Dialect::File { token } else { String::new() }, ..check })
}

/// Consul's words before a rule that a check breaks.
pub(super) fn as_invalid_check(error: DefinitionError) -> DefinitionError {
    match error.mistake {
        super::Mistake::Unreadable | super::Mistake::UnknownKey => error,
        super::Mistake::Rule => DefinitionError { text: format!("Invalid check: {}", error.text), ..error },
    }
}

/// The shape of a check inside a service.
pub(super) fn shape_in_service(dialect: Dialect) -> &'static Shape {
    match dialect {
        Dialect::Http => &shapes::CHECK_OF_SERVICE,
        Dialect::File => &shapes::CHECK_OF_SERVICE_IN_FILE,
    }
}
