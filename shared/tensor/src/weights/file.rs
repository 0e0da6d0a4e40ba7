//! Named tensors as the bytes of a safetensors file, and the parameters of a graph by name.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use move37_candidate::ir::Graph;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::Error;

/// Where a file keeps its note among the metadata of the format.
const NOTE: &str = "move37";

/// Named tensors (F32, I64 or U8), and a note about them, as the bytes of a safetensors file. The same content gives the
/// same bytes.
///
/// # Errors
/// If a tensor has another dtype.
pub fn to_bytes<N: AsRef<str>>(tensors: &[(N, Tensor)], note: Option<&str>) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        bytes.push((name.as_ref(), encode(name.as_ref(), tensor)?, tensor.dims().to_vec()));
    }
    let mut views = Vec::with_capacity(bytes.len());
    for (name, (dtype, data), shape) in &bytes {
        views.push((*name, TensorView::new(*dtype, shape.clone(), data)?));
    }
    let note = note.map(|note| HashMap::from([(NOTE.to_owned(), note.to_owned())]));
    Ok(safetensors::serialize(views, note)?)
}

/// All tensors of a safetensors file, and its note.
///
/// # Errors
/// If the bytes are malformed.
pub fn from_bytes(bytes: &[u8]) -> Result<(HashMap<String, Tensor>, Option<String>), Error> {
    let (_, header) = SafeTensors::read_metadata(bytes)?;
    let note = header.metadata().as_ref().and_then(|notes| notes.get(NOTE)).cloned();
    let file = SafeTensors::deserialize(bytes)?;
    let tensors = file.iter().map(|(name, view)| Ok((name.to_owned(), decode(name, &view)?)));
    Ok((tensors.collect::<Result<_, Error>>()?, note))
}

/// Write named tensors (F32, I64 or U8) to a file, atomically.
///
/// # Errors
/// If a tensor has another dtype or the file cannot be written.
pub fn save<N: AsRef<str>>(path: &Path, tensors: &[(N, Tensor)]) -> Result<(), Error> {
    put(path, &to_bytes(tensors, None)?)
}

/// Write a file, atomically.
pub(super) fn put(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let file = |source| Error::File { path: path.display().to_string(), source };
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes).map_err(file)?;
    std::fs::rename(&partial, path).map_err(file)
}

/// Read the parameters of a graph, in its order, from a file.
///
/// # Errors
/// If the file cannot be read, is malformed, or lacks a parameter of the right dtype and shape.
pub fn load(path: &Path, graph: &Graph) -> Result<Vec<Tensor>, Error> {
    of_graph(&load_all(path)?, "", graph)
}

/// Of tensors by name, those of a graph's parameters in its order; each is named by a prefix and the parameter's name. They
/// share no storage with what is given.
///
/// # Errors
/// If a parameter of the right dtype and shape is not among them.
pub fn of_graph(all: &HashMap<String, Tensor>, prefix: &str, graph: &Graph) -> Result<Vec<Tensor>, Error> {
    let find = |param: &move37_candidate::ir::Param| {
        let name = format!("{prefix}{}", param.name);
        let tensor = all.get(&name).ok_or_else(|| Error::MissingTensor(name.clone()))?;
        let needed = (dtype_of(graph.dtype(param.init)), param.shape.as_slice());
        match (tensor.dtype(), tensor.dims()) == needed {
            true => Ok(tensor.copy()?),
            false => Err(Error::ForeignTensor {
                name,
                needed: format!("{:?} {:?}", needed.0, needed.1),
                got: format!("{:?} {:?}", tensor.dtype(), tensor.dims()),
            }),
        }
    };
    graph.params.iter().map(find).collect()
}

/// Read all tensors of a file.
///
/// # Errors
/// If the file cannot be read or is malformed.
pub fn load_all(path: &Path) -> Result<HashMap<String, Tensor>, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.display().to_string(), source })?;
    Ok(from_bytes(&bytes)?.0)
}

pub(super) fn dtype_of(dtype: move37_candidate::ir::DType) -> candle_core::DType {
    match dtype {
        move37_candidate::ir::DType::F32 => candle_core::DType::F32,
        move37_candidate::ir::DType::I64 => candle_core::DType::I64,
        move37_candidate::ir::DType::Bool => candle_core::DType::U8,
    }
}

pub(super) fn encode(name: &str, tensor: &Tensor) -> Result<(Dtype, Vec<u8>), Error> {
    let flat = tensor.flatten_all()?;
    Ok(match tensor.dtype() {
        candle_core::DType::F32 => {
            (Dtype::F32, flat.to_vec1::<f32>()?.into_iter().flat_map(f32::to_le_bytes).collect())
        }
        candle_core::DType::I64 => {
            (Dtype::I64, flat.to_vec1::<i64>()?.into_iter().flat_map(i64::to_le_bytes).collect())
        }
        candle_core::DType::U8 => (Dtype::U8, flat.to_vec1::<u8>()?),
        other => return Err(foreign(name, format!("{other:?}"))),
    })
}

pub(super) fn decode(name: &str, view: &TensorView<'_>) -> Result<Tensor, Error> {
    let (bytes, shape, device) = (view.data(), view.shape(), &candle_core::Device::Cpu);
    Ok(match view.dtype() {
        Dtype::F32 => {
            let (words, _) = bytes.as_chunks();
            Tensor::from_vec(words.iter().map(|&b| f32::from_le_bytes(b)).collect(), shape, device)?
        }
        Dtype::I64 => {
            let (words, _) = bytes.as_chunks();
            Tensor::from_vec(words.iter().map(|&b| i64::from_le_bytes(b)).collect(), shape, device)?
        }
        Dtype::U8 => Tensor::from_vec(bytes.to_vec(), shape, device)?,
        other => return Err(foreign(name, format!("{other:?}"))),
    })
}

fn foreign(name: &str, got: String) -> Error {
    Error::ForeignTensor { name: name.to_owned(), needed: "F32, I64 or U8".to_owned(), got }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use candle_core::{Device, Tensor};
    use move37_candidate::ir::{DType, Graph, ParamKind};

    use super::{from_bytes, load, of_graph, save, to_bytes};
    use crate::Error;

    fn graph(name: &str, shape: &[usize]) -> Graph {
        let mut g = Graph::default();
        let init = g.full(shape, 0.0, DType::F32).unwrap();
        g.param(name, ParamKind::Trained, init).unwrap();
        g
    }

    #[test]
    fn saved_weights_load_bit_for_bit_and_misfits_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let w = Tensor::from_vec(vec![0.1f32, -1e-40, f32::MAX, 4.0], (2, 2), &Device::Cpu).unwrap();
        let i = Tensor::from_vec(vec![i64::MIN, 7], 2, &Device::Cpu).unwrap();
        save(&path, &[("w", w.clone()), ("i", i)]).unwrap();
        let back = load(&path, &graph("w", &[2, 2])).unwrap();
        assert_eq!(back[0].to_vec2::<f32>().unwrap(), w.to_vec2::<f32>().unwrap());
        assert!(matches!(load(&path, &graph("v", &[2, 2])), Err(Error::MissingTensor(n)) if n == "v"));
        assert!(matches!(load(&path, &graph("w", &[4])), Err(Error::ForeignTensor { .. })));
        assert!(matches!(load(&path, &graph("i", &[2])), Err(Error::ForeignTensor { .. })));
        std::fs::write(&path, b"torn").unwrap();
        assert!(matches!(load(&path, &graph("w", &[4])), Err(Error::Format(_))));
    }

    #[test]
    fn a_note_travels_with_the_tensors_and_the_same_content_has_the_same_bytes() {
        let w = Tensor::from_vec(vec![1f32, 2.0], 2, &Device::Cpu).unwrap();
        let tensors = [("p.w", w.clone()), ("a", w.clone())];
        let bytes = to_bytes(&tensors, Some("note")).unwrap();
        assert_eq!(bytes, to_bytes(&tensors, Some("note")).unwrap());
        let (all, note) = from_bytes(&bytes).unwrap();
        assert_eq!(note.as_deref(), Some("note"));
        let found = of_graph(&all, "p.", &graph("w", &[2])).unwrap();
        assert_eq!(found[0].to_vec1::<f32>().unwrap(), [1.0, 2.0]);
        assert!(matches!(of_graph(&all, "q.", &graph("w", &[2])), Err(Error::MissingTensor(n)) if n == "q.w"));
        assert!(matches!(from_bytes(&bytes[..bytes.len() - 1]), Err(Error::Format(_))));
    }
}
