//! What a call of the layer leaves behind for the next.

use std::collections::HashMap;
use std::rc::Rc;

use super::Dims;
use super::builtins::all_modules;
use super::interp::{Interp, Stop};
use super::root::{Fail, forward};
use super::value::{Instance, Value};
use crate::finding::{Finding, FindingKind};
use crate::ir::{NodeId, Span};

/// Call the layer again: a different output or a moving state is a state between calls.
pub fn second_call(
    s: &mut Interp<'_>,
    object: &Value,
    root: &Rc<Instance>,
    (input, output): (NodeId, NodeId),
    dims: &Dims,
    place: Span,
    (before, between): (HashMap<String, String>, HashMap<String, String>),
) -> Result<Vec<Finding>, Fail> {
    let mut moved: Vec<String> = before
        .iter()
        .filter(|(name, value)| name.starts_with("buffer ") && between.get(*name) != Some(value))
        .map(|(name, _)| name.clone())
        .collect();
    let again = match forward(s, object, input, dims, place) {
        Ok(again) => Some(again),
        // The first call went through, so what stops the second is what the first has left.
        Err(Fail::Stop(Stop::Fault(finding))) if finding.kind == FindingKind::Limit => {
            return Err(Fail::Stop(Stop::Fault(finding)));
        }
        Err(_) => None,
    };
    let after = fingerprint(s, root);
    moved.extend(after.iter().filter(|(name, value)| between.get(*name) != Some(value)).map(|(name, _)| name.clone()));
    if moved.is_empty() && again != Some(output) {
        moved.push("attribute ".to_owned());
    }
    moved.sort();
    moved.dedup();
    let writes = s.writes.borrow();
    let mut findings = Vec::new();
    for path in moved {
        let (kind, path) = path.split_once(' ').unwrap_or(("attribute", ""));
        let last = path.rsplit('.').next().unwrap_or(path);
        let by_name = writes.iter().find(|(name, _)| name == last);
        let span = by_name
            .or_else(|| writes.iter().find(|(name, _)| name.starts_with("a ")))
            .or(writes.first())
            .map_or(place, |w| w.1);
        let message = match path {
            "" => "forward leaves state that changes the next call's output".to_owned(),
            path => format!("forward changes the {kind} '{path}' from call to call"),
        };
        let finding = Finding::new(FindingKind::HiddenState, span, message)
            .hint("keep no state between calls: use local variables");
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
    Ok(findings)
}

/// A short description of every attribute of every module, to see what a call changes.
pub fn fingerprint(s: &Interp<'_>, root: &Rc<Instance>) -> HashMap<String, String> {
    let mut found = HashMap::new();
    for (prefix, module) in all_modules(root) {
        for (name, value) in module.attrs.borrow().strings() {
            let kind = match module.buffers.borrow().iter().any(|(own, _)| *own == name) {
                true => "buffer",
                false => "attribute",
            };
            let path = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            let mut text = String::new();
            describe(value, &mut text, 0);
            found.insert(format!("{kind} {path}"), text);
        }
    }
    for (name, value) in s.globals.vars.borrow().iter() {
        let mut text = String::new();
        describe(value, &mut text, 0);
        found.insert(format!("global {name}"), text);
    }
    found
}

fn describe(value: &Value, text: &mut String, depth: usize) {
    use std::fmt::Write;
    if depth > 6 || text.len() > 4096 {
        return;
    }
    let _ = match value {
        Value::Bool(b) => write!(text, "{b} "),
        Value::Int(i) => write!(text, "{i} "),
        Value::Float(x) => write!(text, "{x:?} "),
        Value::Str(t) => write!(text, "{t} "),
        Value::None => write!(text, "None "),
        Value::Tensor(t) => write!(text, "%{}v{} ", t.storage.node.get().0, usize::from(t.is_view())),
        Value::Tuple(items) => {
            items.iter().for_each(|v| describe(v, text, depth + 1));
            write!(text, "t{} ", items.len())
        }
        Value::List(list) => {
            list.items.borrow().iter().for_each(|v| describe(v, text, depth + 1));
            write!(text, "l{} ", list.items.borrow().len())
        }
        Value::Dict(table) | Value::Set(table) => {
            for (name, value) in table.map.borrow().iter() {
                describe(name, text, depth + 1);
                describe(value, text, depth + 1);
            }
            write!(text, "d{} ", table.map.borrow().len())
        }
        _ => Ok(()),
    };
}
