//! What effects come to: numbers that follow from content, so that every incarnation sees the same world.

use move37_core::{Hash, Key};
use move37_engineer_domain as engineer;
use move37_events::facts::{
    Complexity, Cost, CurvePoint, Finding, GateReport, Job, Outcome as Ended, Platform, Proof, RunResult, Spend, Stage,
    TaskKind,
};
use move37_trainer_domain as trainer;
use move37_trainer_domain::worker;

/// Workers of a world, by number.
pub(super) fn worker_key(number: u32) -> Key {
    format!("w{number}.1").parse().expect("letters, digits and dots make a name")
}

/// No effects, no outcomes.
pub(super) fn nothing<E, O>(_: &Key, _: &E) -> Option<O> {
    None
}

/// The gate refuses every seventh program.
pub(super) fn gate(_: &Key, effect: &engineer::Effect) -> Option<engineer::Outcome> {
    let engineer::Effect::Gate { experiment, attempt, source, .. } = effect;
    let chance = chance(source);
    let admitted = !chance.is_multiple_of(7);
    let findings = vec![Finding {
        kind: "future_leak".to_owned(),
        line: 3,
        column: 1,
        message: "output 3 depends on input 4".to_owned(),
        hint: "mask it".to_owned(),
        witness: None,
    }];
    let report = GateReport {
        admitted,
        class: Some("Mixer".to_owned()),
        parameters: Some(4000 + u64::from(chance)),
        flops: [64, 128, 256].map(|length| Cost { length, flops: 1e4 * f64::from(length) }).to_vec(),
        complexity: Some(Complexity::Linear),
        causality: if admitted { Proof::Proved } else { Proof::Refuted },
        batch_independence: Proof::Proved,
        graph_hash: Some(Hash::of(source.as_bytes())),
        findings: if admitted { Vec::new() } else { findings },
        ..GateReport::default()
    };
    Some(engineer::Outcome::Gated { experiment: *experiment, attempt: *attempt, report })
}

/// Every run finds a slot, its worker chosen by its name; nobody ever falls silent.
pub(super) fn place<const WORKERS: u32>(_: &Key, effect: &trainer::Effect) -> Option<trainer::Outcome> {
    match effect {
        trainer::Effect::Place { run, dispatch, .. } => {
            let number = u32::from(chance(&run.0)) % WORKERS + 1;
            let (run, dispatch, worker) = (run.clone(), *dispatch, worker_key(number));
            Some(trainer::Outcome::SlotFound { run, dispatch, worker })
        }
        trainer::Effect::Watch { .. } => None,
    }
}

/// A worker joins with many slots; every thirteenth program diverges, the others get numbers from their digest.
pub(super) fn work(key: &Key, effect: &worker::Effect) -> Option<worker::Outcome> {
    match effect {
        worker::Effect::Join => Some(worker::Outcome::Joined {
            worker: key.clone(),
            host: "nowhere".to_owned(),
            device: "none".to_owned(),
            threads: 1,
            binary: "simulation".to_owned(),
            slots: 64,
        }),
        worker::Effect::Stay | worker::Effect::Gone => None,
        worker::Effect::Train { campaign, run, attempt, job, .. } => Some(worker::Outcome::Finished {
            campaign: campaign.clone(),
            run: run.clone(),
            attempt: *attempt,
            outcome: train(job),
            spend: Spend { flops: 1e9, seconds: 1.0 },
        }),
    }
}

fn train(job: &Job) -> Ended {
    let chance = chance(&format!("{} {} {}", job.program, job.task.name, job.seed));
    // The baseline always comes through.
    if job.experiment.0 > 1 && chance.is_multiple_of(13) {
        return Ended::Failed("the loss diverged".to_owned());
    }
    let x = f64::from(chance) / 255.0;
    let value = match &job.task.kind {
        TaskKind::Bytes { .. } | TaskKind::Tokens { .. } => 2.0 + 0.5 * x,
        TaskKind::Mqar { .. } | TaskKind::Mad { .. } | TaskKind::Examples { .. } => 0.3 + 0.4 * x,
    };
    Ended::Completed(Box::new(RunResult {
        task: job.task.name.clone(),
        seed: job.seed_number,
        value,
        test: (job.stage == Stage::Verify).then_some(value),
        validation_loss: 2.0 + 0.5 * x,
        curve: vec![CurvePoint { step: job.training.steps, loss: 2.5 }],
        curve_hash: Hash::of(&[chance]),
        parameters: 50_000,
        tokens: 1000,
        flops: 1e9,
        data_hash: Hash::of(b"data"),
        program: job.program,
        platform: Platform {
            binary: "simulation".to_owned(),
            device: "none".to_owned(),
            features: String::new(),
            threads: 1,
        },
    }))
}

/// 0 to 255, from a text.
fn chance(text: &str) -> u8 {
    u8::from_str_radix(&Hash::of(text.as_bytes()).to_string()[..2], 16).expect("two hexadecimal digits")
}
