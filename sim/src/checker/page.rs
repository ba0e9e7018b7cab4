//! A counterexample as one HTML page: no script, no network, opened from a file.

use super::compile::Standing;
use super::counterexample::Counterexample;
use super::lanes::{columns, label, letter, seconds, state};
use std::collections::BTreeMap;
use std::fmt::Write;

const COLUMN: usize = 120;
const LANE: usize = 46;
const LEFT: usize = 90;

const STYLE: &str = "body{font:14px system-ui,sans-serif;margin:2em;color:#222}svg{max-width:100%;height:auto}\
rect.placed{fill:#cfe8cf;stroke:#4a8a4a}rect.stuck{fill:#f6c6c6;stroke:#b33}rect.rest{fill:#e6e6e6;stroke:#888}\
text{font:12px monospace}td,th{padding:2px 10px;text-align:left;font-family:monospace}tr.stuck{background:#f6c6c6}tr.placed{background:#eef7ee}";

/// The page.
pub fn render(counterexample: &Counterexample) -> String {
    let mut out = String::new();
    let key = escape(&counterexample.key);
    let _ = write!(out, "<!doctype html><html lang=en><meta charset=utf-8><title>{key}: not linearizable</title><style>{STYLE}</style>");
    let _ = write!(
        out,
        "<h1>Key {key} is not linearizable</h1><p>No order of these {} operations explains every answer. Green: the longest legal \
         order; red: the operation that has no place in it. Lanes show the order of requests and answers, not their length.</p>",
        counterexample.parts.len()
    );
    drawing(&mut out, counterexample);
    table(&mut out, counterexample);
    if counterexample.useless > 0 {
        let _ = write!(out, "<p>{} more writes, allowed at any time or never, do not help.", counterexample.useless);
    }
    out.push_str("</html>\n");
    out
}

fn class(counterexample: &Counterexample, part: usize) -> &'static str {
    if part == counterexample.stuck {
        "stuck"
    } else if counterexample.longest.iter().any(|(placed, _)| *placed == part) {
        "placed"
    } else {
        "rest"
    }
}

fn drawing(out: &mut String, counterexample: &Counterexample) {
    let columns = columns(counterexample);
    let mut lanes: BTreeMap<u32, usize> =
        counterexample.parts.iter().filter(|p| p.standing != Standing::Free).map(|p| (p.operation.client, 0)).collect();
    for (lane, at) in lanes.values_mut().enumerate() {
        *at = lane;
    }
    let width = LEFT + (columns.len() + 1) * COLUMN;
    let _ = write!(out, "<svg viewBox='0 0 {width} {}' width={width}>", lanes.len() * LANE + 10);
    for (client, lane) in &lanes {
        let _ = write!(out, "<text x=0 y={}>client {client}</text>", lane * LANE + 26);
    }
    for (at, part) in counterexample.parts.iter().enumerate() {
        let (Some(lane), Some(from)) = (lanes.get(&part.operation.client), columns.get(&part.operation.invoked)) else { continue };
        if part.standing == Standing::Free {
            continue;
        }
        let until = part.operation.returned().and_then(|returned| columns.get(&returned)).copied().unwrap_or(columns.len());
        let (x, y, wide) = (LEFT + from * COLUMN, lane * LANE + 6, (until - from).max(1) * COLUMN - 8);
        let _ = write!(
            out,
            "<g><title>{}</title><rect class={} x={x} y={y} width={wide} height=32 rx=4 /><text x={} y={}>{} {}</text></g>",
            escape(&hover(counterexample, at)),
            class(counterexample, at),
            x + 6,
            y + 20,
            letter(at),
            escape(&label(&part.operation))
        );
    }
    out.push_str("</svg>");
}

/// State before and after, where the part is in the longest order.
fn hover(counterexample: &Counterexample, part: usize) -> String {
    let Some(place) = counterexample.longest.iter().position(|(placed, _)| *placed == part) else {
        return label(&counterexample.parts[part].operation);
    };
    let before = if place == 0 { "nothing".to_owned() } else { state(&counterexample.longest[place - 1].1) };
    format!("{}: {before} -> {}", label(&counterexample.parts[part].operation), state(&counterexample.longest[place].1))
}

fn table(out: &mut String, counterexample: &Counterexample) {
    out.push_str("<table><tr><th><th>operation<th>client<th>asked<th>requested<th>answered<th>place in the longest order<th>state after");
    for (at, part) in counterexample.parts.iter().enumerate() {
        let place = counterexample.longest.iter().position(|(placed, _)| *placed == at);
        let (requested, answered) = match part.standing {
            Standing::Timed => (seconds(part.operation.invoked), part.operation.returned().map_or_else(String::new, seconds)),
            Standing::Unanswered => (seconds(part.operation.invoked), "never".to_owned()),
            Standing::Free => ("at any time".to_owned(), "or never".to_owned()),
        };
        let _ = write!(
            out,
            "<tr class={}><td>{}<td>{}<td>{}<td>{}<td>{requested}<td>{answered}<td>{}<td>{}",
            class(counterexample, at),
            letter(at),
            escape(&label(&part.operation)),
            part.operation.client,
            escape(&part.operation.asked),
            place.map_or_else(String::new, |p| (p + 1).to_string()),
            place.map_or_else(String::new, |p| escape(&state(&counterexample.longest[p].1)))
        );
    }
    out.push_str("</table>");
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('\'', "&#39;").replace('"', "&quot;")
}
