//! One class as the layer: construct it, name its parameters, call it.

use std::rc::Rc;

use ruff_python_ast::{self as ast, Stmt};
use ruff_text_size::Ranged;

use super::arguments::{construction, constructor_arguments};
use super::builtins::install;
use super::interp::{Body, Eval, Interp, Stop};
use super::names::name_parameters;
use super::search::Miss;
use super::state::{fingerprint, second_call};
use super::stmt::Flow;
use super::tensor::{Layout, Tensor};
use super::value::{Class, Phase, Value};
use super::{Attempt, Dims, Traced};
use crate::finding::{Finding, FindingKind};
use crate::ir::{DType, NodeId, Op, Span};

/// Trace one class; says why it is not the layer.
pub fn run<'a>(s: &mut Interp<'a>, module: &'a ast::ModModule, name: &str, dims: &Dims) -> (Attempt, Option<Miss>) {
    install(s);
    let mut attempt = Attempt { class: Some(name.to_owned()), ..Attempt::default() };
    let result = layer(s, module, name, dims, &mut attempt);
    let miss = match result {
        Ok(traced) if s.findings.is_empty() => {
            attempt.traced = Some(traced);
            None
        }
        Ok(_) | Err(Fail::Stop(Stop::Poisoned)) => Some(Miss::Refused),
        Err(Fail::Stop(Stop::Fault(finding))) => {
            s.findings.push(*finding);
            Some(Miss::Refused)
        }
        Err(Fail::Stop(Stop::Raise(raised))) => {
            let text = match raised.message.is_empty() {
                true => raised.class.name.to_string(),
                false => format!("{}: {}", raised.class.name, raised.message),
            };
            s.findings.push(Finding::new(FindingKind::Type, raised.span, text));
            Some(Miss::Refused)
        }
        Err(Fail::Unfit(finding)) => {
            s.findings.push(finding);
            Some(Miss::Unfit)
        }
    };
    attempt.findings = std::mem::take(&mut s.findings);
    attempt.findings.sort_by_key(|f| (f.line, f.column));
    if attempt.traced.is_none() && attempt.partial.is_some() {
        attempt.partial = Some(std::mem::take(&mut s.graph));
    }
    (attempt, miss)
}

pub enum Fail {
    Stop(Stop),
    Unfit(Finding),
}

impl From<Stop> for Fail {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

fn layer<'a>(
    s: &mut Interp<'a>,
    module: &'a ast::ModModule,
    name: &str,
    dims: &Dims,
    attempt: &mut Attempt,
) -> Result<Traced, Fail> {
    let globals = s.globals.clone();
    match s.block(&module.body, &globals)? {
        Flow::Next => {}
        _ => return Err(s.fault(FindingKind::Syntax, "'return' or 'break' outside a function or loop").into_stop()),
    }
    let class = match globals.vars.borrow().get(name).cloned() {
        Some(Value::Class(class)) => class,
        Some(Value::Missing(finding)) => return Err(s.missing(&finding).into()),
        _ => return Err(s.fault(FindingKind::Name, format!("'{name}' is not a class")).into_stop()),
    };
    if !class.is_a("Module") {
        return Err(Fail::Unfit(s.fault(FindingKind::Type, format!("{name} does not derive from nn.Module"))));
    }
    let place = module.body.iter().find_map(|stmt| match stmt {
        Stmt::ClassDef(c) if c.name.as_str() == name => Some(s.lines.span(c.name.range.start())),
        _ => None,
    });
    let place = place.unwrap_or(Span { line: 1, column: 1 });
    s.at_span(place);
    let (named, fields) = constructor_arguments(s, &class, dims, place)?;
    // Modules of the text's own level are none of its.
    s.begun = None;
    let object = match s.instantiate(&class, vec![], named.clone()) {
        Ok(object) => object,
        Err(stop) => {
            // Its parameters until then are known.
            if let Some(begun) = s.begun.take()
                && Rc::ptr_eq(&begun.class, &class)
                && name_parameters(s, &begun).is_ok()
            {
                attempt.partial = Some(Default::default());
            }
            return Err(stop.into());
        }
    };
    let Value::Instance(root) = &object else {
        return Err(s.fault(FindingKind::Type, format!("{name}() does not make a module")).into_stop());
    };
    if !s.findings.is_empty() && root.class.find("forward").is_none() {
        return Err(Fail::Stop(Stop::Poisoned));
    }
    let state = name_parameters(s, root)?;
    attempt.partial = Some(Default::default());
    s.phase = Phase::Forward;
    s.at_span(place);
    let made = s.graph.input("input", &[dims.batch, dims.time, dims.d_model], DType::F32);
    let input = s.made(made)?;
    fit_forward(s, &class, place)?;
    let before = fingerprint(s, root);
    let output = forward(s, &object, input, dims, place)?;
    let between = fingerprint(s, root);
    let path = std::mem::take(&mut s.path);
    let mut hidden_state = Vec::new();
    if s.findings.is_empty() {
        hidden_state = second_call(s, &object, root, (input, output), dims, place, (before, between))?;
    }
    s.graph.outputs = vec![output];
    registered(s, output)?;
    if !s.findings.is_empty() {
        return Err(Fail::Stop(Stop::Poisoned));
    }
    let (graph, notes) = (std::mem::take(&mut s.graph), std::mem::take(&mut s.notes));
    let construction = construction(&named, &fields);
    Ok(Traced { graph, class: name.to_owned(), construction, state, notes, hidden_state, path })
}

impl Finding {
    pub(super) fn into_stop(self) -> Fail {
        Fail::Stop(self.into())
    }

    /// It tells of something that the text imports or names and that is not there: refused once it is used.
    pub(super) fn absent(&self) -> bool {
        self.kind == FindingKind::Import
            || self.kind == FindingKind::Name && self.message.starts_with("unknown function or class")
    }
}

/// Refuse a forward that needs more than the input.
fn fit_forward(s: &mut Interp<'_>, class: &Rc<Class>, place: Span) -> Result<(), Fail> {
    let forward = match class.find("forward") {
        Some(Value::Function(f)) => f,
        Some(_) => return Ok(()),
        None => {
            let finding = Finding::new(FindingKind::Name, place, format!("{} has no forward", class.name));
            return Err(Fail::Unfit(finding.hint("define def forward(self, x)")));
        }
    };
    let code = s.codes[forward.code];
    let Some(params) = code.params else { return Ok(()) };
    let missing = required(params).into_iter().find(|p| !is_optional(s, p) && !is_repeated(params, p));
    match missing.map(|p| p.parameter.name.as_str()) {
        None => Ok(()),
        Some(name) => {
            let place = match code.body {
                Body::Block([first, ..]) => s.lines.span(first.start()),
                _ => place,
            };
            let message = format!("forward needs the argument '{name}' beside the input");
            Err(Fail::Unfit(Finding::new(FindingKind::Type, place, message).hint("give it a default")))
        }
    }
}

/// Arguments of forward beside the input that have no default.
fn required(params: &ast::Parameters) -> Vec<&ast::ParameterWithDefault> {
    let all = params.posonlyargs.iter().chain(&params.args).skip(2).chain(&params.kwonlyargs);
    all.filter(|p| p.default.is_none()).collect()
}

/// Masks and caches that training has none of.
fn is_optional(s: &Interp<'_>, p: &ast::ParameterWithDefault) -> bool {
    const NAMES: &[&str] = &[
        "attention_mask",
        "attn_mask",
        "mask",
        "key_padding_mask",
        "padding_mask",
        "past_key_values",
        "past_key_value",
        "cache",
        "cache_params",
        "inference_params",
    ];
    let annotated = p.parameter.annotation.as_deref().is_some_and(|a| {
        let text = &s.lines.text()[a.range().to_std_range()];
        text.contains("None") || text.contains("Optional")
    });
    annotated || NAMES.contains(&p.parameter.name.as_str())
}

/// Keys and values of attention to itself.
fn is_repeated(params: &ast::Parameters, p: &ast::ParameterWithDefault) -> bool {
    let query = params.args.get(1).map_or("", |q| q.parameter.name.as_str());
    let own: &[&str] = match query {
        "query" | "queries" => &["key", "value", "keys", "values"],
        "q" => &["k", "v"],
        _ => &[],
    };
    own.contains(&p.parameter.name.as_str())
}

/// What forward is called with beside the input.
fn beside(s: &Interp<'_>, object: &Value, x: &Value) -> Vec<(String, Value)> {
    let Value::Instance(root) = object else { return vec![] };
    let Some(Value::Function(forward)) = root.class.find("forward") else { return vec![] };
    let Some(params) = s.codes[forward.code].params else { return vec![] };
    let value = |p: &ast::ParameterWithDefault| match is_repeated(params, p) {
        true => x.clone(),
        false => Value::None,
    };
    required(params).into_iter().map(|p| (p.parameter.name.to_string(), value(p))).collect()
}

/// Names under which a record of results has the output.
const RESULTS: &[&str] = &["hidden_states", "last_hidden_state", "output", "out"];

pub fn forward(s: &mut Interp<'_>, object: &Value, input: NodeId, dims: &Dims, place: Span) -> Result<NodeId, Fail> {
    s.at_span(place);
    let x = Value::Tensor(Tensor::fresh(input, Layout::Contiguous));
    let named = beside(s, object, &x);
    let mut result = s.call(object, vec![x], named)?;
    // Layers return (output, aux, cache) or a dict; the output comes first.
    loop {
        result = match &result {
            Value::Tuple(items) if !items.is_empty() => items[0].clone(),
            // A named tuple, dataclass or other record of results.
            Value::Instance(record) => {
                let found = RESULTS.iter().find_map(|n| record.get(n));
                match found.or_else(|| record.tuple_items().into_iter().next()) {
                    Some(value) => value,
                    None => break,
                }
            }
            Value::List(list) if !list.items.borrow().is_empty() => list.items.borrow()[0].clone(),
            Value::Dict(table) => {
                let map = table.map.borrow();
                let named = RESULTS.iter().find_map(|n| map.get_str(n));
                match named.or_else(|| map.iter().next().map(|(_, v)| v)) {
                    Some(value) => value.clone(),
                    None => Value::None,
                }
            }
            _ => break,
        };
    }
    s.at_span(place);
    let wanted = [dims.batch, dims.time, dims.d_model];
    match &result {
        Value::Tensor(t) => {
            let node = s.read(t)?;
            if s.graph.shape(node) != wanted || s.graph.dtype(node) != DType::F32 {
                let (shape, dtype) = (s.graph.shape(node).to_vec(), s.graph.dtype(node));
                let finding = Finding::new(
                    FindingKind::Shape,
                    s.graph.node(node).span,
                    format!("forward maps {wanted:?} to {shape:?} ({dtype:?})"),
                );
                return Err(Fail::Unfit(finding.hint("return a float tensor of the input's shape")));
            }
            Ok(node)
        }
        Value::Poison => Err(Fail::Stop(Stop::Poisoned)),
        other => {
            let finding = Finding::new(FindingKind::Type, place, format!("forward returns {}", other.kind()));
            Err(Fail::Unfit(finding.hint("return a tensor [B, T, D]")))
        }
    }
}

/// Refuse random numbers that belong to no named tensor: PyTorch would not train, save or move them.
fn registered(s: &mut Interp<'_>, output: NodeId) -> Eval<()> {
    let live = s.graph.reachable(&[output]);
    let stray = s.graph.nodes().iter().zip(&live).find(|(n, live)| **live && matches!(n.op, Op::Random { .. }));
    match stray {
        None => Ok(()),
        Some((node, _)) => Err(Finding::new(
            FindingKind::Unsupported,
            node.span,
            "a random tensor that is no parameter or buffer of the module reaches the output",
        )
        .hint("use nn.Parameter, register_buffer, and nn.ModuleList instead of a plain list of modules")
        .into()),
    }
}
