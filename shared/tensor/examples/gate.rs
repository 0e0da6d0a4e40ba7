//! How long the whole gate takes: on each seed program, and on a program of 500 lines.
//!
//! `cargo run --release -p move37-tensor --example gate [FILE.py ..]` prints the best of three looks in seconds; it fails if a
//! seed takes 0.2 s or the long program a second.

use std::time::Instant;

use move37_candidate::cost::ComplexityClass;
use move37_candidate::gate::GateConfig;
use move37_candidate::language::Dims;
use move37_tensor::gate::prove;

/// Sequence length, width and heads of the measurement.
const SIZES: (usize, usize, usize) = (64, 64, 4);
/// Most seconds of a seed and of the long program.
const LIMITS: (f64, f64) = (0.2, 1.0);

fn main() {
    let own = |name: &str, text: &str| (name.to_owned(), text.to_owned(), LIMITS.0);
    let mut programs = vec![
        own("softmax_attention", include_str!("../../candidate/seeds/softmax_attention.py")),
        own("decay_linear_attention", include_str!("../../candidate/seeds/decay_linear_attention.py")),
        own("delta_net", include_str!("../../candidate/seeds/delta_net.py")),
        own("gated_delta_net", include_str!("../../candidate/seeds/gated_delta_net.py")),
        own("two_path_mixer", include_str!("../../candidate/seeds/two_path_mixer.py")),
    ];
    let long = long();
    programs.push((format!("{} lines", long.lines().count()), long, LIMITS.1));
    for path in std::env::args().skip(1) {
        match std::fs::read_to_string(&path) {
            Ok(text) => programs.push((path, text, f64::INFINITY)),
            Err(error) => eprintln!("{path}: {error}"),
        }
    }
    let dims = Dims { batch: 1, time: SIZES.0, d_model: SIZES.1, num_heads: SIZES.2, args: Default::default() };
    let config = GateConfig { max_complexity: ComplexityClass::Quadratic, ..GateConfig::new(dims) };
    let mut slow = false;
    for (name, text, limit) in programs {
        let look = || {
            let begun = Instant::now();
            (prove(&text, &config), begun.elapsed().as_secs_f64())
        };
        let looks = [look(), look(), look()];
        let best = looks.iter().map(|(_, seconds)| *seconds).fold(f64::INFINITY, f64::min);
        let report = &looks[0].0;
        let verdict = if report.admitted { "admitted" } else { "refused" };
        println!("{best:.3} s  {verdict}  {:?}  {name}", report.analysed);
        report.findings.iter().for_each(|finding| println!("         {finding}"));
        slow |= best > limit;
    }
    if slow {
        eprintln!("error: the gate is too slow; profile it");
        std::process::exit(1);
    }
}

/// Branches of chunked recurrences, one class each, until there are 500 lines.
fn long() -> String {
    let mut text = "import torch\nimport torch.nn as nn\nimport torch.nn.functional as F\n".to_owned();
    let mut classes = 0;
    while text.lines().count() < 460 {
        text += &BRANCH.replace("NUMBER", &classes.to_string());
        classes += 1;
    }
    text += "\n\nclass Layer(nn.Module):\n    def __init__(self, d_model: int, num_heads: int = 4):\n        super().__init__()\n";
    for i in 0..classes {
        text += &format!("        self.branch_{i} = Branch{i}(d_model, num_heads)\n");
    }
    text += "\n    def forward(self, x: torch.Tensor) -> torch.Tensor:\n        y = x\n";
    for i in 0..classes {
        text += &format!("        y = y + self.branch_{i}(y)\n");
    }
    text + "        return y\n"
}

const BRANCH: &str = "

class BranchNUMBER(nn.Module):
    \"\"\"A decaying state of outer products, chunk by chunk.\"\"\"

    def __init__(self, d_model: int, num_heads: int, chunk: int = 16):
        super().__init__()
        self.heads = num_heads
        self.width = d_model // num_heads
        self.chunk = chunk
        self.q = nn.Linear(d_model, d_model, bias=False)
        self.k = nn.Linear(d_model, d_model, bias=False)
        self.v = nn.Linear(d_model, d_model, bias=False)
        self.g = nn.Linear(d_model, num_heads)
        self.norm = nn.LayerNorm(d_model)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def split(self, x: torch.Tensor) -> torch.Tensor:
        B, T, _ = x.shape
        x = x.view(B, T, self.heads, -1).transpose(1, 2)
        return F.pad(x, (0, 0, 0, -T % self.chunk))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        B, T, D = x.shape
        y = self.norm(x)
        q, k, v = (self.split(f(y)) for f in (self.q, self.k, self.v))
        g = self.split(F.logsigmoid(self.g(y)))
        state = q.new_zeros(B, self.heads, self.width, self.width)
        mask = torch.ones(self.chunk, self.chunk, dtype=torch.bool).tril()
        outputs = []
        for start in range(0, q.shape[2], self.chunk):
            part = slice(start, start + self.chunk)
            a, b, c = q[:, :, part], F.normalize(k[:, :, part], dim=-1), v[:, :, part]
            decay = g[:, :, part].cumsum(2)
            within = (decay - decay.transpose(-1, -2)).masked_fill(~mask, float('-inf')).exp()
            inner = ((a @ b.transpose(-1, -2)) * within) @ c
            outputs.append(inner + (a * decay.exp()) @ state)
            last = decay[:, :, -1:]
            state = state * last.exp() + (b * (last - decay).exp()).transpose(-1, -2) @ c
        o = torch.cat(outputs, dim=2)[:, :, :T]
        return self.out(o.transpose(1, 2).reshape(B, T, D))
";
