//! The loader that an exported folder has, and the configuration that it reads.

use move37_candidate::language::{ArgValue, StateOf, Traced};
use move37_events::facts::Job;
use serde_json::{Value, json};

/// `load.py`.
pub const LOADER: &str = include_str!("load.py");

/// `config.json`: how the layer is constructed, and the model that it was trained in.
pub fn config(traced: &Traced, job: &Job) -> Value {
    let values = |pairs: &std::collections::BTreeMap<String, ArgValue>| -> Value {
        pairs.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<serde_json::Map<_, _>>().into()
    };
    let configuration = traced.construction.config.as_ref().map(
        |config| json!({ "parameter": config.parameter, "class": config.class, "fields": values(&config.fields) }),
    );
    // What PyTorch's state_dict has and the weights do not: computed anew, never trained.
    let computed: Vec<&str> =
        traced.state.iter().filter(|entry| entry.of == StateOf::Computed).map(|entry| entry.name.as_str()).collect();
    json!({
        "class": traced.class,
        "arguments": values(&traced.construction.arguments),
        "configuration": configuration,
        "computed": computed,
        "model": job.model,
        "task": job.task,
        "training": job.training,
        "seed": job.seed,
        "program": job.program,
    })
}

fn plain(value: &ArgValue) -> Value {
    match value {
        ArgValue::None => Value::Null,
        ArgValue::Bool(b) => json!(b),
        ArgValue::Int(i) => json!(i),
        ArgValue::Float(x) => json!(x),
        ArgValue::Str(text) => json!(text),
        ArgValue::Tuple(items) => items.iter().map(plain).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_candidate::language::{Dims, Options, trace};
    use move37_testkit::sample;

    use super::*;

    const TEXT: &str = "
from dataclasses import dataclass
import torch
import torch.nn as nn

@dataclass
class LayerConfig:
    hidden_size: int = 64
    scale: float = 0.5

class Layer(nn.Module):
    def __init__(self, config: LayerConfig, num_heads=2):
        super().__init__()
        self.w = nn.Linear(config.hidden_size, config.hidden_size)
        self.register_buffer('phase', torch.polar(torch.ones(2), torch.ones(2)))

    def forward(self, x):
        return self.w(x) * 0.5
";

    #[test]
    fn a_configuration_constructs_the_layer_and_names_what_is_computed() {
        let dims = Dims { batch: 1, time: 4, d_model: 8, num_heads: 4, args: Default::default() };
        let traced = trace(TEXT, &dims, &Options::default()).unwrap();
        let campaign = sample::campaign();
        let job = Job {
            experiment: move37_core::ExperimentId(1),
            stage: move37_events::facts::Stage::Explore,
            source: TEXT.to_owned(),
            program: move37_core::Hash::of(TEXT.as_bytes()),
            model: campaign.model.clone(),
            task: campaign.tasks[0].clone(),
            training: campaign.training.clone(),
            seed_number: 0,
            seed: 7,
        };
        let config = config(&traced, &job);
        assert_eq!(config["class"], "Layer");
        assert_eq!(config["arguments"], json!({ "num_heads": 4 }));
        let object = json!({ "parameter": "config", "class": "LayerConfig", "fields": { "hidden_size": 8 } });
        assert_eq!(config["configuration"], object);
        assert_eq!(config["computed"], json!(["phase"]));
        for read in ["CONFIG[\"class\"]", "CONFIG[\"arguments\"]", "CONFIG[\"configuration\"]", "CONFIG[\"computed\"]"]
        {
            assert!(LOADER.contains(read), "{read}");
        }
    }
}
