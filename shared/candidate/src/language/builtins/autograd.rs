//! `torch.autograd.Function`: a forward with a backward of its own.
//!
//! The graph differentiates itself, so a backward is not kept as it is. One that multiplies the gradient element by
//! element (a straight-through estimator, a clipped or reversed gradient) becomes that product; one that is the
//! derivative of the forward is left to the graph; any other is refused.

use std::rc::Rc;

use super::module::object;
use super::{Args, Builtin};
use crate::finding::FindingKind;
use crate::ir::{Agreement, DType, Distribution, NodeId, Op, Pullback, Unary, agrees, is_product};
use crate::language::interp::{Eval, Interp, Stop};
use crate::language::tensor::{Layout, Tensor};
use crate::language::value::{Class, Instance, Phase, Value};

/// Streams of the leaves that stand for gradients, which no drawing reaches.
const COTANGENTS: u32 = u32::MAX - 64;

/// What classes that derive from `Function` have.
pub const FUNCTION: &[Builtin] = &[Builtin { name: "apply", places: 0, signature: "cls,*rest,**", run: apply }];

/// What is handed from forward to backward.
pub const CONTEXT: &[Builtin] = &[
    Builtin {
        name: "save_for_backward",
        places: 0,
        signature: "self,*rest",
        run: |s, a| {
            object(s, a)?.set("saved_tensors", Value::tuple(a.rest.clone()));
            Ok(Value::None)
        },
    },
    Builtin {
        name: "mark_non_differentiable",
        places: 0,
        signature: "self,*rest",
        run: |s, a| {
            object(s, a)?.set("@fixed", Value::tuple(a.rest.clone()));
            Ok(Value::None)
        },
    },
    Builtin {
        name: "set_materialize_grads|mark_dirty",
        places: 0,
        signature: "self,*rest",
        run: |_, _| Ok(Value::None),
    },
];

fn apply(s: &mut Interp<'_>, a: &Args) -> Eval<Value> {
    let Value::Class(class) = a.value("cls") else {
        return s.type_error("apply() is called on the class");
    };
    if let Some((name, _)) = a.extra.first() {
        return s.type_error(format!("{}.apply() takes no keyword arguments, got '{name}'", class.name));
    }
    let place = s.span;
    let (context, output) = run(s, class, &a.rest)?;
    s.at_span(place);
    if s.phase == Phase::Construct {
        return Ok(output);
    }
    let result = s.deeper(|s| with_gradient(s, class, &context, &a.rest, &output));
    s.at_span(place);
    result
}

/// The forward, and what it leaves for the backward.
fn run(s: &mut Interp<'_>, class: &Rc<Class>, args: &[Value]) -> Eval<(Rc<Instance>, Value)> {
    let context = Rc::new(Instance {
        class: s.classes["FunctionCtx"].clone(),
        attrs: Default::default(),
        buffers: Default::default(),
        born: s.phase,
    });
    context.set("saved_tensors", Value::tuple(vec![]));
    let wanted = args.iter().map(|v| Value::Bool(matches!(v, Value::Tensor(_)))).collect();
    context.set("needs_input_grad", Value::tuple(wanted));
    s.own_gradient += 1;
    let output = forward(s, class, &context, args);
    s.own_gradient -= 1;
    Ok((context, output?))
}

fn forward(s: &mut Interp<'_>, class: &Rc<Class>, context: &Rc<Instance>, args: &[Value]) -> Eval<Value> {
    let Some(function) = class.find("forward") else {
        return s.unsupported(format!("{} has no forward", class.name));
    };
    let this = Value::Instance(context.clone());
    let Some(setup) = class.find("setup_context") else {
        return s.call(&function, std::iter::once(this).chain(args.iter().cloned()).collect(), vec![]);
    };
    let output = s.call(&function, args.to_vec(), vec![])?;
    s.call(&setup, vec![this, Value::tuple(args.to_vec()), output.clone()], vec![])?;
    Ok(output)
}

/// The float tensors among some values, by place.
fn floats(s: &mut Interp<'_>, values: &[Value]) -> Eval<Vec<(usize, NodeId)>> {
    let mut found = Vec::new();
    for (i, value) in values.iter().enumerate() {
        if let Value::Tensor(t) = value {
            let node = s.read(t)?;
            if s.graph.dtype(node) == DType::F32 {
                found.push((i, node));
            }
        }
    }
    Ok(found)
}

fn with_gradient(
    s: &mut Interp<'_>,
    class: &Rc<Class>,
    context: &Rc<Instance>,
    args: &[Value],
    output: &Value,
) -> Eval<Value> {
    let outputs = match output {
        Value::Tuple(items) => items.to_vec(),
        single => vec![single.clone()],
    };
    let mut results = outputs.clone();
    let fixed = match context.get("@fixed") {
        Some(Value::Tuple(items)) => items.to_vec(),
        _ => vec![],
    };
    let is_fixed =
        |v: &Value| fixed.iter().any(|f| matches!((f, v), (Value::Tensor(f), Value::Tensor(v)) if Rc::ptr_eq(f, v)));
    let inputs = floats(s, args)?;
    let trained = s.no_grad == 0 && inputs.iter().any(|(_, x)| s.differentiable[x.index()]);
    let made = floats(s, &outputs)?;
    let (kept, open): (Vec<_>, Vec<_>) = made.into_iter().partition(|(i, _)| !trained || is_fixed(&outputs[*i]));
    for (i, y) in kept {
        results[i] = detached(s, y)?;
    }
    if !open.is_empty() {
        let xs: Vec<NodeId> = inputs.iter().map(|(_, x)| *x).collect();
        let ys: Vec<NodeId> = open.iter().map(|(_, y)| *y).collect();
        let cotangents: Vec<NodeId> = (0..ys.len())
            .map(|k| {
                let op = Op::Random { distribution: Distribution::Normal, stream: COTANGENTS + k as u32 % 64 };
                let shape = s.graph.shape(ys[k]).to_vec();
                let made = s.graph.push(op, &[], (&shape, DType::F32));
                s.made(made)
            })
            .collect::<Eval<_>>()?;
        let shape = |s: &Interp<'_>, id: NodeId| s.graph.shape(id).to_vec();
        let gradients = backward(s, class, context, (args.len(), &inputs), &outputs, &open, &cotangents)?;
        let same_shape = (gradients.iter().zip(&xs)).all(|(g, x)| g.is_none_or(|g| shape(s, g) == shape(s, *x)));
        if !same_shape {
            return s.unsupported(format!(
                "the backward of {} gives gradients of other shapes than its inputs",
                class.name
            ));
        }
        let product = ys.len() == 1
            && gradients.iter().flatten().all(|&g| is_product(&s.graph, &mut s.constants, cotangents[0], g));
        if product {
            let full = s.graph.full(&shape(s, ys[0]), 1.0, DType::F32);
            let one = s.made(full)?;
            let factors = backward(s, class, context, (args.len(), &inputs), &outputs, &open, &[one])?;
            results[open[0].0] = attached(s, ys[0], &xs, &factors)?;
        } else {
            // What has no gradient anyway stays where it is.
            let (xs, gradients): (Vec<NodeId>, Vec<_>) =
                xs.into_iter().zip(gradients).filter(|(x, _)| s.differentiable[x.index()]).unzip();
            let pullback = Pullback { inputs: &xs, outputs: &ys, cotangents: &cotangents, gradients: &gradients };
            derivative(s, class, &pullback, args)?;
        }
    }
    Ok(match output {
        Value::Tuple(_) => Value::tuple(results),
        _ => results.remove(0),
    })
}

fn detached(s: &mut Interp<'_>, y: NodeId) -> Eval<Value> {
    let made = s.graph.unary(Unary::Detach, y);
    let node = s.made(made)?;
    Ok(Value::Tensor(Tensor::fresh(node, Layout::Contiguous)))
}

/// The gradients of the float inputs that backward makes of these of the outputs.
fn backward(
    s: &mut Interp<'_>,
    class: &Rc<Class>,
    context: &Rc<Instance>,
    (count, inputs): (usize, &[(usize, NodeId)]),
    outputs: &[Value],
    open: &[(usize, NodeId)],
    given: &[NodeId],
) -> Eval<Vec<Option<NodeId>>> {
    let Some(function) = class.find("backward") else {
        let finding = s.fault(FindingKind::Unsupported, format!("{} has no backward", class.name));
        return Err(finding.hint("define backward, or call the forward as a function").into());
    };
    let place = s.span;
    let mut args = vec![Value::Instance(context.clone())];
    for (i, _) in outputs.iter().enumerate() {
        let at = open.iter().position(|(k, _)| *k == i);
        args.push(match at {
            Some(k) => Value::Tensor(Tensor::fresh(given[k], Layout::Contiguous)),
            None => Value::None,
        });
    }
    s.no_grad += 1;
    let found = s.call(&function, args, vec![]);
    s.no_grad -= 1;
    let found = found?;
    s.at_span(place);
    let found = match found {
        Value::Tuple(items) => items.to_vec(),
        Value::List(list) => list.items.borrow().clone(),
        single => vec![single],
    };
    if found.len() < count || found[count..].iter().any(|v| !v.is_none()) {
        let message = format!("the backward of {} gives {} gradients for {count} inputs", class.name, found.len());
        return s.raise("RuntimeError", message);
    }
    let mut gradients = Vec::new();
    for (i, _) in inputs {
        gradients.push(match &found[*i] {
            Value::Tensor(g) => Some(s.read(g)?),
            Value::None => None,
            other => return s.type_error(format!("the backward of {} gives {}", class.name, other.kind())),
        });
    }
    Ok(gradients)
}

/// The value of y, through which the gradient of each x passes times its factor.
fn attached(s: &mut Interp<'_>, y: NodeId, xs: &[NodeId], factors: &[Option<NodeId>]) -> Eval<Value> {
    let made = s.graph.unary(Unary::Detach, y);
    let mut result = s.made(made)?;
    for (&x, factor) in xs.iter().zip(factors) {
        let Some(factor) = *factor else { continue };
        if !s.differentiable[x.index()] {
            continue;
        }
        let fixed = s.graph.unary(Unary::Detach, x);
        let fixed = s.made(fixed)?;
        let moved = s.graph.sub(x, fixed);
        let moved = s.made(moved)?;
        let fixed = match s.differentiable[factor.index()] {
            true => s.graph.unary(Unary::Detach, factor),
            false => Ok(factor),
        };
        let fixed = s.made(fixed)?;
        let product = s.graph.mul(moved, fixed);
        let product = s.made(product)?;
        let sum = s.graph.add(result, product);
        result = s.made(sum)?;
    }
    Ok(Value::Tensor(Tensor::fresh(result, Layout::Contiguous)))
}

/// Refuse a backward that is not the derivative of its forward.
fn derivative(s: &mut Interp<'_>, class: &Rc<Class>, pullback: &Pullback<'_>, args: &[Value]) -> Eval<()> {
    let key: Vec<NodeId> =
        pullback.outputs.iter().copied().chain(pullback.gradients.iter().flatten().copied()).collect();
    if s.compared.contains(&key) {
        return Ok(());
    }
    let message = match agrees(&s.graph, pullback) {
        Agreement::Equal => {
            s.note(format!(
                "the backward of {} was found to be the derivative of its forward, which is taken",
                class.name
            ));
            s.compared.insert(key);
            return Ok(());
        }
        Agreement::Different => format!(
            "the backward of {} is neither the derivative of its forward nor a product of the gradient, element by element",
            class.name
        ),
        Agreement::Unknown if one_row_agrees(s, class, args)? => {
            s.compared.insert(key);
            return Ok(());
        }
        Agreement::Unknown => {
            format!("whether the backward of {} is the derivative of its forward cannot be tried", class.name)
        }
    };
    Err(s
        .fault(FindingKind::Unsupported, message)
        .hint("call the forward as a function, or write an own gradient as y.detach() + (x - x.detach()) * factor")
        .into())
}

/// Try what is too large on the first row of the batch.
fn one_row_agrees(s: &mut Interp<'_>, class: &Rc<Class>, args: &[Value]) -> Eval<bool> {
    let mut nodes = Vec::new();
    for (i, value) in args.iter().enumerate() {
        if let Value::Tensor(t) = value {
            nodes.push((i, s.read(t)?));
        }
    }
    let rows = nodes.iter().map(|(_, n)| s.graph.shape(*n)).find(|d| d.len() >= 3).map_or(1, |d| d[0]);
    if rows < 2 {
        return Ok(false);
    }
    let mut small = args.to_vec();
    for (i, node) in nodes {
        if s.graph.shape(node).first() == Some(&rows) {
            let made = s.graph.slice(node, 0, 0, 1, 1);
            small[i] = Value::Tensor(Tensor::fresh(s.made(made)?, Layout::Contiguous));
        }
    }
    let place = s.span;
    let tried = run(s, class, &small).and_then(|(context, output)| {
        s.at_span(place);
        s.deeper(|s| with_gradient(s, class, &context, &small, &output))
    });
    s.at_span(place);
    match tried {
        Ok(_) => Ok(true),
        Err(Stop::Fault(finding)) if finding.kind == FindingKind::Limit => Err(Stop::Fault(finding)),
        Err(_) => Ok(false),
    }
}
