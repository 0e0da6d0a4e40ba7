//! Files of others: every dtype that has a number's meaning is read, and what was converted is told.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use safetensors::SafeTensors;
use safetensors::tensor::{Dtype, TensorView};

use super::file::decode;
use crate::Error;

/// The tensors of a file, as F32, I64 or U8.
#[derive(Debug, Default)]
pub struct Contents {
    /// By name.
    pub tensors: HashMap<String, Tensor>,
    /// How many tensors were converted, by the file's dtype and ours.
    pub converted: BTreeMap<(String, &'static str), usize>,
    /// Names of tensors that are no real numbers (complex, 8 bits and fewer), with their dtype.
    pub foreign: BTreeMap<String, String>,
}

impl Contents {
    /// Only what is named with a prefix, named without it.
    #[must_use]
    pub fn below(self, prefix: &str) -> Self {
        let cut = |name: String| name.strip_prefix(prefix).map(str::to_owned);
        Self {
            tensors: self.tensors.into_iter().filter_map(|(name, t)| Some((cut(name)?, t))).collect(),
            foreign: self.foreign.into_iter().filter_map(|(name, dtype)| Some((cut(name)?, dtype))).collect(),
            converted: self.converted,
        }
    }

    /// The tensor of this name as F32, if there is one.
    ///
    /// # Errors
    /// If it cannot be converted.
    pub fn float(&self, name: &str) -> Result<Option<Tensor>, Error> {
        Ok(self.tensors.get(name).map(|tensor| tensor.to_dtype(DType::F32)).transpose()?)
    }

    /// What was converted, a sentence for each pair of dtypes.
    pub fn notes(&self) -> Vec<String> {
        let tell = |((from, to), n): (&(String, &str), &usize)| match n {
            1 => format!("1 tensor was converted from {from} to {to}"),
            n => format!("{n} tensors were converted from {from} to {to}"),
        };
        self.converted.iter().map(tell).collect()
    }
}

/// Read a safetensors file.
///
/// # Errors
/// If it cannot be read or is malformed.
pub fn read(path: &Path) -> Result<Contents, Error> {
    let bytes = std::fs::read(path).map_err(|source| Error::File { path: path.display().to_string(), source })?;
    let file = SafeTensors::deserialize(&bytes)?;
    let mut contents = Contents::default();
    for (name, view) in file.iter() {
        let from = format!("{:?}", view.dtype());
        let tensor = match view.dtype() {
            Dtype::F32 | Dtype::I64 | Dtype::U8 => decode(name, &view)?,
            dtype => match converted(&view)? {
                Some(tensor) => {
                    let to = if tensor.dtype() == DType::F32 { "F32" } else { "I64" };
                    if dtype != Dtype::BOOL {
                        *contents.converted.entry((from, to)).or_default() += 1;
                    }
                    tensor
                }
                None => {
                    contents.foreign.insert(name.to_owned(), from);
                    continue;
                }
            },
        };
        contents.tensors.insert(name.to_owned(), tensor);
    }
    Ok(contents)
}

fn converted(view: &TensorView<'_>) -> Result<Option<Tensor>, Error> {
    let float = |dtype| Tensor::from_raw_buffer(view.data(), dtype, view.shape(), &Device::Cpu)?.to_dtype(DType::F32);
    Ok(Some(match view.dtype() {
        Dtype::F16 => float(DType::F16)?,
        Dtype::BF16 => float(DType::BF16)?,
        Dtype::F64 => float(DType::F64)?,
        Dtype::I32 => integers(view, |b: [u8; 4]| i64::from(i32::from_le_bytes(b)))?,
        Dtype::U32 => integers(view, |b: [u8; 4]| i64::from(u32::from_le_bytes(b)))?,
        Dtype::I16 => integers(view, |b: [u8; 2]| i64::from(i16::from_le_bytes(b)))?,
        Dtype::U16 => integers(view, |b: [u8; 2]| i64::from(u16::from_le_bytes(b)))?,
        Dtype::I8 => integers(view, |b: [u8; 1]| i64::from(i8::from_le_bytes(b)))?,
        Dtype::BOOL => Tensor::from_slice(view.data(), view.shape(), &Device::Cpu)?,
        _ => return Ok(None),
    }))
}

fn integers<const N: usize>(view: &TensorView<'_>, widen: impl Fn([u8; N]) -> i64) -> candle_core::Result<Tensor> {
    let (words, _) = view.data().as_chunks();
    Tensor::from_vec(words.iter().map(|&b| widen(b)).collect::<Vec<i64>>(), view.shape(), &Device::Cpu)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use safetensors::tensor::{Dtype, TensorView};

    use super::read;

    #[test]
    fn dtypes_of_others_are_read_and_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("w.safetensors");
        // 1.5 in each float format, 2 in each integer one.
        let tensors: [(&str, Dtype, Vec<u8>); 8] = [
            ("half", Dtype::F16, vec![0x00, 0x3e]),
            ("brain", Dtype::BF16, vec![0xc0, 0x3f]),
            ("double", Dtype::F64, 1.5f64.to_le_bytes().to_vec()),
            ("single", Dtype::F32, 1.5f32.to_le_bytes().to_vec()),
            ("int", Dtype::I32, 2i32.to_le_bytes().to_vec()),
            ("byte", Dtype::I8, vec![2]),
            ("mask", Dtype::BOOL, vec![1]),
            ("phase", Dtype::C64, vec![0; 8]),
        ];
        let views: Vec<_> = tensors.iter().map(|(n, d, b)| (*n, TensorView::new(*d, vec![1], b).unwrap())).collect();
        std::fs::write(&path, safetensors::serialize(views, None).unwrap()).unwrap();
        let contents = read(&path).unwrap();
        for name in ["half", "brain", "double", "single"] {
            assert_eq!(contents.tensors[name].to_vec1::<f32>().unwrap(), [1.5], "{name}");
        }
        for name in ["int", "byte"] {
            assert_eq!(contents.tensors[name].to_vec1::<i64>().unwrap(), [2], "{name}");
        }
        assert_eq!(contents.tensors["mask"].to_vec1::<u8>().unwrap(), [1]);
        assert_eq!(contents.foreign["phase"], "C64");
        let below = read(&path).unwrap().below("b");
        let mut names: Vec<_> = below.tensors.keys().collect();
        names.sort();
        assert_eq!(names, ["rain", "yte"]);
        let notes = contents.notes();
        assert_eq!(notes.len(), 5, "{notes:?}");
        assert!(notes.contains(&"1 tensor was converted from BF16 to F32".to_owned()), "{notes:?}");
    }
}
