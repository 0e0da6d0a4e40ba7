//! The shells of the trainer and of a worker.
#![expect(clippy::unwrap_used, reason = "tests")]

mod chain;
mod placement;
mod training;

use move37_core::Hash;
use move37_events::facts::{Equalise, Job, Model, Stage, Task, TaskKind, Training};
use move37_testkit::sample;

/// A mixing layer that trains in no time.
const SOURCE: &str = "\
import torch, torch.nn as nn

class Mixer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.value = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        return self.value(x).cumsum(dim=1) * 0.1 + x
";

/// A small job on recall.
fn job(steps: u32) -> Job {
    let training = Training { steps, batch: 4, validation: 8, ..sample::campaign().training };
    Job {
        experiment: move37_core::ExperimentId(1),
        stage: Stage::Explore,
        source: SOURCE.to_owned(),
        program: Hash::of(SOURCE.as_bytes()),
        model: Model { d_model: 8, layers: 2, heads: 2, swiglu: 12, equalise: Equalise::None },
        task: Task { name: "mqar".to_owned(), sequence: 12, kind: TaskKind::Mqar { vocabulary: 16, pairs: 2 } },
        training,
        seed_number: 0,
        seed: 1,
    }
}
