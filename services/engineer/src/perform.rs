//! Performing the engineer's effects: proving a program, within a time limit.

use std::sync::Arc;
use std::time::Duration;

use move37_candidate::cost::ComplexityClass;
use move37_candidate::gate::GateConfig;
use move37_candidate::language::Dims;
use move37_core::Key;
use move37_engineer_domain::{Effect, Engineer, Outcome};
use move37_events::Topic;
use move37_events::facts::{GateReport, Model};
use move37_runtime::{Cancel, Outbox, Service};

use crate::report;

/// Longest look at one program. The gate bounds its own work far below; this is for a machine that stands still.
const LIMIT: Duration = Duration::from_secs(300);

/// The engineer service, for a [`move37_runtime::Host`].
#[derive(Clone, Copy, Debug, Default)]
pub struct EngineerService;

impl Service for EngineerService {
    type Outcome = Outcome;
    type Decider = Engineer;

    const INPUTS: &'static [Topic] = &[Topic::Campaigns, Topic::Researcher];

    async fn perform(self: Arc<Self>, _key: Key, effect: Effect, outbox: Outbox<Outcome>, cancel: Cancel) {
        match effect {
            Effect::Gate { experiment, attempt, source, model, length } => tokio::select! {
                report = gate(source, config(&model, length), LIMIT) => {
                    outbox.send(Outcome::Gated { experiment, attempt, report });
                }
                () = cancel.cancelled() => {}
            },
        }
    }
}

/// The gate's report; a gate that fails or does not end says so and does not admit.
async fn gate(source: String, config: GateConfig, limit: Duration) -> GateReport {
    let proof = tokio::task::spawn_blocking(move || move37_tensor::gate::prove(&source, &config));
    match tokio::time::timeout(limit, proof).await {
        Ok(Ok(found)) => report::of(found),
        Ok(Err(error)) => {
            tracing::error!(%error, "the gate failed on a program");
            report::refusal("unsupported", "the gate failed on this text, which is a defect of move37".to_owned())
        }
        Err(_) => report::refusal("limit", format!("the gate did not end within {} s", limit.as_secs_f64())),
    }
}

/// What is true of the program is asked for, at the campaign's sizes; what the campaign admits is for the rules.
fn config(model: &Model, length: u32) -> GateConfig {
    let dims = Dims {
        batch: 1,
        time: length as usize,
        d_model: model.d_model as usize,
        num_heads: model.heads as usize,
        args: Default::default(),
    };
    GateConfig { max_complexity: ComplexityClass::Higher, admit_unproved: true, ..GateConfig::new(dims) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_core::ExperimentId;
    use move37_engineer_domain::render::render;
    use move37_events::facts::{Complexity, Equalise, Proof};
    use move37_events::genome::Genome;
    use move37_events::inputs_of;
    use move37_runtime::role_of;

    use super::*;

    const MODEL: Model = Model { d_model: 32, layers: 2, heads: 4, swiglu: 64, equalise: Equalise::Parameters };

    fn effect(source: &str) -> Effect {
        let (experiment, source) = (ExperimentId(3), source.to_owned());
        Effect::Gate { experiment, attempt: 1, source, model: MODEL, length: 64 }
    }

    async fn gated(source: &str) -> GateReport {
        let (outbox, mut outcomes) = Outbox::channel();
        let (_canceller, cancel) = Cancel::new();
        Arc::new(EngineerService).perform("c".parse().unwrap(), effect(source), outbox, cancel).await;
        let Outcome::Gated { experiment, attempt, report } = outcomes.recv().await.unwrap();
        assert_eq!((experiment, attempt), (ExperimentId(3), 1));
        report
    }

    #[tokio::test]
    async fn every_published_design_is_proved() {
        for (name, genome) in Genome::published() {
            let report = gated(&render(&genome, None).unwrap()).await;
            assert!(report.admitted && report.findings.is_empty(), "{name}: {:?}", report.findings);
            assert_eq!((report.causality, report.batch_independence), (Proof::Proved, Proof::Proved), "{name}");
            let steep = if name == "softmax_attention" { Complexity::Quadratic } else { Complexity::Linear };
            assert_eq!(report.complexity, Some(steep), "{name}");
            assert_eq!(report.flops.iter().map(|cost| cost.length).collect::<Vec<_>>(), [64, 128, 256]);
            assert!(report.parameters > Some(4000) && report.graph_hash.is_some(), "{name}");
        }
    }

    #[tokio::test]
    async fn a_leak_is_refuted_with_its_line() {
        let source = "import torch.nn as nn\n\n\nclass Mean(nn.Module):\n    def __init__(self, d_model):\n        \
                      super().__init__()\n        self.out = nn.Linear(d_model, d_model)\n\n    \
                      def forward(self, x):\n        return self.out(x - x.mean(dim=1, keepdim=True))\n";
        let report = gated(source).await;
        assert!(!report.admitted);
        assert_eq!(report.causality, Proof::Refuted);
        let leak = report.findings.iter().find(|finding| finding.kind == "future_leak").unwrap();
        assert_eq!(leak.line, 10);
        assert!(!leak.hint.is_empty());
    }

    #[tokio::test]
    async fn what_is_no_program_is_refused_with_a_finding() {
        let report = gated("import torch.nn as nn\n").await;
        assert!(!report.admitted && report.class.is_none());
        assert_eq!(report.findings[0].message, "the text defines no nn.Module");
    }

    #[tokio::test]
    async fn a_gate_that_does_not_end_is_a_refusal() {
        let source = render(&Genome::published()[0].1, None).unwrap();
        let report = gate(source, config(&MODEL, 64), Duration::ZERO).await;
        assert_eq!(report.findings[0].kind, "limit");
        assert!(!report.admitted);
    }

    #[test]
    fn it_reads_what_the_table_says() {
        assert_eq!(EngineerService::INPUTS, inputs_of(role_of::<EngineerService>()));
    }

    #[tokio::test]
    async fn a_cancelled_gate_says_nothing() {
        let (outbox, mut outcomes) = Outbox::channel();
        let (canceller, cancel) = Cancel::new();
        canceller.cancel();
        let endless = "import torch.nn as nn\nwhile True:\n    pass\n";
        Arc::new(EngineerService).perform("c".parse().unwrap(), effect(endless), outbox, cancel).await;
        assert!(outcomes.recv().await.is_none());
    }
}
