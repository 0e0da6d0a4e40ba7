//! A layer's tensors as PyTorch's `state_dict` has them.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{DType, Tensor};
use move37_candidate::ir::{Graph, Op};
use move37_candidate::language::{State, StateKind, StateOf};
use safetensors::tensor::{Dtype, TensorView};

use super::Contents;
use super::file::{dtype_of, encode, put};
use super::misfit::Misfit;
use crate::Error;

/// The parameters of a layer's graph, in its order, from a file that has them by the names of `state_dict`; and sentences on
/// what was done.
///
/// Parameters must be there, under any of the names that share one. Buffers may be left out: their initial value counts
/// then, unless the text draws it at random. `initial` has a value for each.
///
/// # Errors
/// Every name that is missing, not known, or of another shape.
pub fn take_state(
    contents: &Contents,
    graph: &Graph,
    state: &[State],
    initial: Vec<Tensor>,
) -> Result<(Vec<Tensor>, Vec<String>), Misfit> {
    let (mut misfit, mut notes) = (Misfit::default(), contents.notes());
    let mut found: Vec<Option<(&str, &Tensor)>> = vec![None; initial.len()];
    // Nothing more is said of a parameter that has been spoken of.
    let mut told: Vec<usize> = Vec::new();
    let mut params = initial;
    for entry in state {
        let name = entry.name.as_str();
        let StateOf::Param(i) = entry.of else {
            if contents.tensors.contains_key(name) || contents.foreign.contains_key(name) {
                notes.push(format!("{name} is computed by the text; the file's value is not read"));
            }
            continue;
        };
        let needed = (dtype_of(graph.dtype(graph.params[i].init)), &graph.params[i].shape);
        if let Some(dtype) = contents.foreign.get(name) {
            misfit.shapes.push((name.to_owned(), dtype.clone(), format!("{:?}", needed.0)));
            told.push(i);
            continue;
        }
        let Some(tensor) = contents.tensors.get(name) else { continue };
        match fitted(tensor, needed.0) {
            Some(value) if tensor.dims() == &needed.1[..] => {
                match found[i] {
                    Some((other, known)) if !same(known, tensor) => {
                        misfit.differing.push((other.to_owned(), name.to_owned()));
                    }
                    _ => found[i] = Some((name, tensor)),
                }
                params[i] = value;
            }
            _ => {
                let (got, needed) = match tensor.dims() == &needed.1[..] {
                    true => (format!("{:?}", tensor.dtype()), format!("{:?}", needed.0)),
                    false => (format!("{:?}", tensor.dims()), format!("{:?}", needed.1)),
                };
                misfit.shapes.push((name.to_owned(), got, needed));
                told.push(i);
            }
        }
    }
    for entry in state {
        let StateOf::Param(i) = entry.of else { continue };
        if found[i].is_some() || told.contains(&i) {
            continue;
        }
        told.push(i);
        let shape = graph.params[i].shape.clone();
        match entry.kind {
            StateKind::Parameter => misfit.missing.push((entry.name.clone(), shape)),
            _ if drawn(graph, i) => misfit.drawn.push((entry.name.clone(), shape)),
            StateKind::Buffer => {
                notes.push(format!("the buffer {} is not in the file; its initial value is used", entry.name));
            }
            StateKind::Scratch => {}
        }
    }
    let names = contents.tensors.keys().chain(contents.foreign.keys());
    misfit.unexpected = names.filter(|n| !state.iter().any(|e| e.name == **n)).cloned().collect();
    misfit.unexpected.sort();
    if misfit.is_empty() { Ok((params, notes)) } else { Err(misfit) }
}

/// The tensor in the dtype that is needed, where no value is lost.
fn fitted(tensor: &Tensor, needed: DType) -> Option<Tensor> {
    match (tensor.dtype(), needed) {
        (a, b) if a == b => tensor.copy().ok(),
        (DType::I64 | DType::U8, DType::F32) | (DType::U8, DType::I64) => tensor.to_dtype(needed).ok(),
        _ => None,
    }
}

fn same(a: &Tensor, b: &Tensor) -> bool {
    a.dtype() == b.dtype() && encode("", a).ok().map(|(_, bytes)| bytes) == encode("", b).ok().map(|(_, bytes)| bytes)
}

/// Whether a parameter's initial value is drawn at random.
fn drawn(graph: &Graph, param: usize) -> bool {
    let live = graph.reachable(&[graph.params[param].init]);
    graph.nodes().iter().zip(live).any(|(node, live)| live && matches!(node.op, Op::Random { .. }))
}

/// The names of a layer's `state_dict` with the number of the parameter of each; a prefix goes before every name.
pub fn state_names(state: &[State], prefix: &str) -> Vec<(String, usize)> {
    let entries = state.iter().filter(|entry| entry.kind != StateKind::Scratch);
    entries
        .filter_map(|entry| match entry.of {
            StateOf::Param(i) => Some((format!("{prefix}{}", entry.name), i)),
            StateOf::Computed => None,
        })
        .collect()
}

/// Named parameters of a graph as a safetensors file that PyTorch loads with the dtypes of the text.
///
/// # Errors
/// If a tensor has a dtype that no graph has.
pub fn state_bytes(graph: &Graph, names: &[(String, usize)], params: &[Tensor]) -> Result<Vec<u8>, Error> {
    let mut encoded = Vec::with_capacity(names.len());
    for (name, i) in names {
        let (dtype, data) = encode(name, &params[*i])?;
        let dtype = if dtype == Dtype::U8 { Dtype::BOOL } else { dtype };
        encoded.push((name.as_str(), dtype, data, &graph.params[*i].shape));
    }
    let mut views = Vec::with_capacity(encoded.len());
    for (name, dtype, data, shape) in &encoded {
        views.push((*name, TensorView::new(*dtype, (*shape).clone(), data)?));
    }
    // Readers of the Hugging Face family ask for this.
    let format = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    Ok(safetensors::serialize(views, Some(format))?)
}

/// Write named parameters of a graph to a file, atomically.
///
/// # Errors
/// If the file cannot be written.
pub fn save_state(path: &Path, graph: &Graph, names: &[(String, usize)], params: &[Tensor]) -> Result<(), Error> {
    put(path, &state_bytes(graph, names, params)?)
}

#[cfg(test)]
mod tests;
