//! `forward`: a candidate on given weights and input, to compare it with PyTorch.

use std::path::{Path, PathBuf};

use move37_candidate::language::{Dims, Options as TraceOptions, Traced, trace};
use move37_tensor::forward::{Forward, forward};
use move37_tensor::weights::{self, Contents};
use move37_tensor::{Options, Tensor, init_params};
use serde_json::json;

use super::layer::Layer;
use crate::engine::processors;
use crate::failure::{Answer, Failure};
use crate::output;
use crate::seeds;
use crate::view::count;

/// Run one candidate on given weights and input; also one that the gate refuses
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  move37 forward mixer.py --weights w.safetensors --input x.safetensors --out y.safetensors\n\n\
    The weights are PyTorch's state_dict, by name; buffers may be left out. The input's file holds `input` [B, T, D] and, for \
    --grad, `cotangent` of the same shape. The output's file holds `output` and, with --grad, `grad/NAME` of \
    sum(output * cotangent) for every trained parameter, zeros where it has none. Dropout is the identity, all floats are \
    float32."
)]
pub struct Arguments {
    /// The candidate: a PyTorch file with one nn.Module, forward(x: [B, T, D]) -> [B, T, D]
    #[arg(value_name = "FILE.py")]
    file: PathBuf,
    /// The layer's state_dict; if left out, the weights that the text draws
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// Take only the weights whose names begin so, without it; `train --out` writes layer I under layers.I.mixer.
    #[arg(long, value_name = "TEXT", requires = "weights")]
    prefix: Option<String>,
    /// The file of `input` and `cotangent`
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Write the results to this file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also the gradients
    #[arg(long)]
    grad: bool,
    #[command(flatten)]
    layer: Layer,
    /// Heads, given to constructors that ask for them; if left out, the text's own default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    heads: Option<u32>,
    /// Seed of the weights that the text draws
    #[arg(long, value_name = "N", default_value_t = 1, conflicts_with = "weights")]
    seed: u64,
    /// Write the weights that were used to this file, by the names of state_dict
    #[arg(long, value_name = "FILE")]
    save_weights: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub json: bool,
}

pub fn run(arguments: &Arguments) -> Result<Answer, Failure> {
    let source = seeds::read(&arguments.file)?;
    let (input, cotangent, mut notes) = given(arguments)?;
    let &[batch, time, d_model] = input.dims() else {
        return Err(unfit(&arguments.input, format!("`input` is {:?}", input.dims()), "save it as [B, T, D]"));
    };
    let num_heads = arguments.heads.unwrap_or(0) as usize;
    let dims = Dims { batch, time, d_model, num_heads, args: arguments.layer.arguments() };
    let options = TraceOptions { class: arguments.layer.class.clone(), ..TraceOptions::default() };
    let traced = match trace(&source, &dims, &options) {
        Ok(traced) => traced,
        Err(findings) => {
            match arguments.json {
                true => output::json(&json!({ "traced": false, "findings": findings })),
                false => {
                    output::line(format!("{}: not understood", arguments.file.display()));
                    super::check::print_findings(&findings);
                }
            }
            return Ok(Answer::No);
        }
    };
    let params = params(arguments, &traced, &mut notes)?;
    notes.extend(traced.notes.iter().map(|note| format!("line {}: {}", note.line, note.text)));
    notes.extend(traced.hidden_state.iter().map(|f| format!("this is the first call; line {}: {}", f.line, f.message)));
    if let Some(path) = &arguments.save_weights {
        let names = weights::state_names(&traced.state, "");
        weights::save_state(path, &traced.graph, &names, &params)?;
    }
    let parameters = traced.graph.parameter_count() as u64;
    let done = forward(traced.graph, &params, input, cotangent, Options { threads: processors() })?;
    notes.extend(done.not_finite()?);
    weights::save(&arguments.out, &done.named())?;
    tell(arguments, &traced.class, parameters, &done, &notes);
    Ok(Answer::Yes)
}

/// The input and, where gradients are wanted, the cotangent; and what was converted.
fn given(arguments: &Arguments) -> Result<(Tensor, Option<Tensor>, Vec<String>), Failure> {
    let path = &arguments.input;
    let contents = read(path)?;
    let input = floats(&contents, path, "input", "save_file({\"input\": x}, ..)")?;
    let cotangent = match arguments.grad {
        false => None,
        true => {
            let next = "add a tensor of the input's shape, or leave --grad out";
            let cotangent = floats(&contents, path, "cotangent", next)?;
            if cotangent.dims() != input.dims() {
                let what = format!("`cotangent` is {:?} and `input` {:?}", cotangent.dims(), input.dims());
                return Err(unfit(path, what, "give both the same shape"));
            }
            Some(cotangent)
        }
    };
    Ok((input, cotangent, contents.notes()))
}

fn floats(contents: &Contents, path: &Path, name: &str, next: &str) -> Result<Tensor, Failure> {
    match contents.float(name)? {
        Some(tensor) => Ok(tensor),
        None => Err(unfit(path, format!("it has no real tensor named `{name}`"), next)),
    }
}

/// The weights of the file, or the first weights of a seed.
fn params(arguments: &Arguments, traced: &Traced, notes: &mut Vec<String>) -> Result<Vec<Tensor>, Failure> {
    let initial = init_params(&traced.graph, arguments.seed)?;
    let Some(path) = &arguments.weights else { return Ok(initial) };
    let contents = match &arguments.prefix {
        Some(prefix) => read(path)?.below(prefix),
        None => read(path)?,
    };
    match weights::take_state(&contents, &traced.graph, &traced.state, initial) {
        Ok((params, told)) => {
            notes.extend(told);
            Ok(params)
        }
        Err(misfit) => Err(unfit(path, format!("for {}, {misfit}", traced.class), &misfit.next_step())),
    }
}

fn read(path: &Path) -> Result<Contents, Failure> {
    weights::read(path).map_err(|error| unfit(path, format!("it cannot be read ({error})"), "name a safetensors file"))
}

fn unfit(path: &Path, what: String, next: &str) -> Failure {
    Failure::usage(format!("{} does not fit: {what}: {next}", path.display()))
}

fn tell(arguments: &Arguments, class: &str, parameters: u64, done: &Forward, notes: &[String]) {
    let (out, shape) = (&arguments.out, done.output.dims());
    if arguments.json {
        let gradients: Vec<&String> = done.gradients.iter().map(|(name, _)| name).collect();
        return output::json(&json!({
            "traced": true, "class": class, "shape": shape, "parameters": parameters, "out": out,
            "gradients": gradients, "notes": notes,
        }));
    }
    for note in notes {
        output::line(format!("note: {note}"));
    }
    let with = if arguments.grad { format!(" and {} gradients", done.gradients.len()) } else { String::new() };
    output::line(format!(
        "{class}, {} parameters: output {shape:?}{with} written to {}",
        count(parameters),
        out.display()
    ));
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::collections::HashMap;

    use candle_core::Device;
    use clap::Parser;

    use super::*;

    /// Refused by the gate: it sees the future.
    const TEXT: &str = "
import torch.nn as nn

class Layer(nn.Module):
    def __init__(self, d_model, num_heads=3):
        super().__init__()
        self.w = nn.Linear(d_model, num_heads, bias=False)

    def forward(self, x):
        return x.flip(1) * self.w(x).sum(-1, keepdim=True)
";

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        arguments: Arguments,
    }

    struct Folder(tempfile::TempDir);

    impl Folder {
        /// With the text as `layer.py`, an input of ones `[1, 2, 2]` and a cotangent as `x.safetensors`.
        fn new() -> Folder {
            let folder = Folder(tempfile::tempdir().unwrap());
            std::fs::write(folder.path("layer.py"), TEXT).unwrap();
            folder.save("x.safetensors", &[("input", tensor(&[1.0; 4], &[1, 2, 2])), ("cotangent", cotangent())]);
            folder
        }

        fn path(&self, name: &str) -> PathBuf {
            self.0.path().join(name)
        }

        fn save(&self, name: &str, tensors: &[(&str, Tensor)]) {
            weights::save(&self.path(name), tensors).unwrap();
        }

        /// The answer to `forward layer.py --input x.safetensors --out y.safetensors ..`; names of files in further flags
        /// begin with `@`.
        fn forward(&self, more: &[&str]) -> Result<Answer, Failure> {
            let [file, input, out] = ["layer.py", "x.safetensors", "y.safetensors"].map(|name| self.path(name));
            let mut line = vec!["forward".into(), file, "--input".into(), input, "--out".into(), out];
            line.extend(more.iter().map(|m| m.strip_prefix('@').map_or_else(|| m.into(), |name| self.path(name))));
            run(&Line::try_parse_from(line).unwrap().arguments)
        }

        fn result(&self) -> HashMap<String, Vec<f32>> {
            let all = weights::load_all(&self.path("y.safetensors")).unwrap();
            all.into_iter().map(|(n, t)| (n, t.flatten_all().unwrap().to_vec1().unwrap())).collect()
        }
    }

    fn tensor(values: &[f32], shape: &[usize]) -> Tensor {
        Tensor::from_slice(values, shape, &Device::Cpu).unwrap()
    }

    fn cotangent() -> Tensor {
        tensor(&[1.0, 0.0, 0.0, 0.0], &[1, 2, 2])
    }

    #[test]
    fn output_and_gradients_of_given_weights_are_written_though_the_gate_would_refuse() {
        let folder = Folder::new();
        let w = tensor(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[3, 2]);
        folder.save("w.safetensors", &[("w.weight", w)]);
        assert_eq!(folder.forward(&["--weights", "@w.safetensors", "--grad"]).unwrap(), Answer::Yes);
        let result = folder.result();
        assert_eq!(result["output"], [21.0; 4]);
        assert_eq!(result["grad/w.weight"], [1.0; 6]);
        assert_eq!(result.len(), 2);
        folder.forward(&["--weights", "@w.safetensors"]).unwrap();
        assert_eq!(folder.result().len(), 1);
    }

    #[test]
    fn what_the_text_draws_can_be_saved_and_given_again() {
        let folder = Folder::new();
        folder.forward(&["--seed", "5", "--save-weights", "@w.safetensors", "--arg", "num_heads=2"]).unwrap();
        let first = folder.result();
        folder.forward(&["--weights", "@w.safetensors", "--heads", "2"]).unwrap();
        assert_eq!(folder.result(), first);
        folder.forward(&["--seed", "6", "--heads", "2"]).unwrap();
        assert_ne!(folder.result(), first);
    }

    #[test]
    fn files_that_do_not_fit_are_wrong_usage_with_the_next_step() {
        let folder = Folder::new();
        let refused = |more: &[&str]| {
            let failure = folder.forward(more).unwrap_err();
            assert_eq!(failure.code, 2, "{failure}");
            failure.to_string()
        };
        folder.save("w.safetensors", &[("model.w.weight", tensor(&[1.0; 6], &[3, 2]))]);
        let said = refused(&["--weights", "@w.safetensors"]);
        assert!(
            said.contains("the file lacks w.weight [3, 2]") && said.ends_with("take the names that begin so"),
            "{said}"
        );
        folder.forward(&["--weights", "@w.safetensors", "--prefix", "model."]).unwrap();
        folder.save("w.safetensors", &[("w.weight", tensor(&[1.0; 4], &[2, 2]))]);
        let said = refused(&["--weights", "@w.safetensors"]);
        assert!(said.contains("w.weight is [2, 2] instead of [3, 2]"), "{said}");
        assert!(refused(&["--weights", "@none.safetensors"]).contains("name a safetensors file"));
        folder.save("x.safetensors", &[("input", tensor(&[1.0; 4], &[2, 2]))]);
        assert!(refused(&[]).contains("save it as [B, T, D]"));
        folder.save("x.safetensors", &[("input", tensor(&[1.0; 4], &[1, 2, 2]))]);
        assert!(refused(&["--grad"]).contains("no real tensor named `cotangent`"));
    }

    #[test]
    fn a_text_that_cannot_be_traced_is_a_no() {
        let folder = Folder::new();
        std::fs::write(folder.path("layer.py"), TEXT.replace("x.flip(1)", "x.flop(1)")).unwrap();
        assert_eq!(folder.forward(&[]).unwrap(), Answer::No);
    }
}
