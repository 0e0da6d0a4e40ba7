//! The trainer's rules by subject, and what their tests share: a campaign's story.

mod control;
mod losses;
mod results;
mod scheduling;
mod verifying;
mod watching;

use move37_core::testing::{Given, given};
use move37_core::{CampaignId, Ctx, Decider, Hash, Timestamp};
use move37_events::facts::{
    Campaign, CampaignFact, CampaignPaused, CampaignResumed, CampaignStopped, Checkpoint, CommandId, EngineerFact,
    Outcome as Ended, RunDeclined, RunDispatched, RunFact, RunFinished, RunId, RunLost, TrainerFact, TrainingCompleted,
    TrainingFailed,
};
use move37_testkit::sample;
use move37_trainer_domain::{Input, Outcome, Trainer};

/// A campaign's trainer under test: inputs go in, own facts follow until nothing does.
struct Story {
    trainer: Trainer,
    facts: Vec<TrainerFact>,
    operator: u64,
}

impl Story {
    fn new(campaign: Campaign) -> Story {
        let mut story = Story { trainer: Trainer::default(), facts: Vec::new(), operator: 0 };
        story.command(sample::started(campaign));
        story
    }

    /// Experiment 1 is admitted: runs `1-explore-bytes-0` and `1-explore-mqar-0` wait.
    fn admitted() -> Story {
        let mut story = Story::new(sample::campaign());
        story.input(admitted(1));
        story
    }

    fn command(&mut self, fact: CampaignFact) {
        self.operator += 1;
        self.input(sample::input(&format!("c/operator/{}", self.operator), fact));
    }

    fn pause(&mut self) {
        self.command(CampaignPaused { command: CommandId("pause".into()) }.into());
    }

    fn resume(&mut self) {
        self.command(CampaignResumed { command: CommandId("resume".into()) }.into());
    }

    fn stop(&mut self) {
        self.command(CampaignStopped { command: CommandId("stop".into()), reason: "enough".into() }.into());
    }

    fn place(&mut self, name: &str, dispatch: u32, worker: &str) {
        let worker = worker.parse().unwrap();
        self.input(Input::Outcome(Outcome::SlotFound { run: run(name), dispatch, worker }));
    }

    fn finish(&mut self, name: &str, attempt: u32, outcome: Ended) {
        self.input(finished("w.1", name, attempt, outcome, None));
    }

    fn complete(&mut self, name: &str, value: f64) {
        self.finish(name, 1, completed(name, value));
    }

    /// Its worker lets go of it, saved at this step.
    fn let_go(&mut self, name: &str, attempt: u32, saved: Option<u32>) {
        self.input(finished("w.1", name, attempt, Ended::Stopped, saved));
    }

    fn silent(&mut self, name: &str, attempt: u32, counts: bool) {
        self.input(silent(name, attempt, counts, None));
    }

    fn input(&mut self, input: Input) {
        let ctx = Ctx { now: Timestamp::default() };
        let mut next = self.trainer.decide(&input, &ctx).unwrap();
        while let Some(fact) = next {
            self.trainer.evolve(&fact);
            self.facts.push(fact.clone());
            next = self.trainer.decide(&sample::input("c/trainer/1", fact), &ctx).unwrap();
        }
    }

    fn last(&self) -> &TrainerFact {
        self.facts.last().unwrap()
    }

    fn names(&self) -> Vec<String> {
        use move37_events::FactSet;
        self.facts.iter().map(|fact| fact.fact_type().name).collect()
    }

    /// The names of the last facts.
    fn ending(&self, number: usize) -> Vec<String> {
        self.names().split_off(self.facts.len() - number)
    }

    fn dispatched(&self) -> &RunDispatched {
        let TrainerFact::RunDispatched(body) = self.last() else { panic!("{:?}", self.last()) };
        body
    }

    fn lost(&self) -> &RunLost {
        let TrainerFact::RunLost(body) = self.last() else { panic!("{:?}", self.last()) };
        body
    }

    fn completed(&self) -> &TrainingCompleted {
        let TrainerFact::TrainingCompleted(body) = self.last() else { panic!("{:?}", self.last()) };
        body
    }

    fn failed(&self) -> &TrainingFailed {
        let TrainerFact::TrainingFailed(body) = self.last() else { panic!("{:?}", self.last()) };
        body
    }

    fn given(&self) -> Given<Trainer> {
        given(self.facts.clone())
    }

    fn owes(&self) -> Vec<String> {
        self.given().owes()
    }
}

const BYTES: &str = "1-explore-bytes-0";
const MQAR: &str = "1-explore-mqar-0";

fn run(name: &str) -> RunId {
    RunId(name.to_owned())
}

fn admitted(experiment: u32) -> Input {
    sample::input("c/engineer/3", EngineerFact::from(sample::admitted(experiment, experiment == 1)))
}

fn completed(name: &str, value: f64) -> Ended {
    let parts: Vec<&str> = name.split('-').collect();
    Ended::Completed(Box::new(sample::run_result(parts[2], parts[3].parse().unwrap(), value)))
}

/// The state of a run after these steps.
fn saved(step: u32) -> Checkpoint {
    Checkpoint { hash: Hash::of(&step.to_le_bytes()), size: 1000, step }
}

fn finished(worker: &str, name: &str, attempt: u32, outcome: Ended, checkpoint: Option<u32>) -> Input {
    let (campaign, spend, checkpoint) = ("c".parse().unwrap(), sample::spend(1e9), checkpoint.map(saved));
    let body = RunFinished { campaign, run: run(name), attempt, outcome, spend, checkpoint, free: 1 };
    sample::input(&format!("{worker}/worker/5"), RunFact::from(body))
}

fn declined(worker: &str, name: &str, dispatch: u32) -> Input {
    let campaign: CampaignId = "c".parse().unwrap();
    let body = RunDeclined { campaign, run: run(name), attempt: 1, dispatch, why: "full".into(), free: 0 };
    sample::input(&format!("{worker}/worker/5"), RunFact::from(body))
}

fn silent(name: &str, attempt: u32, counts: bool, checkpoint: Option<u32>) -> Input {
    let (run, why, spend) = (run(name), "it said nothing for 60 s".to_owned(), sample::spend(5e8));
    Input::Outcome(Outcome::RunSilent { run, attempt, why, counts, spend, checkpoint: checkpoint.map(saved) })
}
