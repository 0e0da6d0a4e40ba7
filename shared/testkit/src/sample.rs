//! Small, complete values for tests: a campaign, a candidate's way through it, and the names of facts.

use std::collections::BTreeMap;

use move37_core::{EventId, ExperimentId, Hash};
use move37_events::Fact;
use move37_events::facts::{
    Basis, Belief, Brief, Budget, Campaign, CampaignFact, CampaignStarted, CandidateAdmitted, CommandId, Complexity,
    Corpus, Cost, CurvePoint, Early, EarlyMode, Equalise, Expectation, FitnessScored, Formula, GatePolicy, GateReport,
    Growth, Implausible, Insight, InsightRecorded, Interval, Left, Memory, Model, Nearest, ParentSampled, Platform,
    Policy, Proof, Provenance, RecurrentState, ResultSummary, RunResult, Sampling, Schedule, Scored, SeedProgram,
    Sizes, Spend, Stage, Standing, Task, TaskKind, TaskScore, Term, Training, TrainingCompleted, Watch,
};
use move37_events::genome::{Decay, Feature, Fusion, Genome, OutputGate, Path};

/// The name of a fact, from `key/source/sequence`.
///
/// # Panics
/// The text is no event id.
pub fn id(text: &str) -> EventId {
    text.parse().expect("tests name facts as key/source/sequence")
}

/// An input that is a fact.
pub fn input<O>(name: &str, fact: impl Into<Fact>) -> move37_events::Input<O> {
    move37_events::Input::Fact { id: id(name), fact: fact.into() }
}

/// A campaign of two seed programs, two tasks, one seed per task and one lane.
pub fn campaign() -> Campaign {
    Campaign {
        seed: 7,
        lanes: 1,
        budget: Budget { experiments: 3, failures: 2, flops: None },
        programs: vec![program("delta_net"), program("linear_attention")],
        model: Model { d_model: 32, layers: 2, heads: 2, swiglu: 64, equalise: Equalise::Parameters },
        tasks: vec![
            Task { name: "bytes".to_owned(), sequence: 64, kind: TaskKind::Bytes { corpus: corpus() } },
            Task { name: "mqar".to_owned(), sequence: 64, kind: TaskKind::Mqar { vocabulary: 64, pairs: 4 } },
        ],
        training: Training {
            steps: 20,
            batch: 4,
            learning_rate: 3e-3,
            warmup: 2,
            schedule: Schedule::Cosine { floor: 0.1 },
            weight_decay: 0.1,
            epsilon: 1e-8,
            clip: 1.0,
            seeds: 1,
            baseline_seeds: 1,
            attempts: 2,
            validation: 64,
        },
        gate: GatePolicy {
            max_complexity: Complexity::LogLinear,
            admit_unproved: false,
            max_parameters: 2.0,
            max_flops: 3.0,
        },
        sampling: Sampling { pool: 50, parents: 10, references_to: 50, references: 4, policy: Policy::Ranks },
        belief: Belief { confirm: false, ..belief() },
        watch: watch(),
    }
}

/// Runs are watched, and judged early without being stopped.
pub fn watch() -> Watch {
    Watch {
        slow: Some(3.0),
        least_seconds: 60.0,
        implausible: Some(Implausible { language: 0.5, others: 0.1 }),
        peers: 3,
        early: Early { mode: EarlyMode::Shadow, at: vec![0.5], quantile: 0.5, least: 3 },
    }
}

/// Records are confirmed with three seeds, then with six.
pub fn belief() -> Belief {
    Belief {
        fitness: Formula::Paper,
        confidence: 0.95,
        confirm: true,
        promote: 0.8,
        promotions: 3,
        alpha: 0.05,
        looks: vec![3, 6],
    }
}

fn corpus() -> Corpus {
    Corpus { name: "sample text".to_owned(), hash: Hash::of(b"sample text"), bytes: 100_000 }
}

/// A seed program of this name.
pub fn program(name: &str) -> SeedProgram {
    let source = format!("class {name}(nn.Module): ...\n");
    SeedProgram { name: name.to_owned(), hash: Hash::of(source.as_bytes()), source, genome: Some(genome()) }
}

/// A delta rule with a causal filter beside it.
pub fn genome() -> Genome {
    Genome {
        heads: 2,
        short_convolution: 4,
        feature: Feature::Silu,
        unit_qk: true,
        paths: vec![Path::Delta { decay: Decay::Head, negative: false }, Path::Fir { taps: 8 }],
        fusion: Fusion::Router { temperature: true, floor: 2 },
        output_norm: true,
        output_gate: OutputGate::Silu,
    }
}

/// The operator's start.
pub fn started(campaign: Campaign) -> CampaignFact {
    CampaignStarted { command: CommandId("start-1".to_owned()), campaign }.into()
}

/// A hypothesis.
pub fn brief(name: &str, parent: Option<u32>) -> Brief {
    Brief {
        name: name.to_owned(),
        motivation: "The recall task is weak".to_owned(),
        mechanism: "A short causal filter carries local detail, so that the state keeps the rest".to_owned(),
        expected: vec![Expectation { task: "mqar".to_owned(), change: 0.05 }],
        provenance: Provenance::Cognition,
        parent: parent.map(ExperimentId),
        moves: parent.map(|_| vec!["add fir path".to_owned()]).unwrap_or_default(),
        components: vec!["delta rule".to_owned(), "causal FIR filter".to_owned()],
    }
}

/// A task's score of these values, by seed number.
pub fn score(values: &[f64]) -> TaskScore {
    let n = values.len() as f64;
    let value = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|x| (x - value).powi(2)).sum::<f64>() / (n - 1.0);
    let error = (values.len() > 1).then(|| (variance / n).sqrt());
    TaskScore {
        value,
        standard_error: error,
        seeds: u32::try_from(values.len()).expect("tests have few seeds"),
        values: values.to_vec(),
        interval: error.map(|error| Interval { low: value - 3.0 * error, high: value + 3.0 * error, confidence: 0.95 }),
    }
}

/// The sizes of the baseline of [`campaign`].
pub fn sizes() -> Sizes {
    Sizes { swiglu: 64, parameters: 11_208, flops: 2.4e6, excess: 0.0, comparable: true }
}

/// A verified candidate's score, with this fitness by seed number.
pub fn verified(experiment: u32, values: &[f64]) -> FitnessScored {
    let results = results(&[("bytes", 2.5), ("mqar", 0.4)]);
    let scores = values.iter().map(|value| 2.5 - value).collect::<Vec<_>>();
    let tasks = BTreeMap::from([("bytes".to_owned(), score(&scores))]);
    let brief = brief(&format!("candidate {experiment}"), (experiment > 2).then_some(1));
    let fitness = values.iter().sum::<f64>() / values.len() as f64;
    FitnessScored {
        experiment: ExperimentId(experiment),
        stage: Stage::Verify,
        terms: vec![Term {
            task: "bytes".to_owned(),
            value: Some(2.5 - fitness),
            baseline: 2.0,
            scale: 0.2,
            score: Some(fitness),
        }],
        formula: Formula::Paper,
        fitness: Some(fitness),
        values: values.to_vec(),
        interval: None,
        bound: None,
        unranked: None,
        scored: Scored {
            training_event: id("c/trainer/9"),
            genome: Some(genome()),
            program: Hash::of(brief.name.as_bytes()),
            parent: true,
            results: ResultSummary { tasks, ..results },
            spend: spend(1e9),
            brief,
        },
    }
}

/// Results of these tasks, one seed each.
pub fn results(values: &[(&str, f64)]) -> ResultSummary {
    let score = |value| score(&[value]);
    let tasks: BTreeMap<_, _> = values.iter().map(|(task, value)| ((*task).to_owned(), score(*value))).collect();
    ResultSummary { tasks, parameters: 5000, flops: 1.5e6 }
}

/// A scored candidate as memory knows it.
pub fn standing(experiment: u32, fitness: f64) -> Standing {
    let name = format!("candidate {experiment}");
    Standing {
        experiment: ExperimentId(experiment),
        program: Hash::of(name.as_bytes()),
        name,
        genome: Some(genome()),
        fitness,
        bound: Some(fitness - 0.05),
        results: results(&[("bytes", 2.5), ("mqar", 0.4)]),
        insight: "A filter helps recall.".to_owned(),
    }
}

/// The start of an experiment that develops `parent`.
pub fn evolving(experiment: u32, lane: u32, parent: Standing) -> ParentSampled {
    ParentSampled {
        experiment: ExperimentId(experiment),
        lane,
        basis: Basis::Evolve {
            choice: None,
            scores_seen: vec![(1, parent.fitness)],
            parent: Box::new(parent),
            references: Vec::new(),
            lessons: move37_events::facts::Lessons::default(),
            policy: "by hand".to_owned(),
            rank: 1,
        },
        allowance: None,
        left: left(),
    }
}

/// A budget with something left.
pub fn left() -> Left {
    Left { experiments: 2, failures: 2, flops: None }
}

/// An admitted candidate.
pub fn admitted(experiment: u32, baseline: bool) -> CandidateAdmitted {
    let seed = program("delta_net");
    CandidateAdmitted {
        experiment: ExperimentId(experiment),
        attempt: 1,
        brief: brief("delta_net", None),
        genome: seed.genome,
        source: seed.source,
        program: seed.hash,
        baseline,
        parent: true,
        sizes: sizes(),
        gate: gate_report(),
    }
}

/// What the gate says of a sound program.
pub fn gate_report() -> GateReport {
    GateReport {
        admitted: true,
        class: Some("delta_net".to_owned()),
        parameters: Some(5000),
        flops: [64, 128, 256].map(|length| Cost { length, flops: 2.5e4 * f64::from(length) }).to_vec(),
        complexity: Some(Complexity::Linear),
        growth: Some(Growth { linear: 2.5e4, ..Growth::default() }),
        memory: Some(Memory {
            activations: 1 << 20,
            forward_peak: 1 << 17,
            training_peak: Some(3 << 18),
            growth: Some(Growth { linear: 16384.0, ..Growth::default() }),
        }),
        state: Some(RecurrentState { bytes: 2048, bytes_per_step: 0.0 }),
        causality: Proof::Proved,
        batch_independence: Proof::Proved,
        graph_hash: Some(Hash::of(b"graph")),
        sketch: Some("5e".repeat(256)),
        nearest: Some(Nearest { graph_hash: Hash::of(b"other graph"), distance: 0.25 }),
        findings: Vec::new(),
    }
}

/// A run's result.
pub fn run_result(task: &str, seed: u32, value: f64) -> RunResult {
    RunResult {
        task: task.to_owned(),
        seed,
        value,
        test: None,
        validation_loss: 2.5,
        curve: vec![CurvePoint { step: 10, loss: 3.5 }, CurvePoint { step: 20, loss: 2.75 }],
        curve_hash: Hash::of(b"curve"),
        parameters: 50_000,
        tokens: 5120,
        flops: 1e9,
        data_hash: Hash::of(b"data"),
        program: program("delta_net").hash,
        platform: Platform {
            binary: "move37 0.1.0".to_owned(),
            device: "cpu".to_owned(),
            features: "avx2".to_owned(),
            threads: 1,
        },
    }
}

/// A cost.
pub fn spend(flops: f64) -> Spend {
    Spend { flops, seconds: 1.5 }
}

/// A completed training with these task values.
pub fn trained(experiment: u32, brief: Brief, values: &[(&str, f64)]) -> TrainingCompleted {
    TrainingCompleted {
        experiment: ExperimentId(experiment),
        stage: Stage::Explore,
        genome: Some(genome()),
        program: Hash::of(brief.name.as_bytes()),
        baseline: experiment == 1,
        parent: true,
        runs: values.iter().map(|(task, value)| run_result(task, 0, *value)).collect(),
        results: results(values),
        spend: spend(2e9),
        brief,
    }
}

/// An insight, ranked where it has a fitness.
pub fn insight(experiment: u32, brief: Brief, fitness: Option<f64>) -> InsightRecorded {
    InsightRecorded {
        experiment: ExperimentId(experiment),
        fitness,
        bound: fitness.map(|fitness| fitness - 0.05),
        unranked: fitness.is_none().then(|| "no finite result for mqar".to_owned()),
        insight: Insight {
            design_evaluation: "It adds a filter.".to_owned(),
            experimental_results_analysis: "It gains 1.5 % on bytes.".to_owned(),
            expectation_vs_reality_comparison: "As expected.".to_owned(),
            theoretical_explanation_with_evidence: "Local detail is carried.".to_owned(),
            synthesis_and_insights: "A filter gains 1.5 % here. Try longer ones.".to_owned(),
        },
        evidence: vec![id("c/trainer/9")],
        scored: Scored {
            training_event: id("c/trainer/9"),
            genome: Some(genome()),
            program: Hash::of(brief.name.as_bytes()),
            parent: true,
            results: results(&[("bytes", 2.5), ("mqar", 0.4)]),
            spend: spend(2e9),
            brief,
        },
    }
}
