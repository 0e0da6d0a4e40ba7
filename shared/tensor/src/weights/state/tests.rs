#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeMap;

use candle_core::{Device, Tensor};
use move37_candidate::language::{Dims, Options, Traced, trace};

use super::super::{Contents, read};
use super::{save_state, state_names, take_state};
use crate::init_params;

const TEXT: &str = "
import torch
import torch.nn as nn

class Layer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.w = nn.Linear(d_model, d_model, bias=False)
        self.tied = self.w
        self.register_buffer('scale', torch.full((d_model,), 2.0))
        self.register_buffer('mask', torch.ones(d_model) > 0)
        self.register_buffer('step', torch.tensor(3))
        self.register_buffer('scratch', torch.zeros(3), persistent=False)

    def forward(self, x):
        return torch.where(self.mask, self.tied(x) * self.scale, 0.0) + self.step + self.scratch.sum()
";

fn traced(text: &str) -> Traced {
    let dims = Dims { batch: 1, time: 3, d_model: 4, num_heads: 1, args: BTreeMap::new() };
    trace(text, &dims, &Options::default()).unwrap()
}

fn taken(traced: &Traced, contents: &Contents) -> Result<(Vec<Tensor>, Vec<String>), super::Misfit> {
    take_state(contents, &traced.graph, &traced.state, init_params(&traced.graph, 1).unwrap())
}

fn tensor(shape: &[usize], value: f32) -> Tensor {
    Tensor::full(value, shape, &Device::Cpu).unwrap()
}

fn contents(tensors: &[(&str, Tensor)]) -> Contents {
    Contents { tensors: tensors.iter().map(|(n, t)| ((*n).to_owned(), t.clone())).collect(), ..Contents::default() }
}

#[test]
fn a_saved_layer_has_the_names_and_dtypes_of_its_state_dict_and_is_taken_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    let layer = traced(TEXT);
    let params = init_params(&layer.graph, 7).unwrap();
    save_state(&path, &layer.graph, &state_names(&layer.state, ""), &params).unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<_> = file.names();
    names.sort_unstable();
    assert_eq!(names, ["mask", "scale", "step", "tied.weight", "w.weight"]);
    assert_eq!(file.tensor("mask").unwrap().dtype(), super::Dtype::BOOL);
    assert_eq!(file.tensor("step").unwrap().dtype(), super::Dtype::I64);
    let (back, notes) = taken(&layer, &read(&path).unwrap()).unwrap();
    assert!(notes.is_empty(), "{notes:?}");
    for ((a, b), param) in back.iter().zip(&params).zip(&layer.graph.params) {
        assert!(super::same(a, b), "{}", param.name);
    }
}

#[test]
fn one_name_of_a_shared_tensor_is_enough_and_buffers_may_be_left_out() {
    let layer = traced(TEXT);
    let (params, notes) = taken(&layer, &contents(&[("tied.weight", tensor(&[4, 4], 3.0))])).unwrap();
    assert_eq!(params[0].to_vec2::<f32>().unwrap()[0][0], 3.0);
    assert_eq!(notes.len(), 3, "{notes:?}");
    assert!(notes[0].contains("the buffer scale is not in the file"), "{notes:?}");
    let twice = contents(&[("tied.weight", tensor(&[4, 4], 3.0)), ("w.weight", tensor(&[4, 4], 2.0))]);
    let misfit = taken(&layer, &twice).unwrap_err();
    assert_eq!(misfit.differing.len(), 1, "{misfit}");
}

#[test]
fn what_does_not_fit_is_named() {
    let layer = traced(TEXT);
    let misfit = taken(&layer, &contents(&[("module.w.weight", tensor(&[4, 4], 1.0))])).unwrap_err();
    assert_eq!(misfit.missing, [("w.weight".to_owned(), vec![4, 4])]);
    assert_eq!(misfit.prefix(), Some("module."));
    let misfit = taken(&layer, &contents(&[("w.weight", tensor(&[4, 5], 1.0))])).unwrap_err();
    assert_eq!(misfit.shapes, [("w.weight".to_owned(), "[4, 5]".to_owned(), "[4, 4]".to_owned())]);
    assert!(misfit.missing.is_empty(), "{misfit}");
    let wrong = contents(&[("w.weight", tensor(&[4, 4], 1.0)), ("step", tensor(&[], 1.5))]);
    let misfit = taken(&layer, &wrong).unwrap_err();
    assert_eq!(misfit.to_string(), "step is F32 instead of I64");
}

#[test]
fn a_buffer_that_is_drawn_at_random_must_be_in_the_file() {
    let layer = traced(&TEXT.replace("torch.zeros(3)", "torch.randn(3)"));
    let own = contents(&[("w.weight", tensor(&[4, 4], 1.0))]);
    let misfit = taken(&layer, &own).unwrap_err();
    assert_eq!(misfit.drawn, [("scratch".to_owned(), vec![3])]);
    let both = contents(&[("w.weight", tensor(&[4, 4], 1.0)), ("scratch", tensor(&[3], 1.0))]);
    taken(&layer, &both).unwrap();
}
