//! What a decoder must carry.

use move37_candidate::gate::{GateConfig, RecurrentState, StateGrowth, check};

use super::language::layer;
use super::seeds::{SEEDS, dims};

fn carried(source: &str, time: usize) -> RecurrentState {
    let report = check(source, &GateConfig::new(dims(1, time)));
    report.state.unwrap_or_else(|| panic!("{:?}", report.findings))
}

const D: u64 = 32;
const FLOAT: u64 = 4;

#[test]
fn a_layer_carries_what_later_steps_read_of_earlier_ones() {
    let p = "self.p = nn.Linear(d_model, d_model)";
    let cases = [
        // Nothing mixes time.
        ("return self.p(x).tanh()", 0),
        // A running sum: its last value.
        ("return self.p(x).cumsum(1)", D),
        // Three earlier inputs of a convolution, projected.
        (
            "y = F.pad(self.p(x).transpose(1, 2), (3, 0))\nw = torch.ones(x.shape[2], 1, 4)\nreturn F.conv1d(y, w, groups=x.shape[2]).transpose(1, 2)",
            3 * D,
        ),
        // A step by step recurrence: its state, however often it is read.
        (
            "y = self.p(x)\ns = torch.zeros_like(x[:, 0])\nout = []\nfor t in range(x.shape[1]):\n    s = 0.5 * s + y[:, t]\n    out.append(s + s.exp())\nreturn torch.stack(out, 1)",
            D,
        ),
        // A shift, and a shift of it.
        (
            "y = self.p(x)\na = F.pad(y, (0, 0, 1, 0))[:, :-1]\nb = F.pad(a, (0, 0, 1, 0))[:, :-1]\nreturn y + a + b * y",
            2 * D,
        ),
        // A state of outer products, written as chunks: 4 heads of 8 x 8.
        (
            "B, T, _ = x.shape\nC = 16\ny = F.pad(self.p(x), (0, 0, 0, -T % C))\n\
             q = rearrange(y, 'b (n c) (h d) -> b h n c d', c=C, h=4)\nk, v = q.tanh(), q.sigmoid()\n\
             m = torch.ones(C, C).tril()\ns = torch.zeros(B, 4, 8, 8)\nout = []\nfor i in range(q.shape[2]):\n\
             \x20   a, b, c = q[:, :, i], k[:, :, i], v[:, :, i]\n    out.append(a @ s + ((a @ b.transpose(-1, -2)) * m) @ c)\n\
             \x20   s = s + b.transpose(-1, -2) @ c\nreturn rearrange(torch.stack(out, 2), 'b h n c d -> b (n c) (h d)')[:, :T]",
            4 * 8 * 8,
        ),
    ];
    for (forward, elements) in cases {
        let state = carried(&layer(p, forward), 64);
        assert_eq!((state.bytes, state.growth), (elements * FLOAT, StateGrowth::Constant), "{forward}: {state:?}");
        assert_eq!(state.bytes_per_step, 0.0);
    }
}

#[test]
fn a_cache_of_keys_and_values_grows_with_every_step() {
    let p = "self.q = nn.Linear(d_model, d_model)\nself.k = nn.Linear(d_model, d_model)\nself.v = nn.Linear(d_model, d_model)";
    let attention = "return F.scaled_dot_product_attention(self.q(x), self.k(x), self.v(x), is_causal=True)";
    let state = carried(&layer(p, attention), 64);
    assert_eq!((state.growth, state.bytes_per_step), (StateGrowth::Linear, (2 * D * FLOAT) as f64));
    assert_eq!(state.bytes, 64 * 2 * D * FLOAT);
    assert_eq!(state.measured.iter().map(|m| m.bytes / m.steps as u64).collect::<Vec<_>>(), [2 * D * FLOAT; 2]);
}

#[test]
fn the_seeds_carry_what_their_kind_carries() {
    for (name, source) in SEEDS {
        let state = carried(source, 64);
        println!("{name}: {state:?}");
        let grows = state.growth == StateGrowth::Linear;
        assert_eq!(grows, *name == "softmax_attention", "{name}: {state:?}");
        assert!(state.bytes > 0);
    }
}
