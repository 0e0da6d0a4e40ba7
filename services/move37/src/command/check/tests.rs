#![expect(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use move37_candidate::gate::{GateReport, check};

use super::explain::{functions, lines};
use super::machine::object;
use super::prompt::prompt;
use super::table::Table;
use super::{Dims, GateConfig};

const LEAK: &str = "\
import torch.nn as nn

class Mixer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.w = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        return self.mix(x)

    def mix(self, x):
        return self.w(x + x.flip(1))
";

const SEED: &str = include_str!("../../../../../shared/candidate/seeds/gated_delta_net.py");

fn report(source: &str) -> GateReport {
    let dims = Dims { batch: 1, time: 64, d_model: 32, num_heads: 4, args: Default::default() };
    check(source, &GateConfig::new(dims))
}

#[test]
fn a_prompt_names_every_fault_with_its_line_witness_and_remedy() {
    let told = prompt(LEAK, &report(LEAK));
    let kept = include_str!("prompt.golden.txt");
    assert_eq!(told, kept, "{told}");
}

#[test]
fn json_has_the_line_of_each_finding_and_the_prompt() {
    let report = report(LEAK);
    let value = object(Path::new("mixer.py"), LEAK, &report);
    assert_eq!(value["findings"][0]["excerpt"], "return self.w(x + x.flip(1))");
    assert_eq!(value["findings"][0]["line"], 12);
    assert_eq!(value["prompt"].as_str().unwrap(), prompt(LEAK, &report));
    assert_eq!(value["file"], "mixer.py");
    assert_eq!(value["complexity"], "O(n)");
    assert_eq!(value["functions"][0]["name"], "Mixer.mix");
}

#[test]
fn costs_are_summed_by_the_function_around_each_line() {
    let report = report(SEED);
    let all = functions(SEED, &report);
    let sum = |of: fn(&super::explain::FunctionCost) -> u64| all.iter().map(of).sum::<u64>();
    assert_eq!(sum(|f| f.flops), report.flops[0].flops);
    assert_eq!(sum(|f| f.parameters), report.parameters.unwrap());
    assert_eq!(sum(|f| f.bytes), report.bytes.unwrap().activations);
    assert!(all.iter().any(|f| f.name == "unit_lower_inverse" && f.flops > 0), "{all:?}");
    assert!(all.iter().all(|f| !f.name.is_empty()), "{all:?}");
    assert!(all.windows(2).all(|w| w[0].flops >= w[1].flops));
}

#[test]
fn the_explanation_shows_lines_with_their_text_within_100_columns() {
    let page = lines(SEED, &report(SEED));
    assert!(page.iter().all(|line| line.chars().count() <= 100), "{}", page.join("\n"));
    let shown = page.iter().filter(|line| line.contains(" = ")).count();
    assert!(shown >= 10, "{}", page.join("\n"));
    assert!(page.last().unwrap().ends_with("in all"));
    let nothing = lines("import os\n", &report("import os\n"));
    assert_eq!(nothing.len(), 1);
}

#[test]
fn a_table_has_a_line_for_each_file_and_counts_the_admitted() {
    let mut table = Table::new(&["a.py".into()]);
    let leak = table.row(Path::new("leak.py"), &report(LEAK));
    assert!(leak.starts_with("leak     refused   refuted    proved    O(n)           future_leak:12 "), "{leak}");
    let seed = table.row(Path::new("seeds/gated_delta_net.py"), &report(SEED));
    assert!(seed.ends_with("admitted  proved     proved    O(n)"), "{seed}");
    assert_eq!(table.sum(), "1 of 2 admitted");
}
