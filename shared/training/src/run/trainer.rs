//! Weights, optimiser state and programs between the steps of a run.

use std::collections::HashMap;
use std::path::Path;

use candle_core::{Device, Tensor};
use move37_candidate::ir::{Graph, NodeId, Op, ParamKind};
use move37_candidate::language::State as Named;
use move37_tensor::optim::{AdamW, State};
use move37_tensor::{Executor, Options, gradients, init_params, weights};

use super::diagnose::{Begun, origin};
use super::tally::{Measured, Tally};
use super::{Cancel, Checkpoint, JobSpec, Training};
use crate::Error;
use crate::data::Part;
use crate::model::{flops, language_model, measured};
use crate::task::{Batch, Task};

/// A loss this many times that of guessing is an explosion.
const EXPLOSION: f64 = 10.0;
/// A gradient with a greater norm is one too: clipping would make noise of it.
const WILD: f64 = 1e8;

/// A model in training.
#[derive(Debug)]
pub struct Trainer {
    job: JobSpec,
    task: Task,
    /// Outputs: mean loss, then the gradient of each trained parameter that has one.
    program: Executor,
    /// Outputs: losses and predictions of all positions.
    measure: Executor,
    /// For each parameter, which of the program's outputs is its gradient.
    slots: Vec<Option<usize>>,
    params: Vec<Tensor>,
    /// What PyTorch calls the tensors that it would save, with the number of the parameter of each.
    names: Vec<(String, usize)>,
    optimizer: AdamW,
    moments: State,
    step: u32,
    flops: f64,
}

impl Trainer {
    /// The model of a job before its first step.
    ///
    /// # Errors
    /// Settings that make no sense, a corpus that is not there, a text that cannot be traced or does not fit the model.
    pub fn new(job: &JobSpec, data: &Path) -> Result<Self, Error> {
        job.check()?;
        let task = Task::prepare(&job.task, data)?;
        let candidate = super::candidate::traced(job, task.length())?;
        Self::around(&candidate.graph, &candidate.state, job, task)
    }

    fn around(candidate: &Graph, state: &[Named], job: &JobSpec, task: Task) -> Result<Self, Error> {
        let (rows, length) = (job.training.batch, task.length());
        let mut network = language_model(candidate, &job.dims, task.vocabulary(), rows, length, job.task.readout())?;
        let measures = measured(&mut network)?;
        let mut graph = network.graph;
        let options = Options { threads: job.threads };
        graph.outputs = vec![measures.losses, measures.predictions];
        let measure = Executor::new(graph.clone(), job.compute, options)?;
        let slots = differentiate(&mut graph, measures.mean_loss)?;
        let params = init_params(&graph, job.seed)?;
        let names = model_names(&graph, candidate, state, job.dims.layers);
        let Training { weight_decay, epsilon, clip, .. } = job.training;
        let optimizer = AdamW { weight_decay, epsilon, clip: Some(clip), limit: Some(WILD), ..AdamW::default() };
        Ok(Self {
            flops: flops(&graph),
            program: Executor::new(graph, job.compute, options)?,
            measure,
            slots,
            optimizer,
            moments: State::new(&params),
            params,
            names,
            task,
            job: job.clone(),
            step: 0,
        })
    }

    /// Take the next step; its loss in nats per scored token.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss or the gradient is not finite or exploded; nothing has changed then.
    pub fn step(&mut self) -> Result<f32, Error> {
        self.step_unless(&Cancel::default())
    }

    /// The same, unless it is cancelled: that is asked before every operation of the executor.
    ///
    /// # Errors
    /// The same, and [`Error::Cancelled`]; nothing has changed then.
    pub fn step_unless(&mut self, cancel: &Cancel) -> Result<f32, Error> {
        let step = self.step + 1;
        let batch = self.task.training(self.job.seed, step, self.job.training.batch);
        let inputs = tensors(&batch)?;
        let outputs = self.computed(&self.program, &inputs, cancel)?;
        let loss = outputs[0].to_scalar::<f32>().map_err(move37_tensor::Error::from)?;
        let limit = EXPLOSION * (self.task.vocabulary() as f64).ln();
        let sane = f64::from(loss) < limit;
        if !sane {
            return Err(self.diverged(step, format!("the loss is {loss}"), &inputs));
        }
        let gradients: Vec<_> = self.slots.iter().map(|slot| slot.map(|i| outputs[i].clone())).collect();
        let rate = self.job.training.rate(step);
        let norm = self.optimizer.step(&mut self.moments, &self.params, &gradients, rate)?;
        if !norm.is_finite() || norm > WILD {
            return Err(self.diverged(step, format!("the norm of the gradient is {norm}"), &inputs));
        }
        self.step = step;
        Ok(loss)
    }

    /// Measure the model on the task's validation sequences.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite, [`Error::Cancelled`].
    pub fn validate(&self, cancel: &Cancel) -> Result<Measured, Error> {
        self.measure(Part::Validation, cancel)
    }

    /// Measure the model on as many sequences of a part as validation takes.
    ///
    /// # Errors
    /// [`Error::Diverged`] if the loss is not finite, [`Error::Cancelled`].
    pub fn measure(&self, part: Part, cancel: &Cancel) -> Result<Measured, Error> {
        let mut tally = Tally::default();
        for batch in self.task.held_out(part, self.job.training.validation, self.job.training.batch) {
            let (losses, predictions) = self.answers(&batch, cancel)?;
            if losses.iter().any(|loss| !loss.is_finite()) {
                let what = format!("the {} loss is not finite", part.name());
                return Err(self.diverged(self.step, what, &tensors(&batch)?));
            }
            tally.add(&batch, &losses, &predictions);
        }
        Ok(tally.measured(self.task.metric()))
    }

    /// Losses (nats, times the weight) and predictions of all positions of a batch.
    pub(super) fn answers(&self, batch: &Batch, cancel: &Cancel) -> Result<(Vec<f32>, Vec<i64>), Error> {
        let outputs = self.computed(&self.measure, &tensors(batch)?, cancel)?;
        let read = || -> candle_core::Result<(Vec<f32>, Vec<i64>)> {
            Ok((outputs[0].flatten_all()?.to_vec1()?, outputs[1].flatten_all()?.to_vec1()?))
        };
        Ok(read().map_err(move37_tensor::Error::from)?)
    }

    /// Write the model to a safetensors file, atomically. Layer `i` of the candidate has its `state_dict` under the prefix
    /// `layers.{i}.mixer.`.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        Ok(weights::save_state(path, self.program.graph(), &self.names, &self.params)?)
    }

    /// Take the model from a file that [`Trainer::save`] wrote.
    ///
    /// # Errors
    /// If the file cannot be read, or lacks a parameter of this model.
    pub fn load(&mut self, path: &Path) -> Result<(), Error> {
        let graph = self.program.graph();
        let mut all = weights::load_all(path)?;
        for (param, own) in graph.params.iter().zip(&self.params) {
            // What PyTorch would not save keeps its value.
            if !self.names.iter().any(|(name, _)| *name == param.name) {
                all.insert(param.name.clone(), own.clone());
            }
        }
        self.params = weights::of_graph(&all, "", graph)?;
        Ok(())
    }

    /// Weights and moments by name: what a checkpoint keeps.
    pub(super) fn tensors(&self) -> Result<Vec<(String, Tensor)>, Error> {
        let names: Vec<&str> = self.program.graph().params.iter().map(|param| param.name.as_str()).collect();
        let mut all = self.moments.tensors(&names)?;
        all.extend(names.iter().zip(&self.params).map(|(name, param)| (format!("p.{name}"), param.clone())));
        Ok(all)
    }

    /// Go on where a run of the same job was; the losses of the steps that it had taken.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it belongs to another job; nothing has changed then.
    pub fn resume(&mut self, from: &Checkpoint) -> Result<Vec<f32>, Error> {
        from.check(self)?;
        let losses = from.losses()?;
        (self.params, self.moments) = from.state(self.program.graph())?;
        self.step = from.step();
        Ok(losses)
    }

    /// Its job.
    pub(super) fn job(&self) -> &JobSpec {
        &self.job
    }

    /// Its task.
    pub fn task(&self) -> &Task {
        &self.task
    }

    /// Steps taken.
    pub fn steps_taken(&self) -> u32 {
        self.step
    }

    /// Trained parameters.
    pub fn parameters(&self) -> u64 {
        self.program.graph().parameter_count() as u64
    }

    /// FLOPs of one step, forward and backward.
    pub fn flops_per_step(&self) -> f64 {
        self.flops
    }

    /// Outputs of one of the programs, unless it is cancelled.
    fn computed(&self, program: &Executor, inputs: &[Tensor], cancel: &Cancel) -> Result<Vec<Tensor>, Error> {
        program.run_unless(&self.params, inputs, || cancel.is_cancelled()).map_err(|error| match error {
            move37_tensor::Error::Stopped => Error::Cancelled { step: self.step },
            error => error.into(),
        })
    }

    fn diverged(&self, step: u32, mut what: String, inputs: &[Tensor]) -> Error {
        let graph = self.program.graph();
        let first = (self.step > 0).then(|| init_params(graph, self.job.seed).ok()).flatten();
        let Some(origin) = origin(graph, &self.params, first.as_deref(), inputs) else {
            return Error::Diverged { step, what, line: None };
        };
        match origin.begun {
            Begun::NotANumber => {}
            Begun::Infinity => what += ", out of an infinity",
            Begun::Magnitude => what += ", out of values far beyond those of the first weights",
        }
        if origin.line == 0 {
            what += ", which began in the model around the candidate";
        }
        Error::Diverged { step, what, line: (origin.line > 0).then_some(origin.line) }
    }
}

/// What a model is saved as: the candidate's tensors under each of their names in every layer, all others as they are.
fn model_names(graph: &Graph, candidate: &Graph, state: &[Named], layers: usize) -> Vec<(String, usize)> {
    let numbers: HashMap<&str, usize> = graph.params.iter().enumerate().map(|(i, p)| (p.name.as_str(), i)).collect();
    let prefixes: Vec<String> = (0..layers).map(|layer| format!("layers.{layer}.mixer.")).collect();
    let mixed = |name: &str| prefixes.iter().any(|prefix| name.starts_with(prefix.as_str()));
    let around = numbers.iter().filter(|(name, _)| !mixed(name)).map(|(name, i)| ((*name).to_owned(), *i));
    let mut names: Vec<(String, usize)> = around.collect();
    for prefix in &prefixes {
        for (name, own) in weights::state_names(state, prefix) {
            names.push((name, numbers[format!("{prefix}{}", candidate.params[own].name).as_str()]));
        }
    }
    names.sort();
    names
}

/// Make the graph's outputs the loss and its gradients; for each parameter, which output is its gradient.
pub(super) fn differentiate(graph: &mut Graph, loss: NodeId) -> Result<Vec<Option<usize>>, Error> {
    let mut nodes = vec![None; graph.params.len()];
    for (i, node) in graph.nodes().iter().enumerate() {
        if let Op::Param(p) = node.op
            && graph.params[p as usize].kind == ParamKind::Trained
        {
            nodes[p as usize] = Some(NodeId(u32::try_from(i).expect("node ids are u32")));
        }
    }
    let trained: Vec<NodeId> = nodes.iter().flatten().copied().collect();
    let one = graph.scalar(1.0)?;
    let mut found = gradients(graph, loss, one, &trained)?.into_iter();
    graph.outputs = vec![loss];
    let mut slots = Vec::with_capacity(nodes.len());
    for node in &nodes {
        let gradient = node.and_then(|_| found.next().flatten());
        slots.push(gradient.map(|_| graph.outputs.len()));
        graph.outputs.extend(gradient);
    }
    Ok(slots)
}

fn tensors(batch: &Batch) -> Result<[Tensor; 3], Error> {
    let shape = (batch.rows, batch.length);
    let integers = |data: &[i64]| Tensor::from_slice(data, shape, &Device::Cpu);
    let make = || -> candle_core::Result<[Tensor; 3]> {
        Ok([
            integers(&batch.tokens)?,
            integers(&batch.targets)?,
            Tensor::from_slice(&batch.weights, shape, &Device::Cpu)?,
        ])
    };
    Ok(make().map_err(move37_tensor::Error::from)?)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use move37_candidate::ir::{Compare, DType, Unary};
    use move37_candidate::language::{ArgValue, StateKind, StateOf};

    use move37_tensor::Compute;

    use super::*;
    use crate::fixtures::{attention, job, mixer};
    use crate::run::Layer;

    fn trainer(candidate: &Graph, job: &JobSpec) -> Trainer {
        let named = |(i, param): (usize, &move37_candidate::ir::Param)| Named {
            name: param.name.clone(),
            of: StateOf::Param(i),
            kind: StateKind::Parameter,
        };
        let state: Vec<Named> = candidate.params.iter().enumerate().map(named).collect();
        let task = Task::prepare(&job.task, Path::new("unused")).unwrap();
        Trainer::around(candidate, &state, job, task).unwrap()
    }

    fn losses(job: &JobSpec) -> Vec<u32> {
        let mut trainer = trainer(&attention(4, 12, 8, 2), job);
        (0..6).map(|_| trainer.step().unwrap().to_bits()).collect()
    }

    #[test]
    fn the_same_seed_gives_the_same_losses_bit_for_bit() {
        let other = JobSpec { seed: 2, ..job(6) };
        assert_eq!(losses(&job(6)), losses(&job(6)));
        assert_ne!(losses(&job(6)), losses(&other));
    }

    #[test]
    fn candles_operations_give_the_same_losses_but_for_rounding() {
        let by = |compute| {
            let mut trainer = trainer(&attention(4, 12, 8, 2), &JobSpec { compute, ..job(6) });
            let losses: Vec<f32> = (0..6).map(|_| trainer.step().unwrap()).collect();
            (losses, trainer.validate(&Cancel::default()).unwrap().loss)
        };
        let near = |a: f64, b: f64, much: f64| (a - b).abs() < much * a;
        let (own, validated) = by(Compute::Own);
        for (half, much) in [(false, 1e-5), (true, 1e-2)] {
            let (losses, loss) = by(Compute::Candle { half });
            assert!(own.iter().zip(&losses).all(|(a, b)| near((*a).into(), (*b).into(), much)), "{own:?} {losses:?}");
            assert!(near(validated, loss, much), "{validated} {loss}");
            assert_ne!(own, losses, "each has its own order of summation");
        }
    }

    #[test]
    fn the_first_loss_is_that_of_guessing() {
        let mut trainer = trainer(&attention(4, 12, 8, 2), &job(1));
        let loss = f64::from(trainer.step().unwrap());
        assert!((loss - 16f64.ln()).abs() < 0.1, "{loss}");
    }

    #[test]
    fn every_trained_parameter_has_a_gradient_and_moves() {
        let mut trainer = trainer(&attention(4, 12, 8, 2), &job(3));
        assert!(trainer.slots.iter().all(Option::is_some));
        let before: Vec<Tensor> = trainer.params.iter().map(|p| p.copy().unwrap()).collect();
        trainer.step().unwrap();
        for (i, param) in trainer.program.graph().params.iter().enumerate() {
            let change = (&trainer.params[i] - &before[i]).unwrap().abs().unwrap().max_all().unwrap();
            assert!(change.to_scalar::<f32>().unwrap() > 0.0, "{}", param.name);
        }
    }

    #[test]
    fn a_nan_stops_training_and_names_the_line_where_it_began() {
        let candidate = mixer(4, 12, 8, |g, x| {
            g.span.line = 21;
            let square = g.mul(x, x)?;
            g.span.line = 22;
            let minus = g.scale(square, -1.0)?;
            let root = g.unary(Unary::Sqrt, minus)?;
            g.span.line = 23;
            g.add(root, x)
        });
        let error = trainer(&candidate, &job(3)).step().unwrap_err();
        assert!(matches!(error, Error::Diverged { step: 1, line: Some(22), .. }), "{error}");
    }

    #[test]
    fn a_nan_of_the_gradient_names_the_line_of_its_operation() {
        // The root of 0 is finite, its derivative times 0 is not.
        let candidate = mixer(4, 12, 8, |g, x| {
            g.span.line = 31;
            let nothing = g.scale(x, 0.0)?;
            let root = g.unary(Unary::Sqrt, nothing)?;
            g.add(root, x)
        });
        let mut trainer = trainer(&candidate, &job(3));
        let error = trainer.step().unwrap_err();
        assert!(matches!(error, Error::Diverged { step: 1, line: Some(31), .. }), "{error}");
        assert_eq!(trainer.steps_taken(), 0);
    }

    #[test]
    fn a_nan_out_of_an_infinity_names_the_line_of_the_infinity_and_masks_are_none() {
        let candidate = mixer(4, 12, 8, |g, x| {
            g.span.line = 41;
            let never = g.scalar(f64::NEG_INFINITY)?;
            let column = g.arange(0.0, 1.0, 8, DType::F32)?;
            let three = g.scalar(3.0)?;
            let later = g.compare(Compare::Gt, column, three)?;
            let masked = g.select(later, never, x)?;
            g.span.line = 42;
            let large = g.scale(masked, 1e4)?;
            g.span.line = 43;
            let infinite = g.unary(Unary::Exp, large)?;
            g.span.line = 44;
            let nan = g.sub(infinite, infinite)?;
            g.add(nan, x)
        });
        let error = trainer(&candidate, &job(3)).step().unwrap_err();
        assert!(matches!(error, Error::Diverged { step: 1, line: Some(43), .. }), "{error}");
        assert!(error.to_string().contains("out of an infinity, which began at line 43"), "{error}");
    }

    /// Reads `x` through a weight, which training may make large, and a function of it.
    fn weighted(body: impl Fn(&mut Graph, NodeId) -> Result<NodeId, move37_candidate::ir::Error>) -> Graph {
        mixer(4, 12, 8, |g, x| {
            let ones = g.full(&[8], 1.0, DType::F32)?;
            let weight = g.param("weight", ParamKind::Trained, ones)?;
            g.span.line = 51;
            let y = g.mul(x, weight)?;
            g.span.line = 52;
            let z = body(g, y)?;
            g.span.line = 53;
            let z = g.scale(z, 0.5)?;
            g.add(z, x)
        })
    }

    /// What a step says after its weights were set to this.
    fn after(candidate: &Graph, weight: f32) -> Error {
        let mut trainer = trainer(candidate, &job(3));
        trainer.step().unwrap();
        let names: Vec<_> = trainer.program.graph().params.iter().map(|p| p.name.clone()).collect();
        for i in (0..names.len()).filter(|&i| names[i] == "layers.0.mixer.weight") {
            trainer.params[i] = Tensor::full(weight, 8, &Device::Cpu).unwrap();
        }
        trainer.step().unwrap_err()
    }

    #[test]
    fn a_gradient_that_explodes_names_the_line_whose_values_left_their_range() {
        // Its value is bounded, its derivative is the weight's size to the third power.
        let candidate = weighted(|g, y| {
            let cube = g.mul(y, y)?;
            let cube = g.mul(cube, y)?;
            g.unary(Unary::Sin, cube)
        });
        let error = after(&candidate, 1e4);
        assert!(error.to_string().contains("the norm of the gradient is"), "{error}");
        assert!(matches!(error, Error::Diverged { step: 2, line: Some(52), .. }), "{error}");
    }

    #[test]
    fn an_infinity_that_was_there_from_the_start_is_not_blamed() {
        // Line 52 has an infinity at every step, which does no harm; line 51 becomes infinite later.
        let candidate = weighted(|g, y| {
            let zero = g.scalar(0.0)?;
            let positive = g.compare(Compare::Gt, y, zero)?;
            let mask = g.cast(positive, DType::F32)?;
            let mask = g.unary(Unary::Log, mask)?;
            let mask = g.unary(Unary::Exp, mask)?;
            g.mul(mask, y)
        });
        let error = after(&candidate, f32::MAX);
        assert!(matches!(error, Error::Diverged { step: 2, line: Some(51), .. }), "{error}");
    }

    #[test]
    fn saved_weights_measure_the_same_when_loaded() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let candidate = attention(4, 12, 8, 2);
        let mut trained = trainer(&candidate, &job(3));
        (0..3).for_each(|_| assert!(trained.step().is_ok()));
        trained.save(&path).unwrap();
        let mut loaded = trainer(&candidate, &JobSpec { seed: 9, ..job(3) });
        let measure = |trainer: &Trainer| trainer.validate(&Cancel::default()).unwrap();
        assert_ne!(measure(&loaded), measure(&trained));
        loaded.load(&path).unwrap();
        assert_eq!(measure(&loaded), measure(&trained));
        let other = attention(4, 12, 8, 2);
        let deeper = JobSpec { dims: crate::model::Dims { layers: 3, ..job(3).dims }, ..job(3) };
        assert!(matches!(trainer(&other, &deeper).load(&path), Err(Error::Tensor(_))));
    }

    #[test]
    fn a_saved_model_has_each_layers_state_dict_under_its_prefix() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights.safetensors");
        let source = "\
import torch, torch.nn as nn
class Unused(nn.Module):
    def __init__(self, d_model):
        super().__init__()
    def forward(self, x):
        return x
class Mixer(nn.Module):
    def __init__(self, d_model, scale=1.0):
        super().__init__()
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.tied = self.value
        self.register_buffer('scale', torch.full((d_model,), scale))
        self.register_buffer('scratch', torch.ones(d_model), persistent=False)
    def forward(self, x):
        return self.tied(x) * self.scale * self.scratch
";
        let layer =
            Layer { class: Some("Mixer".to_owned()), args: [("scale".to_owned(), ArgValue::Float(3.0))].into() };
        let job = JobSpec { source: source.to_owned(), layer, ..job(1) };
        let mut trained = Trainer::new(&job, Path::new("unused")).unwrap();
        trained.step().unwrap();
        trained.save(&path).unwrap();
        let all = weights::load_all(&path).unwrap();
        let mut layer: Vec<&str> = all.keys().filter_map(|name| name.strip_prefix("layers.1.mixer.")).collect();
        layer.sort_unstable();
        assert_eq!(layer, ["scale", "tied.weight", "value.weight"]);
        assert_eq!(all["layers.1.mixer.scale"].to_vec1::<f32>().unwrap(), [3.0; 8]);
        assert!(all.contains_key("embeddings.weight") && all.contains_key("lm_head.weight"));
        let mut loaded = Trainer::new(&JobSpec { seed: 9, ..job }, Path::new("unused")).unwrap();
        loaded.load(&path).unwrap();
        let measure = |trainer: &Trainer| trainer.validate(&Cancel::default()).unwrap();
        assert_eq!(measure(&loaded), measure(&trained));
    }

    #[test]
    fn an_exploding_loss_stops_training() {
        let mut job = job(40);
        job.training.learning_rate = 1e4;
        let mut trainer = trainer(&attention(4, 12, 8, 2), &job);
        let error = (0..40).find_map(|_| trainer.step().err()).unwrap();
        assert!(matches!(error, Error::Diverged { .. }), "{error}");
    }

    #[test]
    fn validation_counts_only_what_was_asked_for() {
        let mut job = job(1);
        let validate = |job: &JobSpec| trainer(&attention(4, 12, 8, 2), job).validate(&Cancel::default()).unwrap();
        let whole = validate(&job);
        assert!((whole.loss - 16f64.ln()).abs() < 0.1 && (0.0..0.5).contains(&whole.accuracy), "{whole:?}");
        // Six sequences do not fill two batches of four.
        job.training.validation = 6;
        let mean = validate(&job);
        job.training.validation = 4;
        let first = validate(&job);
        assert!((mean.loss - first.loss).abs() < 0.2 && mean != first);
    }
}
