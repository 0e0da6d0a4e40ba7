//! Find the layer in the text, construct it, name its parameters, call it.

use std::collections::HashMap;
use std::rc::Rc;

use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{self as ast, Expr, Stmt};

use super::builtins::{all_modules, install, named_parameters};
use super::interp::{Body, Eval, Interp, Stop};
use super::parse::{Lines, parse, precheck};
use super::stmt::Flow;
use super::tensor::{Layout, Role, Tensor};
use super::value::{Class, Instance, Phase, Value};
use super::{ArgValue, Attempt, Dims, Options, Traced};
use crate::finding::{Finding, FindingKind};
use crate::ir::{DType, NodeId, Op, ParamKind, Span};

/// Reserved for the parser's and the interpreter's recursion; only what is used is ever touched.
const STACK: usize = 512 << 20;

/// Names that constructors use for D.
pub const WIDTH: &[&str] =
    &["d_model", "hidden_size", "dim", "embed_dim", "n_embd", "model_dim", "embedding_dim", "d_embed", "n_embed"];
/// Names for the number of heads.
pub const HEADS: &[&str] =
    &["num_heads", "n_heads", "heads", "n_head", "num_attention_heads", "nheads", "nhead", "num_head"];

/// Trace on a thread of its own with a large stack.
pub fn attempt(source: &str, dims: &Dims, options: &Options) -> Attempt {
    if let Some(finding) = precheck(source) {
        return refused(finding);
    }
    let traced = std::thread::scope(|scope| {
        let run = || attempt_here(source, dims, options);
        std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, run).map(|thread| thread.join())
    });
    match traced {
        Ok(Ok(attempt)) => attempt,
        Ok(Err(_)) => refused(Finding::new(
            FindingKind::Unsupported,
            Span::default(),
            "the tracer failed on this text, which is a defect of move37",
        )),
        Err(error) => {
            refused(Finding::new(FindingKind::Limit, Span::default(), format!("no thread for the tracer: {error}")))
        }
    }
}

fn refused(finding: Finding) -> Attempt {
    Attempt { findings: vec![finding], ..Attempt::default() }
}

/// Why a class is not the layer.
enum Miss {
    /// It is the layer, and it was refused.
    Refused,
    /// It does not map [B, T, D] to [B, T, D] or cannot be constructed from the model's dimensions.
    Unfit,
}

fn attempt_here(source: &str, dims: &Dims, options: &Options) -> Attempt {
    let lines = Lines::new(source);
    let module = match parse(&lines) {
        Ok(module) => module,
        Err(findings) => return Attempt { findings, ..Attempt::default() },
    };
    let names = match candidates(&module, options) {
        Ok(names) => names,
        Err(finding) => return refused(finding),
    };
    // A class that is unfit yields to the next; the first one's findings stand if none fits.
    let mut first = None;
    for name in names.iter().take(4) {
        let mut tracer = Interp::new(&lines, options.limits);
        let (attempt, miss) = run(&mut tracer, &module, name, dims);
        tracer.release();
        match miss {
            Some(Miss::Unfit) => drop(first.get_or_insert(attempt)),
            _ => return attempt,
        }
    }
    first.unwrap_or_else(|| {
        refused(
            Finding::new(FindingKind::Name, Span { line: 1, column: 1 }, "the text defines no nn.Module")
                .hint("define a class that derives from nn.Module and maps [B, T, D] to [B, T, D]"),
        )
    })
}

/// Classes to try: those that nothing else in the text names, the last first.
fn candidates(module: &ast::ModModule, options: &Options) -> Result<Vec<String>, Finding> {
    let classes: Vec<&ast::StmtClassDef> =
        module.body.iter().filter_map(|s| if let Stmt::ClassDef(c) = s { Some(c) } else { None }).collect();
    if let Some(wanted) = &options.class {
        return match classes.iter().any(|c| c.name.as_str() == wanted) {
            true => Ok(vec![wanted.clone()]),
            false => {
                let finding = Finding::new(
                    FindingKind::Name,
                    Span { line: 1, column: 1 },
                    format!("the text defines no class '{wanted}'"),
                );
                let names: Vec<_> = classes.iter().map(|c| c.name.as_str()).collect();
                Err(finding.hint(format!("it defines {}", names.join(", "))))
            }
        };
    }
    // Whether a class derives from nn.Module, as far as its bases' names tell.
    let mut modules: Vec<&str> = Vec::new();
    for class in &classes {
        let bases = class.arguments.as_ref().map(|a| &a.args[..]).unwrap_or_default();
        let derives = bases.iter().any(|b| match b {
            Expr::Name(n) => {
                modules.contains(&n.id.as_str())
                    || !classes.iter().any(|c| c.name.as_str() == n.id.as_str()) && n.id.as_str() != "object"
            }
            _ => true,
        });
        if derives {
            modules.push(class.name.as_str());
        }
    }
    let mut used: HashMap<String, usize> = HashMap::new();
    for class in &classes {
        let mut names = Names::default();
        class.body.iter().for_each(|s| names.visit_stmt(s));
        class.arguments.iter().for_each(|a| names.visit_arguments(a));
        names.0.retain(|n| n != class.name.as_str());
        names.0.into_iter().for_each(|n| *used.entry(n).or_default() += 1);
    }
    let free: Vec<String> = modules.iter().rev().filter(|n| !used.contains_key(**n)).map(|n| (*n).to_owned()).collect();
    let rest = modules.iter().rev().filter(|n| used.contains_key(**n)).map(|n| (*n).to_owned());
    Ok(free.iter().cloned().chain(rest).collect())
}

#[derive(Default)]
struct Names(Vec<String>);

impl<'a> Visitor<'a> for Names {
    fn visit_expr(&mut self, expr: &'a Expr) {
        if let Expr::Name(name) = expr {
            self.0.push(name.id.to_string());
        }
        walk_expr(self, expr);
    }

    fn visit_annotation(&mut self, _: &'a Expr) {}
}

fn run<'a>(s: &mut Interp<'a>, module: &'a ast::ModModule, name: &str, dims: &Dims) -> (Attempt, Option<Miss>) {
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

enum Fail {
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
    let Some(Value::Class(class)) = globals.vars.borrow().get(name).cloned() else {
        return Err(s.fault(FindingKind::Name, format!("'{name}' is not a class")).into_stop());
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
    let named = constructor_arguments(s, &class, dims, place)?;
    let object = s.instantiate(&class, vec![], named)?;
    let Value::Instance(root) = &object else {
        return Err(s.fault(FindingKind::Type, format!("{name}() does not make a module")).into_stop());
    };
    if !s.findings.is_empty() && root.class.find("forward").is_none() {
        return Err(Fail::Stop(Stop::Poisoned));
    }
    name_parameters(s, root)?;
    attempt.partial = Some(Default::default());
    s.phase = Phase::Forward;
    s.at_span(place);
    let made = s.graph.input("input", &[dims.batch, dims.time, dims.d_model], DType::F32);
    let input = s.made(made)?;
    fit_forward(s, &class, place)?;
    let before = fingerprint(s, root);
    let output = forward(s, &object, input, dims, place)?;
    let between = fingerprint(s, root);
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
    Ok(Traced { graph, class: name.to_owned(), notes, hidden_state })
}

impl Finding {
    fn into_stop(self) -> Fail {
        Fail::Stop(self.into())
    }
}

/// What the constructor is called with.
fn constructor_arguments(
    s: &mut Interp<'_>,
    class: &Rc<Class>,
    dims: &Dims,
    place: Span,
) -> Result<Vec<(String, Value)>, Fail> {
    let Some(Value::Function(init)) = class.find("__init__") else {
        return Ok(vec![]);
    };
    let code = s.codes[init.code];
    let Some(params) = code.params else { return Ok(vec![]) };
    let mut named = Vec::new();
    let all: Vec<&ast::ParameterWithDefault> =
        params.posonlyargs.iter().chain(&params.args).skip(1).chain(&params.kwonlyargs).collect();
    let names: Vec<&str> = all.iter().map(|p| p.parameter.name.as_str()).collect();
    let head_dim = dims.d_model / dims.num_heads.max(1);
    for (p, &name) in all.iter().zip(&names) {
        let required = p.default.is_none();
        let int = |n: usize| Some(Value::Int(n as i64));
        let value = match name {
            name if dims.args.contains_key(name) => Some(argument(&dims.args[name])),
            name if WIDTH.contains(&name) => int(dims.d_model),
            name if HEADS.contains(&name) => int(dims.num_heads),
            "hidden_dim" | "width" | "d" | "input_dim" | "d_in" | "in_features" | "in_dim" | "output_dim" | "d_out"
            | "out_dim" | "channels" | "features"
                if required =>
            {
                int(dims.d_model)
            }
            "head_dim" | "d_head" | "dim_head" | "head_size" if required => int(head_dim),
            "layer_idx" | "layer_id" if required => int(0),
            "config" | "cfg" if required => configuration(s, p, dims)?,
            _ => None,
        };
        match value {
            Some(value) => named.push((name.to_owned(), value)),
            None if required => {
                let finding = Finding::new(
                    FindingKind::Type,
                    place,
                    format!("{} needs the constructor argument '{name}'", class.name),
                );
                return Err(Fail::Unfit(finding.hint(format!("give it a default, or pass --arg {name}=VALUE"))));
            }
            None => {}
        }
    }
    for (name, value) in &dims.args {
        if !names.contains(&name.as_str()) {
            match params.kwarg {
                Some(_) => named.push((name.clone(), argument(value))),
                None => {
                    let near = super::suggest(name, names.iter().copied());
                    let hint = near
                        .map_or_else(|| format!("it takes {}", names.join(", ")), |n| format!("did you mean '{n}'?"));
                    let message = format!("{} has no constructor argument '{name}'", class.name);
                    return Err(Finding::new(FindingKind::Name, place, message).hint(hint).into_stop());
                }
            }
        }
    }
    Ok(named)
}

/// An object of the annotated configuration class, its fields set from the model's dimensions.
fn configuration(s: &mut Interp<'_>, p: &ast::ParameterWithDefault, dims: &Dims) -> Result<Option<Value>, Fail> {
    let Some(Expr::Name(name)) = p.parameter.annotation.as_deref() else { return Ok(None) };
    let found = s.globals.vars.borrow().get(name.id.as_str()).cloned();
    let Some(Value::Class(class)) = found else { return Ok(None) };
    let Some(fields) = class.fields.borrow().clone() else { return Ok(None) };
    let mut named = Vec::new();
    for (field, _) in &fields {
        let value = match &**field {
            name if dims.args.contains_key(name) => argument(&dims.args[name]),
            name if WIDTH.contains(&name) => Value::Int(dims.d_model as i64),
            name if HEADS.contains(&name) => Value::Int(dims.num_heads as i64),
            _ => continue,
        };
        named.push((field.to_string(), value));
    }
    Ok(Some(s.instantiate(&class, vec![], named)?))
}

fn argument(value: &ArgValue) -> Value {
    match value {
        ArgValue::None => Value::None,
        ArgValue::Bool(b) => Value::Bool(*b),
        ArgValue::Int(i) => Value::Int(*i),
        ArgValue::Float(x) => Value::Float(*x),
        ArgValue::Str(text) => Value::str(text),
    }
}

/// Turn the storages of parameters and buffers into the graph's named tensors.
fn name_parameters(s: &mut Interp<'_>, root: &Rc<Instance>) -> Result<(), Fail> {
    let mut seen: Vec<Rc<super::tensor::Storage>> = Vec::new();
    let mut entries: Vec<(String, Rc<Tensor>, ParamKind)> = Vec::new();
    for (name, value) in named_parameters(root) {
        if let Value::Tensor(t) = value {
            let kind = match t.storage.role.get() {
                Role::Parameter(true) => ParamKind::Trained,
                _ => ParamKind::Buffer,
            };
            entries.push((name, t, kind));
        }
    }
    for (prefix, module) in all_modules(root) {
        for name in module.buffers.borrow().iter() {
            if let Some(Value::Tensor(t)) = module.get(name) {
                let full = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
                entries.push((full, t, ParamKind::Buffer));
            }
        }
    }
    for (name, tensor, kind) in entries {
        if seen.iter().any(|st| Rc::ptr_eq(st, &tensor.storage)) {
            continue;
        }
        seen.push(tensor.storage.clone());
        let init = s.read(&tensor)?;
        let span = s.graph.node(init).span;
        s.at_span(span);
        if tensor.is_view() {
            // A buffer that is a view of something else gets memory of its own.
            continue;
        }
        let made = s.graph.param(&name, kind, init);
        let node = s.made(made)?;
        tensor.storage.node.set(node);
        tensor.storage.version.set(tensor.storage.version.get() + 1);
    }
    Ok(())
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
    let required: Vec<&str> = params
        .posonlyargs
        .iter()
        .chain(&params.args)
        .skip(2)
        .chain(&params.kwonlyargs)
        .filter(|p| p.default.is_none())
        .map(|p| p.parameter.name.as_str())
        .collect();
    match required.first() {
        None => Ok(()),
        Some(name) => {
            let place = match code.body {
                Body::Block([first, ..]) => s.lines.span(ruff_text_size::Ranged::start(first)),
                _ => place,
            };
            let message = format!("forward needs the argument '{name}' beside the input");
            Err(Fail::Unfit(Finding::new(FindingKind::Type, place, message).hint("give it a default")))
        }
    }
}

fn forward(s: &mut Interp<'_>, object: &Value, input: NodeId, dims: &Dims, place: Span) -> Result<NodeId, Fail> {
    s.at_span(place);
    let x = Value::Tensor(Tensor::fresh(input, Layout::Contiguous));
    let mut result = s.call(object, vec![x], vec![])?;
    // Layers return (output, aux, cache) or a dict; the output comes first.
    loop {
        result = match &result {
            Value::Tuple(items) if !items.is_empty() => items[0].clone(),
            Value::List(list) if !list.items.borrow().is_empty() => list.items.borrow()[0].clone(),
            Value::Dict(table) => {
                let map = table.map.borrow();
                let named = ["hidden_states", "last_hidden_state", "output", "out"].iter().find_map(|n| map.get_str(n));
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

/// Call the layer again: a different output or a moving state is a state between calls.
fn second_call(
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
fn fingerprint(s: &Interp<'_>, root: &Rc<Instance>) -> HashMap<String, String> {
    let mut found = HashMap::new();
    for (prefix, module) in all_modules(root) {
        for (name, value) in module.attrs.borrow().strings() {
            let kind = match module.buffers.borrow().contains(&name) {
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
