//! Where a layer's costs arise, by function and by line of its text.

use std::collections::BTreeMap;

use move37_candidate::cost::LineCost;
use move37_candidate::gate::GateReport;
use serde::Serialize;

use crate::view::{bytes, count, flops};

/// Widest line of the page.
const WIDTH: usize = 100;
/// Lines of the text that are shown.
const ROWS: usize = 30;
/// Cells of a bar.
const BAR: usize = 6;

/// What a function or class of the text costs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FunctionCost {
    /// Dotted name; empty for what stands outside.
    pub name: String,
    /// Its first line.
    pub line: u32,
    /// FLOPs of one sequence.
    pub flops: u64,
    /// Activation bytes of one sequence.
    pub bytes: u64,
    /// Trained parameters.
    pub parameters: u64,
}

/// Costs by the innermost function or class around each line, dearest first.
pub fn functions(source: &str, report: &GateReport) -> Vec<FunctionCost> {
    let around = enclosing(source);
    let mut found: BTreeMap<u32, FunctionCost> = BTreeMap::new();
    for cost in &report.lines {
        let place = (cost.line as usize).checked_sub(1).and_then(|line| around.get(line));
        let (line, name) = place.cloned().unwrap_or_default();
        let of = found.entry(line).or_insert_with(|| FunctionCost { name, line, ..FunctionCost::default() });
        of.flops += cost.flops;
        of.bytes += cost.bytes;
        of.parameters += cost.parameters;
    }
    let mut all: Vec<FunctionCost> = found.into_values().collect();
    all.sort_by(|a, b| b.flops.cmp(&a.flops).then(a.line.cmp(&b.line)));
    all
}

/// For each line of a text the first line and the dotted name of the innermost definition around it, as indentation tells.
fn enclosing(source: &str) -> Vec<(u32, String)> {
    let mut open: Vec<(usize, u32, String)> = Vec::new();
    let mut found = Vec::new();
    for (line, number) in source.lines().zip(1..) {
        let body = line.trim_start();
        let indentation = line.len() - body.len();
        let words = ["def ", "async def ", "class "];
        let defined = words.iter().find_map(|word| body.strip_prefix(word));
        // What closes a bracket belongs to what opened it.
        if !body.is_empty() && !body.starts_with([')', ']', '}', '#']) {
            while open.last().is_some_and(|(outer, ..)| *outer >= indentation) {
                open.pop();
            }
        }
        if let Some(rest) = defined {
            let own: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            let name = open.last().map_or(own.clone(), |(.., outer)| format!("{outer}.{own}"));
            open.push((indentation, number, name));
        }
        found.push(open.last().map_or((0, String::new()), |(_, line, name)| (*line, name.clone())));
    }
    found
}

/// The page.
pub fn lines(source: &str, report: &GateReport) -> Vec<String> {
    if report.lines.is_empty() {
        return vec!["  nothing was computed as far as the text could be traced".to_owned()];
    }
    let total = report.lines.iter().fold(LineCost::default(), |sum, line| LineCost {
        line: 0,
        flops: sum.flops + line.flops,
        bytes: sum.bytes + line.bytes,
        parameters: sum.parameters + line.parameters,
    });
    let length = report.flops.first().map_or(0, |at| at.length);
    let mut page = vec![
        String::new(),
        format!("  one sequence of T = {length}, forward: FLOPs, bytes of all results, trained weights; by function"),
        head(),
    ];
    for of in functions(source, report) {
        let cost = LineCost { line: of.line, flops: of.flops, bytes: of.bytes, parameters: of.parameters };
        let name = if of.name.is_empty() { "(outside functions)" } else { &of.name };
        page.push(row(&cost, &total, name));
    }
    page.extend([String::new(), "  by line, dearest first".to_owned(), head()]);
    let mut dearest = report.lines.clone();
    let weight = |line: &LineCost| share(line.flops, total.flops) + share(line.bytes, total.bytes);
    dearest.sort_by(|a, b| weight(b).total_cmp(&weight(a)).then(a.line.cmp(&b.line)));
    let source: Vec<&str> = source.lines().collect();
    for cost in dearest.iter().take(ROWS) {
        let text = (cost.line as usize).checked_sub(1).and_then(|line| source.get(line)).map_or("", |line| line.trim());
        page.push(row(cost, &total, text));
    }
    if dearest.len() > ROWS {
        let rest = dearest[ROWS..].iter().map(|line| line.flops).sum::<u64>();
        let more = dearest.len() - ROWS;
        page.push(format!("  and {more} more lines with {:.1} % of the FLOPs", 100.0 * share(rest, total.flops)));
    }
    page.push(row(&total, &total, "in all"));
    page
}

fn head() -> String {
    format!("  {:>4} {:>11} {:>4} {:BAR$} {:>10} {:>4} {:>9}  text", "line", "FLOPs", "", "", "memory", "", "weights")
}

fn row(cost: &LineCost, total: &LineCost, text: &str) -> String {
    let (of_flops, of_bytes) = (share(cost.flops, total.flops), share(cost.bytes, total.bytes));
    let line = if cost.line == 0 { String::new() } else { cost.line.to_string() };
    let parameters = if cost.parameters == 0 { String::new() } else { count(cost.parameters) };
    let left = format!(
        "  {line:>4} {:>11} {:>3.0}% {:BAR$} {:>10} {:>3.0}% {parameters:>9}  ",
        flops(cost.flops as f64),
        100.0 * of_flops,
        bar(of_flops),
        bytes(cost.bytes as f64),
        100.0 * of_bytes
    );
    let room = WIDTH.saturating_sub(left.chars().count());
    let cut: String = match text.chars().count() > room {
        true => text.chars().take(room.saturating_sub(2)).chain("..".chars()).collect(),
        false => text.to_owned(),
    };
    format!("{left}{cut}").trim_end().to_owned()
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn bar(share: f64) -> String {
    let cells = (share * BAR as f64).round() as usize;
    "▇".repeat(cells.min(BAR))
}
