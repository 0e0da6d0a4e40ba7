//! One value of every fact, as full as it gets.

use std::collections::BTreeMap;

use move37_core::ExperimentId;
use move37_events::facts::*;
use move37_events::{DeadLetter, RawRecord, Reason, Role, Topic};
use move37_testkit::sample;

fn command() -> CommandId {
    CommandId("cli-1".to_owned())
}

fn followed() -> CampaignFollowed {
    CampaignFollowed { sequence: 1, what: Followed::Started(Box::new(sample::campaign())) }
}

fn run() -> RunId {
    RunId::new(ExperimentId(3), Stage::Explore, "bytes", 0)
}

fn child() -> Brief {
    sample::brief("delta_fir", Some(1))
}

fn job() -> Job {
    let (campaign, program) = (sample::campaign(), sample::program("delta_net"));
    Job {
        experiment: ExperimentId(3),
        stage: Stage::Explore,
        source: program.source,
        program: program.hash,
        model: campaign.model,
        task: campaign.tasks[1].clone(),
        training: campaign.training,
        seed_number: 0,
        seed: 4_503_599_627_370_497,
    }
}

fn finding() -> Finding {
    Finding {
        kind: "future_leak".to_owned(),
        line: 12,
        column: 9,
        message: "output 3 depends on input 4".to_owned(),
        hint: "mask the upper triangle".to_owned(),
        witness: Some(Witness { shape: [2, 70], output: [0, 3, 0], input: Some([0, 4]), other: None }),
    }
}

pub fn campaigns() -> Vec<CampaignFact> {
    let budget = Budget { experiments: 40, failures: 10, flops: Some(1e15) };
    vec![
        sample::started(sample::campaign()),
        CampaignPaused { command: command() }.into(),
        CampaignResumed { command: command() }.into(),
        CampaignStopped { command: command(), reason: "enough".to_owned() }.into(),
        BudgetSet { command: command(), budget }.into(),
    ]
}

pub fn memory() -> Vec<MemoryFact> {
    let lessons = Lessons {
        weak_task: Some("mqar".to_owned()),
        moves: vec![MoveRecord {
            name: "add fir path".to_owned(),
            tried: 3,
            improved: 1,
            failed: 1,
            mean_gain: 0.0125,
        }],
        failures: vec![Failure { experiment: ExperimentId(4), name: "x".to_owned(), why: "it leaks".to_owned() }],
    };
    let basis = Basis::Evolve {
        choice: Some(Choice {
            eligible: vec![
                Eligible { rank: 1, score: Some(1.75), visits: 2 },
                Eligible { rank: 2, score: None, visits: 0 },
            ],
            drawn: 1,
            place: Some("island 2".to_owned()),
        }),
        parent: Box::new(sample::standing(1, 0.5)),
        references: vec![sample::standing(2, 0.25)],
        lessons,
        policy: "parent uniform from ranks 1-10, 4 references from ranks 11-50".to_owned(),
        scores_seen: vec![(1, 0.5), (2, 0.25)],
        rank: 1,
    };
    let left = Left { experiments: 2, failures: 1, flops: Some(9e14) };
    let challenge = Purpose::Challenge { against: ExperimentId(1), test: 1, alpha: 0.00625, look: 2, compared: 6 };
    let interval = Interval { low: 0.53125, high: 0.71875, confidence: 0.95 };
    let tasks = BTreeMap::from([("bytes".to_owned(), sample::score(&[2.5, 2.25, 2.0]))]);
    let confirmed = RecordConfirmed {
        experiment: ExperimentId(3),
        name: "delta_fir".to_owned(),
        program: sample::program("delta_net").hash,
        against: ExperimentId(1),
        tasks: tasks.clone(),
        fitness: 0.625,
        interval: Some(interval),
        gain: Some(interval),
        seeds: 6,
        looks: 2,
        test: 1,
        alpha: 0.00625,
    };
    vec![
        followed().into(),
        ParentSampled { experiment: ExperimentId(3), lane: 1, basis, allowance: Some(2e12), left: left.clone() }.into(),
        ExperimentRecorded {
            experiment: ExperimentId(3),
            lane: 1,
            brief: Some(child()),
            ending: Ending::Ranked { standing: Box::new(sample::standing(3, 0.625)), parent: true },
            spend: sample::spend(1.5e12),
            left: left.clone(),
        }
        .into(),
        CandidatePromoted {
            experiment: ExperimentId(3),
            stage: Stage::Verify,
            purpose: challenge,
            seeds: Seeds { first: 3, last: 5 },
            allowance: Some(2e12),
            left: left.clone(),
        }
        .into(),
        VerificationRecorded {
            experiment: ExperimentId(3),
            outcome: Verified::Measured {
                tasks: tasks.clone(),
                fitness: 0.625,
                values: vec![0.5, 0.625, 0.75],
                interval: Some(interval),
            },
            spend: sample::spend(1.5e12),
            left,
        }
        .into(),
        confirmed.clone().into(),
        RecordRefuted {
            experiment: ExperimentId(4),
            name: "delta_fir".to_owned(),
            against: ExperimentId(3),
            why: "it is no better".to_owned(),
            gain: Some(interval),
            seeds: 3,
            looks: 1,
            test: 2,
            alpha: 0.00625,
        }
        .into(),
        CampaignClosed {
            reason: CloseReason::Finished,
            experiments: 3,
            best: Some(sample::standing(3, 0.625)),
            record: Some(confirmed),
            unconfirmed: Some("no candidate was promoted".to_owned()),
            spend: sample::spend(6e12),
        }
        .into(),
    ]
}

pub fn researcher() -> Vec<ResearcherFact> {
    let design = Design::Grammar { parent: sample::program("delta_net").hash, genome: sample::genome() };
    vec![
        followed().into(),
        HypothesisProposed { experiment: ExperimentId(3), brief: child(), design }.into(),
        HypothesisWithdrawn {
            experiment: ExperimentId(5),
            why: "it repeats an earlier one".to_owned(),
            duplicate_of: Some(ExperimentId(3)),
        }
        .into(),
    ]
}

pub fn engineer() -> Vec<EngineerFact> {
    let program = sample::program("delta_fir");
    let refused =
        GateReport { admitted: false, causality: Proof::Refuted, findings: vec![finding()], ..sample::gate_report() };
    vec![
        followed().into(),
        CodeDiffProposed {
            experiment: ExperimentId(3),
            attempt: 1,
            brief: child(),
            genome: program.genome,
            parent: Some(sample::program("delta_net").hash),
            diff: "--- parent\n+++ child\n".to_owned(),
            source: program.source,
            program: program.hash,
            baseline: false,
        }
        .into(),
        sample::admitted(3, false).into(),
        CandidateRefused {
            experiment: ExperimentId(3),
            attempt: 1,
            gate: refused,
            duplicate_of: Some(ExperimentId(2)),
        }
        .into(),
        ExperimentAbandoned { experiment: ExperimentId(3), brief: Some(child()), why: "it leaks".to_owned() }.into(),
    ]
}

fn checkpoint() -> Checkpoint {
    Checkpoint { hash: move37_core::Hash::of(b"state"), size: 5, step: 10 }
}

pub fn trainer() -> Vec<TrainerFact> {
    let admitted = sample::admitted(3, false);
    let why = "its worker said nothing for 60 s".to_owned();
    vec![
        followed().into(),
        TrainingScheduled {
            experiment: ExperimentId(3),
            stage: Stage::Explore,
            brief: admitted.brief,
            genome: admitted.genome,
            source: admitted.source,
            program: admitted.program,
            baseline: false,
            parent: true,
            parameters: 5000,
            flops: 1.6e6,
            sizes: sample::sizes(),
            seeds: Seeds::first(1),
            runs: vec![run()],
        }
        .into(),
        RunDispatched {
            run: run(),
            attempt: 1,
            dispatch: 1,
            worker: "gpu.1".parse().unwrap(),
            job: job(),
            resume: Some(checkpoint()),
        }
        .into(),
        RunUnplaced { run: run(), attempt: 1, dispatch: 1, why: "all slots are taken".to_owned() }.into(),
        RunCompleted {
            run: run(),
            attempt: 1,
            result: RunResult { test: Some(2.625), ..sample::run_result("bytes", 0, 2.5) },
            spend: sample::spend(1e9),
        }
        .into(),
        RunFailed { run: run(), attempt: 2, why: "the loss diverged".to_owned(), spend: sample::spend(1e9) }.into(),
        RunPaused { run: run(), attempt: 1, why: "the campaign was paused".to_owned() }.into(),
        RunLost {
            run: run(),
            attempt: 1,
            why,
            counts: true,
            spend: sample::spend(5e8),
            checkpoint: Some(checkpoint()),
        }
        .into(),
        RunStopped { run: run(), attempt: 1, why: "the campaign was stopped".to_owned() }.into(),
        RunSpared {
            run: run(),
            step: 10,
            loss: 3.5,
            bound: 3.25,
            runs: 8,
            saved: 0.5,
            last: 2.5,
            wronged: 3,
            regret: 0.125,
        }
        .into(),
        sample::trained(3, child(), &[("bytes", 2.5), ("mqar", 0.4)]).into(),
        TrainingFailed {
            experiment: ExperimentId(3),
            stage: Stage::Verify,
            seeds: 6,
            brief: Some(child()),
            why: "the loss diverged".to_owned(),
            spend: sample::spend(1e9),
        }
        .into(),
    ]
}

pub fn runs() -> Vec<RunFact> {
    let campaign = || "c".parse().unwrap();
    vec![
        WorkerJoined {
            worker: "gpu.1".parse().unwrap(),
            host: "gpu".to_owned(),
            device: "cpu, 2 cores".to_owned(),
            threads: 2,
            binary: "move37 0.1.0".to_owned(),
            free: 1,
        }
        .into(),
        RunAccepted {
            campaign: campaign(),
            run: run(),
            attempt: 1,
            dispatch: 1,
            job: Box::new(job()),
            resume: Some(checkpoint()),
            free: 0,
        }
        .into(),
        RunDeclined {
            campaign: campaign(),
            run: run(),
            attempt: 1,
            dispatch: 1,
            why: "all slots are taken".to_owned(),
            free: 0,
        }
        .into(),
        MetricsRecorded {
            campaign: campaign(),
            run: run(),
            attempt: 1,
            step: 10,
            steps: 20,
            points: vec![CurvePoint { step: 10, loss: 3.5 }],
            spend: sample::spend(5e8),
        }
        .into(),
        CheckpointSaved {
            campaign: campaign(),
            run: run(),
            attempt: 1,
            step: 10,
            steps: 20,
            checkpoint: checkpoint(),
            spend: sample::spend(5e8),
        }
        .into(),
        RunFinished {
            campaign: campaign(),
            run: run(),
            attempt: 1,
            outcome: Outcome::Completed(Box::new(sample::run_result("bytes", 0, 2.5))),
            spend: sample::spend(1e9),
            checkpoint: Some(checkpoint()),
            free: 1,
        }
        .into(),
        WorkerWithdrew { why: "shutdown".to_owned(), free: 0 }.into(),
        WorkerLeft { why: "shutdown".to_owned(), free: 0 }.into(),
    ]
}

pub fn analyst() -> Vec<AnalystFact> {
    let insight = sample::insight(3, child(), Some(0.625));
    let term =
        |task: &str| Term { task: task.to_owned(), value: Some(2.5), baseline: 2.5, scale: 0.25, score: Some(0.5) };
    let score = sample::score(&[2.5, 2.25, 2.75]);
    vec![
        followed().into(),
        BaselineRecorded {
            experiment: ExperimentId(1),
            tasks: BTreeMap::from([("bytes".to_owned(), score)]),
            dropped: vec![DroppedTask { task: "mqar".to_owned(), why: "no better than chance".to_owned() }],
            note: Some("train longer".to_owned()),
            scored: insight.scored.clone(),
        }
        .into(),
        FitnessScored {
            experiment: ExperimentId(3),
            stage: Stage::Explore,
            terms: vec![term("bytes"), Term { value: None, score: None, ..term("mqar") }],
            formula: Formula::Paper,
            fitness: None,
            values: vec![0.5, 0.625],
            interval: Some(Interval { low: 0.375, high: 0.75, confidence: 0.95 }),
            bound: Some(0.4375),
            unranked: Some("no finite result for mqar".to_owned()),
            scored: insight.scored.clone(),
        }
        .into(),
        insight.into(),
    ]
}

pub fn dead_letter() -> DeadLetter {
    let headers = vec![("ce_id".to_owned(), "c/memory/5".to_owned())];
    let record =
        RawRecord { topic: Topic::Memory, partition: 3, offset: 17, key: "c", headers: &headers, body: b"no json" };
    DeadLetter::about(record, Reason::Undecodable, "the body does not fit its schema", Role::Researcher)
}
