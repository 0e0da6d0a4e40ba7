//! What a layer's tensors are called: the names of PyTorch's `state_dict`.

use std::rc::Rc;

use super::builtins::{all_modules, named_parameters, submodules};
use super::interp::{Eval, Interp};
use super::root::Fail;
use super::tensor::{Role, Storage, Tensor};
use super::value::{Instance, Value};
use super::{State, StateKind, StateOf};
use crate::finding::FindingKind;
use crate::ir::ParamKind;

/// More entries than this are a text that shares modules to exhaust its reader.
const MOST: usize = 20_000;
/// Modules within modules.
const DEEPEST: usize = 100;

/// Turn the storages of parameters and buffers into the graph's named tensors; the answer has every name of the
/// `state_dict` and what is not part of it.
pub fn name_parameters(s: &mut Interp<'_>, root: &Rc<Instance>) -> Result<Vec<State>, Fail> {
    let mut owners: Vec<Rc<Storage>> = Vec::new();
    for (name, value) in named_parameters(root) {
        if let Value::Tensor(t) = value {
            let kind = match t.storage.role.get() {
                Role::Parameter(true) => ParamKind::Trained,
                _ => ParamKind::Buffer,
            };
            own(s, &name, &t, kind, &mut owners)?;
        }
    }
    for (prefix, module) in all_modules(root) {
        for (name, _) in buffers(&module) {
            let Some(Value::Tensor(t)) = module.get(&name) else { continue };
            let t = match t.is_view() {
                false => t,
                // What is registered is a tensor of its own from here on.
                true => {
                    let whole = Tensor::fresh(s.read(&t)?, t.layout);
                    module.set(&name, Value::Tensor(whole.clone()));
                    whole
                }
            };
            own(s, &joined(&prefix, &name), &t, ParamKind::Buffer, &mut owners)?;
        }
    }
    Ok(state(s, root, &owners)?)
}

/// Make a storage a named tensor of the graph, unless it is one.
fn own(s: &mut Interp<'_>, name: &str, tensor: &Tensor, kind: ParamKind, owners: &mut Vec<Rc<Storage>>) -> Eval<()> {
    if owners.iter().any(|st| Rc::ptr_eq(st, &tensor.storage)) {
        return Ok(());
    }
    owners.push(tensor.storage.clone());
    let init = s.read(tensor)?;
    let span = s.graph.node(init).span;
    s.at_span(span);
    let made = s.graph.param(name, kind, init);
    let node = s.made(made)?;
    tensor.storage.node.set(node);
    tensor.storage.version.set(tensor.storage.version.get() + 1);
    Ok(())
}

/// Every name of the `state_dict`, shared tensors under each of theirs, and buffers that are not kept.
fn state(s: &mut Interp<'_>, root: &Rc<Instance>, owners: &[Rc<Storage>]) -> Eval<Vec<State>> {
    let mut found = Vec::new();
    let mut pending = vec![(String::new(), root.clone(), 0)];
    while let Some((prefix, module, depth)) = pending.pop() {
        let registered = buffers(&module);
        for (name, value) in module.attrs.borrow().strings() {
            let buffer = registered.iter().find(|(own, _)| *own == name);
            let of = match value {
                Value::Tensor(t) if buffer.is_some() || t.is_parameter() => {
                    match owners.iter().position(|st| Rc::ptr_eq(st, &t.storage)) {
                        Some(owner) => StateOf::Param(owner),
                        None => continue,
                    }
                }
                Value::Complex(_) if buffer.is_some() => StateOf::Computed,
                _ => continue,
            };
            let kind = match buffer {
                None => StateKind::Parameter,
                Some((_, true)) => StateKind::Buffer,
                Some((_, false)) => StateKind::Scratch,
            };
            found.push(State { name: joined(&prefix, &name), of, kind });
        }
        for (name, inner) in submodules(&module).into_iter().rev() {
            pending.push((joined(&prefix, &name), inner, depth + 1));
        }
        if depth > DEEPEST || found.len() + pending.len() > MOST {
            return Err(s
                .fault(FindingKind::Limit, "the module holds too many tensors or modules to name them")
                .into());
        }
    }
    Ok(found)
}

/// Names of a module's buffers, and whether `state_dict` has them.
fn buffers(module: &Instance) -> Vec<(Rc<str>, bool)> {
    let made = |v: &Value| match v {
        Value::Tensor(t) => match t.storage.role.get() {
            Role::Buffer { persistent } if !t.is_view() => Some(persistent),
            _ => None,
        },
        _ => None,
    };
    let mut all = module.buffers.borrow().clone();
    for (name, value) in module.attrs.borrow().strings() {
        if let Some(persistent) = made(value)
            && !all.iter().any(|(own, _)| *own == name)
        {
            all.push((name, persistent));
        }
    }
    all
}

fn joined(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") }
}
