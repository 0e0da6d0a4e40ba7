//! Weights in files: safetensors, by parameter name.

use std::collections::HashMap;
use std::path::Path;

use candle_core::Tensor;
use move37_candidate::ir::Graph;
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use crate::Error;

/// Write named tensors (F32, I64 or U8) to a file, atomically.
///
/// # Errors
/// If a tensor has another dtype or the file cannot be written.
pub fn save<N: AsRef<str>>(path: &Path, tensors: &[(N, Tensor)]) -> Result<(), Error> {
    let mut bytes = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        bytes.push((name.as_ref(), encode(name.as_ref(), tensor)?, tensor.dims().to_vec()));
    }
    let mut views = Vec::with_capacity(bytes.len());
    for (name, (dtype, data), shape) in &bytes {
        views.push((*name, TensorView::new(*dtype, shape.clone(), data)?));
    }
    let file = |source| Error::File { path: path.display().to_string(), source };
    let partial = path.with_extension("partial");
    std::fs::write(&partial, safetensors::serialize(views, None)?).map_err(file)?;
    std::fs::rename(&partial, path).map_err(file)
}

/// Read the parameters of a graph, in its order, from a file.
///
/// # Errors
/// If the file cannot be read, is malformed, or lacks a parameter of the right dtype and shape.
pub fn load(path: &Path, graph: &Graph) -> Result<Vec<Tensor>, Error> {
    let mut all = load_all(path)?;
    graph
        .params
        .iter()
        .map(|param| {
            let tensor = all.remove(&param.name).ok_or_else(|| Error::MissingTensor(param.name.clone()))?;
            let dtype = graph.dtype(param.init);
            let needed = (dtype_of(dtype), param.shape.as_slice());
            match (tensor.dtype(), tensor.dims()) == needed {
                true => Ok(tensor),
                false => Err(Error::ForeignTensor {
                    name: param.name.clone(),
                    needed: format!("{:?} {:?}", needed.0, needed.1),
                    got: format!("{:?} {:?}", tensor.dtype(), tensor.dims()),
                }),
            }
        })
        .collect()
}

/// Read all tensors of a file.
///
/// # Errors
/// If the file cannot be read or is malformed.
pub fn load_all(path: &Path) -> Result<HashMap<String, Tensor>, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.display().to_string(), source })?;
    let file = SafeTensors::deserialize(&bytes)?;
    file.tensors().into_iter().map(|(name, view)| Ok((name.clone(), decode(&name, &view)?))).collect()
}

fn dtype_of(dtype: move37_candidate::ir::DType) -> candle_core::DType {
    match dtype {
        move37_candidate::ir::DType::F32 => candle_core::DType::F32,
        move37_candidate::ir::DType::I64 => candle_core::DType::I64,
        move37_candidate::ir::DType::Bool => candle_core::DType::U8,
    }
}

fn encode(name: &str, tensor: &Tensor) -> Result<(Dtype, Vec<u8>), Error> {
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

fn decode(name: &str, view: &TensorView<'_>) -> Result<Tensor, Error> {
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

    use super::{load, save};
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
}
