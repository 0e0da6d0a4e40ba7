//! The law of checkpoints: a run that was stopped anywhere and goes on gives the bits of one that was not.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;
use std::time::Duration;

use candle_core::Tensor;
use move37_core::Hash;
use tempfile::TempDir;

use super::{Cancel, Checkpoint, JobSpec, Observer, RunOutcome, State, train};
use crate::Error;
use crate::data::Corpus;
use crate::fixtures::{self, text};
use crate::task::TaskSpec;

const STEPS: u32 = 9;

/// A running mean of what came before, with weights.
const SOURCE: &str = "\
import torch, torch.nn as nn

class Mixer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.value = nn.Linear(d_model, d_model, bias=False)
        self.gate = nn.Parameter(torch.rand(d_model))

    def forward(self, x):
        count = torch.arange(1, x.shape[1] + 1).float()
        return self.value(x).cumsum(dim=1) / count[:, None] * self.gate + x
";

/// A job on each task, and the folder of its data.
fn jobs() -> ([JobSpec; 2], TempDir) {
    let data = tempfile::tempdir().unwrap();
    let corpus = Corpus::new([text(1, 6_000), text(2, 5_000)]);
    corpus.store(data.path()).unwrap();
    let recall = JobSpec { source: SOURCE.to_owned(), ..fixtures::job(STEPS) };
    let bytes = JobSpec { task: TaskSpec::Bytes { corpus: corpus.hash(), length: 12 }, ..recall.clone() };
    ([recall, bytes], data)
}

/// Stops a run after some steps, or during validation, and keeps its state.
struct Stopper {
    after: u32,
    cancel: Cancel,
    state: Option<Vec<u8>>,
    /// States that were offered, by step.
    offered: Vec<u32>,
}

impl Observer for Stopper {
    fn step(&mut self, step: u32, _: f32, _: Duration) {
        if step == self.after && step < STEPS {
            self.cancel.cancel();
        }
    }
    fn between(&mut self, run: &dyn State) {
        self.offered.push(run.step());
    }
    fn stopping(&mut self, run: &dyn State) {
        self.state = Some(run.bytes().unwrap());
    }
    fn validating(&mut self) {
        if self.after == STEPS {
            self.cancel.cancel();
        }
    }
}

/// The state of a run after so many steps.
fn stopped(job: &JobSpec, data: &Path, from: Option<&[u8]>, after: u32) -> Vec<u8> {
    let cancel = Cancel::default();
    let mut stopper = Stopper { after, cancel: cancel.clone(), state: None, offered: Vec::new() };
    let from = from.map(|bytes| Checkpoint::read(bytes).unwrap());
    let error = train(job, data, from.as_ref(), &mut stopper, &cancel).unwrap_err();
    assert!(matches!(error, Error::Cancelled { step } if step == after), "{error}");
    let first = from.map_or(0, |from| from.step()) + 1;
    assert_eq!(stopper.offered, (first..=after).collect::<Vec<_>>());
    stopper.state.unwrap()
}

/// Outcome and weights of a whole run, times aside.
fn ended(job: &JobSpec, data: &Path, from: Option<&[u8]>) -> (RunOutcome, Vec<Vec<u32>>) {
    let from = from.map(|bytes| Checkpoint::read(bytes).unwrap());
    let (outcome, trainer) = train(job, data, from.as_ref(), &mut super::Silent, &Cancel::default()).unwrap();
    let bits = |tensor: &Tensor| {
        let numbers: Vec<f32> = tensor.flatten_all().unwrap().to_vec1().unwrap();
        numbers.into_iter().map(f32::to_bits).collect()
    };
    let state = trainer.tensors().unwrap();
    (RunOutcome { seconds: 0.0, ..outcome }, state.iter().map(|(_, tensor)| bits(tensor)).collect())
}

#[test]
fn a_run_that_was_stopped_anywhere_ends_bit_for_bit_like_one_that_was_not() {
    let (jobs, data) = jobs();
    for job in jobs {
        let whole = ended(&job, data.path(), None);
        for after in 1..=STEPS {
            let state = stopped(&job, data.path(), None, after);
            assert_eq!(ended(&job, data.path(), Some(&state)), whole, "{:?} after {after}", job.task);
        }
    }
}

#[test]
fn a_run_that_was_stopped_twice_does_too_and_its_states_are_those_of_a_run_that_was_not() {
    let (jobs, data) = jobs();
    for job in jobs {
        let whole = ended(&job, data.path(), None);
        for (first, second) in [(1, 2), (2, 7), (5, STEPS)] {
            let once = stopped(&job, data.path(), None, first);
            let twice = stopped(&job, data.path(), Some(&once), second);
            assert_eq!(twice, stopped(&job, data.path(), None, second));
            assert_eq!(ended(&job, data.path(), Some(&twice)), whole);
            // What was read is not what is trained: the same state serves twice.
            assert_eq!(ended(&job, data.path(), Some(&once)), whole);
        }
    }
}

#[test]
fn a_checkpoint_tells_what_was_done() {
    let ([job, _], data) = jobs();
    let checkpoint = Checkpoint::read(&stopped(&job, data.path(), None, 4)).unwrap();
    let (whole, _) = ended(&job, data.path(), None);
    assert_eq!((checkpoint.step(), checkpoint.tokens()), (4, 4 * 4 * 12));
    assert_eq!(checkpoint.flops(), whole.flops / f64::from(STEPS) * 4.0);
}

#[test]
fn a_checkpoint_of_another_run_is_refused_by_name() {
    let ([job, bytes], data) = jobs();
    let state = stopped(&job, data.path(), None, 4);
    let mut other = job.clone();
    other.source.push('\n');
    let mut longer = job.clone();
    longer.training.steps += 1;
    for (other, why) in [
        (other, "it belongs to program"),
        (bytes, "it belongs to data"),
        (JobSpec { seed: 2, ..job.clone() }, "it belongs to seed 1, not 2"),
        (longer, "it belongs to a run with other settings"),
    ] {
        let from = Checkpoint::read(&state).unwrap();
        let error = train(&other, data.path(), Some(&from), &mut super::Silent, &Cancel::default()).unwrap_err();
        assert!(matches!(&error, Error::Checkpoint(said) if said.starts_with(why)), "{error}");
    }
    // More threads are no other run.
    let more = JobSpec { threads: 2, ..job };
    let from = Checkpoint::read(&state).unwrap();
    let (outcome, _) = train(&more, data.path(), Some(&from), &mut super::Silent, &Cancel::default()).unwrap();
    assert!(outcome.platform.device.contains("before on cpu with 1 threads"), "{}", outcome.platform.device);
}

#[test]
fn what_is_no_checkpoint_is_refused() {
    let ([job, _], data) = jobs();
    let state = stopped(&job, data.path(), None, 4);
    let refused = |bytes: &[u8]| Checkpoint::read(bytes).unwrap_err().to_string();
    assert!(refused(b"torn").starts_with("go on from the checkpoint: parse weights"));
    assert!(refused(&state[..state.len() - 1]).starts_with("go on from the checkpoint: parse weights"));
    let none: [(&str, Tensor); 0] = [];
    assert!(refused(&move37_tensor::weights::to_bytes(&none, None).unwrap()).contains("it has no note"));
    let newer = move37_tensor::weights::to_bytes(&none, Some("{\"format\":2}")).unwrap();
    assert!(refused(&newer).contains("its format 2 is newer than this build"));
    assert_eq!(Checkpoint::read(&state).unwrap().step(), 4);
    assert_ne!(Hash::of(&state), Hash::of(&stopped(&job, data.path(), None, 5)));
}
