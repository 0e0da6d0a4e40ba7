//! The seed programs.

use move37_candidate::language::{Dims, Options, trace};

pub const SEEDS: &[(&str, &str)] = &[
    ("softmax_attention", include_str!("../../seeds/softmax_attention.py")),
    ("decay_linear_attention", include_str!("../../seeds/decay_linear_attention.py")),
    ("delta_net", include_str!("../../seeds/delta_net.py")),
    ("gated_delta_net", include_str!("../../seeds/gated_delta_net.py")),
    ("two_path_mixer", include_str!("../../seeds/two_path_mixer.py")),
];

pub fn dims(batch: usize, time: usize) -> Dims {
    Dims { batch, time, d_model: 32, num_heads: 4, args: Default::default() }
}

#[test]
fn every_seed_traces_at_several_lengths() {
    for (name, source) in SEEDS {
        for time in [5, 64, 70] {
            let traced = trace(source, &dims(2, time), &Options::default());
            let traced = traced.unwrap_or_else(|f| {
                panic!("{name} at T={time}: {}", f.iter().map(|f| f.to_string() + "\n").collect::<String>())
            });
            let output = traced.graph.outputs[0];
            assert_eq!(traced.graph.shape(output), [2, time, 32], "{name}");
            assert_eq!(traced.hidden_state, [], "{name}");
        }
    }
}
