//! `torch.einsum`, lowered to permute, reshape, products and sums.

use super::{Builtin, TORCH};
use crate::finding::FindingKind;
use crate::ir::{NodeId, Op, Reduction};
use crate::language::interp::{Eval, Interp};
use crate::language::value::Value;

pub const TABLE: &[Builtin] = &[Builtin {
    name: "einsum",
    places: TORCH,
    signature: "equation,*operands",
    run: |s, a| {
        let equation = a.string(s, "equation")?;
        let operands = match &a.rest[..] {
            [list @ (Value::List(_) | Value::Tuple(_))] => s.iterate(list)?,
            operands => operands.to_vec(),
        };
        let mut nodes = Vec::new();
        for value in &operands {
            let Value::Tensor(_) = value else {
                return s.type_error(format!("einsum(): an operand is {}", value.kind()));
            };
            nodes.push(s.node_of(value, crate::ir::DType::F32)?);
        }
        let node = einsum(s, &equation, &nodes)?;
        s.tensor(Ok(node))
    },
}];

/// A tensor whose axes have labels. `...` axes have labels of their own.
struct Term {
    node: NodeId,
    labels: Vec<char>,
}

/// The sum over products that an equation names.
pub fn einsum(s: &mut Interp<'_>, equation: &str, operands: &[NodeId]) -> Eval<NodeId> {
    let equation: String = equation.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match equation.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (&equation[..], None),
    };
    let inputs: Vec<&str> = inputs.split(',').collect();
    if inputs.len() != operands.len() {
        return s.value_error(format!("einsum '{equation}': {} operands for {} terms", operands.len(), inputs.len()));
    }
    let mut terms = Vec::new();
    let mut sizes: Vec<(char, usize)> = Vec::new();
    let mut dots = 0;
    for (text, &node) in inputs.iter().zip(operands) {
        let shape = s.graph.shape(node).to_vec();
        let labels = expand_labels(s, &equation, text, shape.len(), &mut dots)?;
        for (&label, &size) in labels.iter().zip(&shape) {
            match sizes.iter_mut().find(|(l, _)| *l == label) {
                None => sizes.push((label, size)),
                Some((_, known)) if *known == size || size == 1 => {}
                Some((_, known)) if *known == 1 => *known = size,
                Some((_, known)) => {
                    let message = format!("einsum '{equation}': label '{label}' has sizes {known} and {size}");
                    return Err(s.fault(FindingKind::Shape, message).into());
                }
            }
        }
        terms.push(Term { node, labels });
    }
    let all_dots: Vec<char> = (0..dots).map(dot).collect();
    let output: Vec<char> = match output {
        Some(text) => {
            let mut labels = Vec::new();
            let mut rest = text;
            while let Some(c) = rest.chars().next() {
                if rest.starts_with("...") {
                    labels.extend(&all_dots);
                    rest = &rest[3..];
                } else {
                    labels.push(c);
                    rest = &rest[c.len_utf8()..];
                }
            }
            labels
        }
        None => {
            let count = |l: char| terms.iter().flat_map(|t| &t.labels).filter(|&&m| m == l).count();
            let mut once: Vec<char> =
                sizes.iter().map(|&(l, _)| l).filter(|&l| l.is_alphabetic() && count(l) == 1).collect();
            once.sort_unstable();
            [all_dots, once].concat()
        }
    };
    for (i, label) in output.iter().enumerate() {
        if !sizes.iter().any(|(l, _)| l == label) || output[..i].contains(label) {
            return s.value_error(format!("einsum '{equation}': output label '{label}' is unknown or repeated"));
        }
    }
    let mut reduced = Vec::new();
    for term in terms {
        reduced.push(traced(s, term)?);
    }
    // Left to right, as PyTorch does without opt_einsum; each pair sums what nothing later needs.
    let mut terms = reduced.into_iter();
    let mut left = terms.next().expect("at least one term");
    let mut rest: Vec<Term> = terms.collect();
    while !rest.is_empty() {
        let right = rest.remove(0);
        let needed = |l: char| output.contains(&l) || rest.iter().any(|t| t.labels.contains(&l));
        left = contract(s, left, right, &needed)?;
    }
    let gone: Vec<usize> = (0..left.labels.len()).filter(|&i| !output.contains(&left.labels[i])).collect();
    let left = summed(s, left, &gone)?;
    arranged(s, left, &output, &sizes)
}

/// A private-use character stands for the i-th axis (from the right) of `...`.
fn dot(i: usize) -> char {
    char::from_u32(0xE000 + i as u32).unwrap_or('\u{E000}')
}

fn expand_labels(s: &mut Interp<'_>, equation: &str, text: &str, rank: usize, dots: &mut usize) -> Eval<Vec<char>> {
    let bare: Vec<char> = text.replace("...", "").chars().collect();
    if let Some(bad) = bare.iter().find(|c| !c.is_ascii_alphabetic()) {
        return s.value_error(format!("einsum '{equation}': '{bad}' is not a label"));
    }
    let ellipses = text.matches("...").count();
    let fits = match ellipses {
        0 => bare.len() == rank,
        1 => bare.len() <= rank,
        _ => false,
    };
    if !fits {
        let message = format!("einsum '{equation}': term '{text}' does not fit a tensor of {rank} dimensions");
        return Err(s.fault(FindingKind::Shape, message).into());
    }
    if ellipses == 0 {
        return Ok(bare);
    }
    let n = rank - bare.len();
    let at = text.find("...").unwrap_or(0);
    if *dots != 0 && *dots != n {
        return s.unsupported(format!("einsum '{equation}': '...' stands for different numbers of dimensions"));
    }
    *dots = (*dots).max(n);
    let mut labels = bare;
    labels.splice(at..at, (0..n).map(dot));
    Ok(labels)
}

/// Repeated labels within one term: keep the diagonal.
fn traced(s: &mut Interp<'_>, mut term: Term) -> Eval<Term> {
    while let Some((i, j)) = (0..term.labels.len())
        .flat_map(|j| (0..j).map(move |i| (i, j)))
        .find(|&(i, j)| term.labels[i] == term.labels[j])
    {
        let shape = s.graph.shape(term.node).to_vec();
        let n = shape[i];
        let mut perm: Vec<usize> = (0..shape.len()).filter(|&a| a != i && a != j).collect();
        let kept: Vec<usize> = perm.iter().map(|&a| shape[a]).collect();
        let labels: Vec<char> = perm.iter().map(|&a| term.labels[a]).chain([term.labels[i]]).collect();
        perm.extend([i, j]);
        let made = s.graph.permute(term.node, &perm).and_then(|x| s.graph.reshape(x, &[&kept[..], &[n * n]].concat()));
        let flat = s.made(made)?;
        let made = s.graph.arange(0.0, (n + 1) as f64, n, crate::ir::DType::I64);
        let index = s.made(made)?;
        let made = s.graph.apply(Op::IndexSelect(kept.len()), &[flat, index]);
        term = Term { node: s.made(made)?, labels };
    }
    Ok(term)
}

fn summed(s: &mut Interp<'_>, term: Term, axes: &[usize]) -> Eval<Term> {
    if axes.is_empty() {
        return Ok(term);
    }
    let made = s.graph.reduce(Reduction::Sum, term.node, axes);
    let node = s.made(made)?;
    let keep = |i: &usize| !axes.contains(i);
    let shape: Vec<usize> = (0..term.labels.len()).filter(keep).map(|i| s.graph.shape(node)[i]).collect();
    let labels = (0..term.labels.len()).filter(keep).map(|i| term.labels[i]).collect();
    let made = s.graph.reshape(node, &shape);
    Ok(Term { node: s.made(made)?, labels })
}

/// Permute to `labels` (adding axes of size 1), then broadcast to the sizes where `sizes` are given.
fn arranged(s: &mut Interp<'_>, term: Term, labels: &[char], sizes: &[(char, usize)]) -> Eval<NodeId> {
    let perm: Vec<usize> = labels.iter().filter_map(|l| term.labels.iter().position(|m| m == l)).collect();
    let made = s.graph.permute(term.node, &perm);
    let node = s.made(made)?;
    let mut at = 0;
    let mut shape = Vec::new();
    for label in labels {
        match term.labels.contains(label) {
            true => {
                shape.push(s.graph.shape(node)[at]);
                at += 1;
            }
            false => shape.push(1),
        }
    }
    let full: Vec<usize> = labels
        .iter()
        .zip(&shape)
        .map(|(l, &d)| sizes.iter().find(|(m, _)| m == l).map_or(d, |&(_, size)| size))
        .collect();
    let made = s.graph.reshape(node, &shape).and_then(|x| s.graph.expand(x, &full));
    s.made(made)
}

/// The product of two terms, summed over the labels that are not needed further on.
fn contract(s: &mut Interp<'_>, a: Term, b: Term, needed: &dyn Fn(char) -> bool) -> Eval<Term> {
    // Labels of one side alone that nothing needs are summed first.
    let lone = |t: &Term, other: &Term| -> Vec<usize> {
        (0..t.labels.len()).filter(|&i| !needed(t.labels[i]) && !other.labels.contains(&t.labels[i])).collect()
    };
    let (la, lb) = (lone(&a, &b), lone(&b, &a));
    let (a, b) = (summed(s, a, &la)?, summed(s, b, &lb)?);
    let size =
        |s: &Interp<'_>, t: &Term, l: char| t.labels.iter().position(|&m| m == l).map(|i| s.graph.shape(t.node)[i]);
    let shared: Vec<char> = a.labels.iter().copied().filter(|l| b.labels.contains(l)).collect();
    let batch: Vec<char> = shared.iter().copied().filter(|&l| needed(l)).collect();
    let inner: Vec<char> = shared.iter().copied().filter(|&l| !needed(l)).collect();
    let rows: Vec<char> = a.labels.iter().copied().filter(|l| !b.labels.contains(l)).collect();
    let columns: Vec<char> = b.labels.iter().copied().filter(|l| !a.labels.contains(l)).collect();
    let broadcasts = shared.iter().any(|&l| size(s, &a, l) != size(s, &b, l));
    let product = |labels: &[char], s: &Interp<'_>, t: &Term| {
        labels.iter().map(|&l| size(s, t, l).unwrap_or(1)).product::<usize>()
    };
    let (m, k, n) = (product(&rows, s, &a), product(&inner, s, &a), product(&columns, s, &b));
    let result: Vec<char> = [&batch[..], &rows, &columns].concat();
    // Degenerate products are elementwise: a matrix product of thin matrices would be many tiny ones.
    if inner.is_empty() || k == 1 || broadcasts || (m == 1 && n == 1) {
        let all: Vec<char> = [&result[..], &inner].concat();
        let inner_axes: Vec<usize> = (result.len()..all.len()).collect();
        let (x, y) = (arranged(s, a, &all, &[])?, arranged(s, b, &all, &[])?);
        let made = s.graph.mul(x, y);
        let node = s.made(made)?;
        return summed(s, Term { node, labels: all }, &inner_axes);
    }
    let dims = |labels: &[char], s: &Interp<'_>, t: &Term| -> Vec<usize> {
        labels.iter().map(|&l| size(s, t, l).unwrap_or(1)).collect()
    };
    let batch_dims = dims(&batch, s, &a);
    let shape = [batch_dims.clone(), dims(&rows, s, &a), dims(&columns, s, &b)].concat();
    let batches: usize = batch_dims.iter().product();
    if n == 1 || m == 1 {
        // A matrix times a vector: multiply and sum.
        let all: Vec<char> = [&result[..], &inner].concat();
        let inner_axes: Vec<usize> = (result.len()..all.len()).collect();
        let (x, y) = (arranged(s, a, &all, &[])?, arranged(s, b, &all, &[])?);
        let made = s.graph.mul(x, y);
        let node = s.made(made)?;
        return summed(s, Term { node, labels: all }, &inner_axes);
    }
    let x = arranged(s, a, &[&batch[..], &rows, &inner].concat(), &[])?;
    let y = arranged(s, b, &[&batch[..], &inner, &columns].concat(), &[])?;
    let lead: &[usize] = if batch.is_empty() { &[] } else { &[batches] };
    let x = {
        let made = s.graph.reshape(x, &[lead, &[m, k]].concat());
        s.made(made)?
    };
    let y = {
        let made = s.graph.reshape(y, &[lead, &[k, n]].concat());
        s.made(made)?
    };
    let made = s.graph.matmul(x, y).and_then(|z| s.graph.reshape(z, &shape));
    Ok(Term { node: s.made(made)?, labels: result })
}
