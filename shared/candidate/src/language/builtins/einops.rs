//! `einops.rearrange`, `repeat`, `reduce` and `einsum`.

use super::{Args, Builtin, EINOPS};
use crate::finding::FindingKind;
use crate::ir::{NodeId, Reduction};
use crate::language::interp::{Eval, Interp};
use crate::language::tensor::Tensor;
use crate::language::value::Value;

pub const TABLE: &[Builtin] = &[
    Builtin {
        name: "rearrange",
        places: EINOPS,
        signature: "tensor,pattern,**",
        run: |s, a| apply(s, a, Kind::Rearrange),
    },
    Builtin { name: "repeat", places: EINOPS, signature: "tensor,pattern,**", run: |s, a| apply(s, a, Kind::Repeat) },
    Builtin {
        name: "reduce",
        places: EINOPS,
        signature: "tensor,pattern,reduction,**",
        run: |s, a| {
            let reduction = a.string(s, "reduction")?;
            let kind = match &*reduction {
                "sum" => Kind::Reduce(Some(Reduction::Sum)),
                "mean" => Kind::Reduce(None),
                "max" => Kind::Reduce(Some(Reduction::Max)),
                "min" => Kind::Reduce(Some(Reduction::Min)),
                "prod" => Kind::Reduce(Some(Reduction::Prod)),
                other => return s.value_error(format!("reduce(): unknown reduction '{other}'")),
            };
            apply(s, a, kind)
        },
    },
    Builtin {
        name: "einsum",
        places: EINOPS,
        signature: "*operands",
        run: |s, a| {
            // einops puts the equation last and gives axes whole words.
            let Some((Value::Str(equation), operands)) = a.rest.split_last() else {
                return s.type_error("einops.einsum(): the last argument is the pattern");
            };
            let mut names: Vec<String> = Vec::new();
            let mut short = String::new();
            let mut word = String::new();
            for c in format!("{equation} ").chars() {
                if c.is_alphanumeric() || c == '_' {
                    word.push(c);
                    continue;
                }
                if !word.is_empty() {
                    let at = names.iter().position(|n| *n == word).unwrap_or_else(|| {
                        names.push(word.clone());
                        names.len() - 1
                    });
                    let Some(letter) = ('a'..='z').chain('A'..='Z').nth(at) else {
                        return s.unsupported("einops.einsum() with more than 52 axes");
                    };
                    short.push(letter);
                    word.clear();
                }
                if !c.is_whitespace() {
                    short.push(c);
                }
            }
            let mut nodes = Vec::new();
            for value in operands {
                let Value::Tensor(_) = value else { return s.type_error("einops.einsum(): operands must be tensors") };
                nodes.push(s.node_of(value, crate::ir::DType::F32)?);
            }
            let node = super::einsum::einsum(s, &short, &nodes)?;
            s.tensor(Ok(node))
        },
    },
];

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Rearrange,
    Repeat,
    /// `None`: mean.
    Reduce(Option<Reduction>),
}

/// One side of a pattern: groups of axes; a group of one is an axis of its own.
type Side = Vec<Vec<String>>;

fn apply(s: &mut Interp<'_>, a: &Args, kind: Kind) -> Eval<Value> {
    let pattern = a.string(s, "pattern")?;
    let mut source = None;
    let mut node = match a.value("tensor") {
        Value::Tensor(t) => {
            source = Some(t.clone());
            s.read(t)?
        }
        // A list of tensors is stacked first.
        Value::List(_) | Value::Tuple(_) => {
            let stack = super::find(super::TORCH, "stack").expect("in the table");
            let value = s.call(&Value::Native(stack), vec![a.value("tensor").clone()], vec![])?;
            s.node_of_any(&value)?
        }
        other => return s.type_error(format!("einops: expected a tensor, got {}", other.kind())),
    };
    let mut sizes: Vec<(String, usize)> = Vec::new();
    for (name, value) in &a.extra {
        let n = a.int_of(s, name, value)?;
        sizes.push((name.clone(), a.size_of(s, n)?));
    }
    let shape = s.graph.shape(node).to_vec();
    let Some((left, right)) = pattern.split_once("->") else {
        return s.value_error(format!("einops '{pattern}': '->' is missing"));
    };
    let (mut left, mut right) = (side(s, &pattern, left)?, side(s, &pattern, right)?);
    // `...` becomes axes named by numbers that no pattern can hold.
    if let Some(at) = left.iter().position(|g| g.iter().any(|n| n == "...")) {
        if shape.len() + 1 < left.len() {
            return mismatch(s, &pattern, &shape);
        }
        let n = shape.len() + 1 - left.len();
        let names: Vec<String> = (0..n).map(|i| format!(".{i}")).collect();
        left.splice(at..=at, names.iter().map(|n| vec![n.clone()]));
        let mut spread = Side::new();
        for group in right {
            match group.iter().position(|n| n == "...") {
                Some(_) if group.len() == 1 && !group[0].starts_with('(') => {
                    spread.extend(names.iter().map(|n| vec![n.clone()]))
                }
                Some(i) => {
                    let mut group = group.clone();
                    group.splice(i..=i, names.iter().cloned());
                    group.retain(|n| !n.starts_with('('));
                    spread.push(group);
                }
                None => spread.push(group),
            }
        }
        right = spread;
    }
    for group in left.iter_mut().chain(right.iter_mut()) {
        group.retain(|n| !n.starts_with('('));
    }
    if left.len() != shape.len() {
        return mismatch(s, &pattern, &shape);
    }
    // Sizes of all axes of the left side.
    for (group, &total) in left.iter().zip(&shape) {
        let unknown: Vec<_> = group.iter().filter(|n| !sizes.iter().any(|(m, _)| m == *n)).cloned().collect();
        let known: usize = group.iter().filter_map(|n| sizes.iter().find(|(m, _)| m == n)).map(|(_, d)| d).product();
        match &unknown[..] {
            [] if known == total => {}
            [name] if known > 0 && total % known == 0 => sizes.push((name.clone(), total / known)),
            [_, _, ..] => {
                return s
                    .value_error(format!("einops '{pattern}': the sizes of {} must be given", unknown.join(" and ")));
            }
            _ => {
                let message = format!(
                    "einops '{pattern}': a dimension of size {total} is not divisible as ({})",
                    group.join(" ")
                );
                return Err(s.fault(FindingKind::Shape, message).into());
            }
        }
    }
    let size = |name: &str| sizes.iter().find(|(m, _)| m == name).map(|(_, d)| *d);
    let from: Vec<String> = left.concat();
    let to: Vec<String> = right.concat();
    for side in [&from, &to] {
        if let Some(twice) = side.iter().enumerate().find(|(i, n)| side[..*i].contains(n)).map(|(_, n)| n) {
            return s.value_error(format!("einops '{pattern}': axis '{twice}' appears twice"));
        }
    }
    let added: Vec<_> = to.iter().filter(|n| !from.contains(n)).collect();
    let dropped: Vec<_> = from.iter().filter(|n| !to.contains(n)).cloned().collect();
    let bad = match kind {
        Kind::Rearrange => added.first().copied().or(dropped.first().filter(|n| size(n) != Some(1))),
        Kind::Repeat => {
            dropped.first().filter(|n| size(n) != Some(1)).or(added.iter().copied().find(|n| size(n).is_none()))
        }
        Kind::Reduce(_) => added.first().copied(),
    };
    if let Some(bad) = bad {
        return s.value_error(format!("einops '{pattern}': axis '{bad}' stands on one side only or has no size"));
    }
    if let Some((unused, _)) = sizes.iter().find(|(n, _)| !from.contains(n) && !to.contains(n)) {
        return s.value_error(format!("einops '{pattern}': there is no axis '{unused}'"));
    }
    // Split, reduce, order, repeat, merge.
    let split: Vec<usize> = from.iter().map(|n| size(n).unwrap_or(1)).collect();
    if kind == Kind::Rearrange
        && let Some(tensor) = &source
        && dropped.is_empty()
    {
        return as_views(s, tensor, &split, &from, &to, &right, &size);
    }
    let made = s.graph.reshape(node, &split);
    node = s.made(made)?;
    let axes: Vec<usize> = (0..from.len()).filter(|&i| dropped.contains(&from[i])).collect();
    let made = match kind {
        Kind::Reduce(Some(reduction)) => s.graph.reduce(reduction, node, &axes),
        Kind::Reduce(None) => s.graph.mean(node, &axes),
        _ => Ok(node),
    };
    node = s.made(made)?;
    let kept: Vec<usize> = (0..from.len()).filter(|i| !axes.contains(i)).collect();
    let kept_shape: Vec<usize> = kept.iter().map(|&i| split[i]).collect();
    let made = s.graph.reshape(node, &kept_shape);
    node = s.made(made)?;
    let perm: Vec<usize> = to.iter().filter_map(|n| kept.iter().position(|&i| from[i] == *n)).collect();
    let made = s.graph.permute(node, &perm);
    node = s.made(made)?;
    let thin: Vec<usize> = to.iter().map(|n| if from.contains(n) { size(n).unwrap_or(1) } else { 1 }).collect();
    let wide: Vec<usize> = to.iter().map(|n| size(n).unwrap_or(1)).collect();
    let merged: Vec<usize> = right.iter().map(|g| g.iter().map(|n| size(n).unwrap_or(1)).product()).collect();
    let made =
        s.graph.reshape(node, &thin).and_then(|x| s.graph.expand(x, &wide)).and_then(|x| s.graph.reshape(x, &merged));
    s.tensor(made)
}

/// A pure rearrangement, as the views that einops makes.
fn as_views(
    s: &mut Interp<'_>,
    tensor: &std::rc::Rc<Tensor>,
    split: &[usize],
    from: &[String],
    to: &[String],
    right: &Side,
    size: &dyn Fn(&str) -> Option<usize>,
) -> Eval<Value> {
    let ints = |dims: &[usize]| dims.iter().map(|&d| d as i64).collect::<Vec<_>>();
    let Value::Tensor(x) = s.reshape(tensor, &ints(split), false)? else { unreachable!("reshape makes a tensor") };
    let perm: Vec<usize> = to.iter().filter_map(|n| from.iter().position(|m| m == n)).collect();
    let x = s.permuted(&x, perm)?;
    let merged: Vec<usize> = right.iter().map(|g| g.iter().map(|n| size(n).unwrap_or(1)).product()).collect();
    s.reshape(&x, &ints(&merged), false)
}

fn mismatch<T>(s: &mut Interp<'_>, pattern: &str, shape: &[usize]) -> Eval<T> {
    let message = format!("einops '{pattern}' does not fit a tensor of shape {shape:?}");
    Err(s.fault(FindingKind::Shape, message).into())
}

/// Parse one side. A group in parentheses is marked by "(" so that `(...)` differs from `...`; `1` is an empty group.
fn side(s: &mut Interp<'_>, pattern: &str, text: &str) -> Eval<Side> {
    let spaced = text.replace('(', " ( ").replace(')', " ) ").replace("...", " ... ").replace('…', " ... ");
    let mut groups: Side = Vec::new();
    let mut open = false;
    for token in spaced.split_whitespace() {
        match token {
            "(" if open => return s.value_error(format!("einops '{pattern}': nested parentheses")),
            "(" => {
                open = true;
                groups.push(vec!["(".to_owned()]);
            }
            ")" if !open => return s.value_error(format!("einops '{pattern}': unbalanced parentheses")),
            ")" => open = false,
            "1" if open => {}
            "1" => groups.push(vec![]),
            name if name == "..." || name.chars().all(|c| c.is_alphanumeric() || c == '_') => match open {
                true => groups.last_mut().expect("opened").push(name.to_owned()),
                false => groups.push(vec![name.to_owned()]),
            },
            bad => return s.value_error(format!("einops '{pattern}': '{bad}' is not an axis")),
        }
    }
    match open {
        true => s.value_error(format!("einops '{pattern}': unbalanced parentheses")),
        false => Ok(groups),
    }
}

impl Interp<'_> {
    /// The node of a tensor value.
    pub fn node_of_any(&mut self, value: &Value) -> Eval<NodeId> {
        match value {
            Value::Tensor(t) => self.read(t),
            other => self.type_error(format!("expected a tensor, got {}", other.kind())),
        }
    }
}
