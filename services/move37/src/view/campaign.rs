//! One campaign as it stands.

use std::collections::{BTreeMap, BTreeSet};

use move37_consumer::FactRecord;
use move37_core::{CampaignId, EventId, Timestamp};

use move37_events::facts::{
    AnalystFact, BaselineRecorded, Campaign, CampaignClosed, CampaignFact, CampaignFollowed, CandidatePromoted,
    CloseReason, CommandId, Ending, EngineerFact, Followed, Left, MemoryFact, RecordConfirmed, ResearcherFact, Spend,
    Standing, TrainerFact,
};
use move37_events::{Fact, Role};

use super::experiment::{Experiment, Stage};

/// The services that take note of a campaign's start, each in its own chain.
pub const SERVICES: [Role; 5] = [Role::Memory, Role::Researcher, Role::Engineer, Role::Trainer, Role::Analyst];

/// Where a campaign stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Its facts have not begun.
    Unknown,
    /// Going on.
    Running,
    /// Paused by an operator.
    Paused,
    /// Stopped by an operator, with the reason; memory has not closed it yet.
    Stopping(String),
    /// Over.
    Closed(CloseReason),
}

impl Phase {
    /// In one word.
    pub fn word(&self) -> &'static str {
        match self {
            Phase::Unknown => "unknown",
            Phase::Running => "running",
            Phase::Paused => "paused",
            Phase::Stopping(_) => "stopping",
            Phase::Closed(reason) => closed(*reason),
        }
    }

    /// Whether nothing more will come.
    pub fn is_over(&self) -> bool {
        matches!(self, Phase::Closed(_))
    }
}

/// Why a campaign is over, in one word.
pub fn closed(reason: CloseReason) -> &'static str {
    match reason {
        CloseReason::Finished => "finished",
        CloseReason::Failures => "ended by failures",
        CloseReason::Budget => "ended by its budget",
        CloseReason::Baseline => "ended by its baseline",
        CloseReason::Stopped => "stopped",
    }
}

/// What early stopping would have done, had it been on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Early {
    /// Runs that it would have stopped.
    pub runs: u32,
    /// Runs that completed, these included.
    pub of: u32,
    /// Whole runs that it would have saved, as a sum of shares.
    pub saved: f64,
    /// Stopped runs that ended better than some of the runs that they were judged by.
    pub wronged: u32,
    /// The most that one stopped run ended below the best of those, in its loss.
    pub regret: f64,
}

/// A campaign, folded from its facts. Facts of one chain come in order, chains in any.
#[derive(Clone, Debug)]
pub struct CampaignView {
    /// Its name.
    pub id: CampaignId,
    /// When it started.
    pub started: Option<Timestamp>,
    /// Its configuration, with the newest budget.
    pub config: Option<Campaign>,
    /// Its experiments, by ordinal.
    pub experiments: BTreeMap<u32, Experiment>,
    /// The baseline's values and the tasks that count.
    pub baseline: Option<BaselineRecorded>,
    /// The last record that fresh seeds confirmed.
    pub record: Option<RecordConfirmed>,
    /// The promotion whose trainings are under way.
    pub promotion: Option<CandidatePromoted>,
    /// What promotions have cost.
    pub verifying: Spend,
    /// What early stopping would have done.
    pub early: Early,
    /// What is left of the budget.
    pub left: Option<Left>,
    /// Its end.
    pub closed: Option<CampaignClosed>,
    /// Facts taken in.
    pub facts: u64,
    /// Time of its newest fact.
    pub newest: Timestamp,
    /// The operator's commands, in order.
    pub commands: Vec<(CommandId, EventId)>,
    /// The services that have taken note of its start.
    pub followers: BTreeSet<Role>,
    /// Whether an operator has paused it.
    pub paused: bool,
    stopped: Option<String>,
}

impl CampaignView {
    /// A campaign of which nothing is known yet.
    pub fn new(id: CampaignId) -> CampaignView {
        CampaignView {
            id,
            started: None,
            config: None,
            experiments: BTreeMap::new(),
            baseline: None,
            record: None,
            promotion: None,
            verifying: Spend::default(),
            early: Early::default(),
            left: None,
            closed: None,
            facts: 0,
            newest: Timestamp::default(),
            commands: Vec::new(),
            followers: BTreeSet::new(),
            paused: false,
            stopped: None,
        }
    }

    /// Take a fact in. Facts of other campaigns are ignored.
    pub fn take(&mut self, entry: &FactRecord) {
        if entry.campaign() != Some(&self.id) {
            return;
        }
        let time = entry.time();
        self.facts += 1;
        self.newest = self.newest.max(time);
        if let Some(experiment) = entry.experiment() {
            self.experiments.entry(experiment.0).or_default().take(&entry.fact, time);
        }
        if let Some((role, Followed::Started(_))) = followed(&entry.fact).map(|(role, fact)| (role, &fact.what)) {
            self.followers.insert(role);
        }
        match &entry.fact {
            Fact::Campaign(fact) => {
                self.commands.push((fact.command().clone(), entry.id().clone()));
                self.take_operator(fact, time);
            }
            Fact::Memory(MemoryFact::ParentSampled(fact)) => self.left = Some(fact.left.clone()),
            Fact::Memory(MemoryFact::ExperimentRecorded(fact)) => self.left = Some(fact.left.clone()),
            Fact::Memory(MemoryFact::CampaignClosed(fact)) => self.closed = Some(fact.clone()),
            Fact::Analyst(AnalystFact::BaselineRecorded(fact)) => self.baseline = Some(fact.clone()),
            Fact::Memory(MemoryFact::CandidatePromoted(fact)) => {
                self.left = Some(fact.left.clone());
                self.promotion = Some(fact.clone());
            }
            Fact::Memory(MemoryFact::VerificationRecorded(fact)) => {
                self.left = Some(fact.left.clone());
                self.promotion = None;
                self.verifying += fact.spend;
            }
            Fact::Memory(MemoryFact::RecordConfirmed(fact)) => self.record = Some(fact.clone()),
            Fact::Trainer(TrainerFact::RunCompleted(_)) => self.early.of += 1,
            Fact::Trainer(TrainerFact::RunSpared(fact)) => {
                self.early.runs += 1;
                self.early.saved += fact.saved;
                self.early.wronged += u32::from(fact.wronged > 0);
                self.early.regret = self.early.regret.max(fact.regret);
            }
            Fact::Memory(MemoryFact::CampaignFollowed(_) | MemoryFact::RecordRefuted(_))
            | Fact::Researcher(_)
            | Fact::Engineer(_)
            | Fact::Trainer(_)
            | Fact::Run(_)
            | Fact::Analyst(_) => {}
        }
    }

    fn take_operator(&mut self, fact: &CampaignFact, time: Timestamp) {
        match fact {
            CampaignFact::CampaignStarted(fact) if self.config.is_none() => {
                self.started = Some(time);
                self.config = Some(fact.campaign.clone());
            }
            CampaignFact::CampaignStarted(_) => {}
            CampaignFact::CampaignPaused(_) => self.paused = true,
            CampaignFact::CampaignResumed(_) => self.paused = false,
            CampaignFact::CampaignStopped(fact) => drop(self.stopped.get_or_insert_with(|| fact.reason.clone())),
            CampaignFact::BudgetSet(fact) => {
                if let Some(config) = &mut self.config {
                    config.budget = fact.budget.clone();
                }
            }
        }
    }

    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match (&self.closed, &self.stopped, self.paused, self.started) {
            (Some(closed), ..) => Phase::Closed(closed.reason),
            (None, Some(reason), ..) => Phase::Stopping(reason.clone()),
            (None, None, true, _) => Phase::Paused,
            (None, None, false, Some(_)) => Phase::Running,
            (None, None, false, None) => Phase::Unknown,
        }
    }

    /// Experiments beyond the seed programs that ended with an insight.
    pub fn done(&self) -> u32 {
        let with_insight =
            |x: &&Experiment| !x.is_seed() && x.recorded.as_ref().is_some_and(|r| has_insight(&r.ending));
        u32::try_from(self.experiments.values().filter(with_insight).count()).unwrap_or(u32::MAX)
    }

    /// Experiments that ended without an insight, with the reason.
    pub fn failures(&self) -> Vec<(u32, &str)> {
        self.experiments
            .iter()
            .filter_map(|(&ordinal, experiment)| {
                experiment.recorded.as_ref().and_then(|recorded| failure(&recorded.ending)).map(|why| (ordinal, why))
            })
            .collect()
    }

    /// Ranked experiments, best first; of equals the earlier first.
    pub fn leaderboard(&self) -> Vec<&Standing> {
        let mut standings: Vec<&Standing> = self
            .experiments
            .values()
            .filter_map(|experiment| match &experiment.recorded.as_ref()?.ending {
                Ending::Ranked { standing, .. } => Some(&**standing),
                Ending::Unranked { .. }
                | Ending::Withdrawn { .. }
                | Ending::Abandoned { .. }
                | Ending::TrainingFailed { .. } => None,
            })
            .collect();
        standings.sort_by(|a, b| b.fitness.total_cmp(&a.fitness).then(a.experiment.cmp(&b.experiment)));
        standings
    }

    /// The best so far, seed programs included.
    pub fn best(&self) -> Option<&Standing> {
        self.leaderboard().first().copied()
    }

    /// What was spent, by the ledger: experiments and promotions that have ended.
    pub fn spend(&self) -> Spend {
        let mut spend = self.verifying;
        self.experiments.values().filter_map(|x| x.recorded.as_ref()).for_each(|recorded| spend += recorded.spend);
        spend
    }

    /// What each lane is busy with.
    pub fn lanes(&self) -> Vec<(u32, Option<(u32, &Experiment)>)> {
        let lanes = self.config.as_ref().map_or(0, |config| config.lanes);
        let open = self.experiments.iter().rev().filter(|(_, experiment)| experiment.stage() != Stage::Ended);
        let mut busy: BTreeMap<u32, (u32, &Experiment)> = open
            .filter_map(|(&ordinal, experiment)| experiment.lane().map(|lane| (lane, (ordinal, experiment))))
            .collect();
        (1..=lanes).map(|lane| (lane, busy.remove(&lane))).collect()
    }

    /// Experiments done, trainings in progress counted by their share, and experiments planned: seed programs and
    /// the budget.
    pub fn work(&self) -> (f64, f64) {
        let planned = self.config.as_ref().map_or(0, |c| c.programs.len() + c.budget.experiments as usize) as f64;
        let share = |x: &Experiment| match x.recorded.as_ref() {
            Some(recorded) if x.is_seed() || has_insight(&recorded.ending) => 1.0,
            Some(_) => 0.0,
            None => x.trained_share(),
        };
        (self.experiments.values().map(share).fold(0.0, |sum: f64, share| sum + share).min(planned), planned)
    }
}

/// A service's capture of an operator's fact.
fn followed(fact: &Fact) -> Option<(Role, &CampaignFollowed)> {
    match fact {
        Fact::Memory(MemoryFact::CampaignFollowed(fact)) => Some((Role::Memory, fact)),
        Fact::Researcher(ResearcherFact::CampaignFollowed(fact)) => Some((Role::Researcher, fact)),
        Fact::Engineer(EngineerFact::CampaignFollowed(fact)) => Some((Role::Engineer, fact)),
        Fact::Trainer(TrainerFact::CampaignFollowed(fact)) => Some((Role::Trainer, fact)),
        Fact::Analyst(AnalystFact::CampaignFollowed(fact)) => Some((Role::Analyst, fact)),
        _ => None,
    }
}

fn has_insight(ending: &Ending) -> bool {
    failure(ending).is_none()
}

/// Why an experiment ended without an insight, if it did.
pub(super) fn failure(ending: &Ending) -> Option<&str> {
    match ending {
        Ending::Ranked { .. } | Ending::Unranked { .. } => None,
        Ending::Withdrawn { why } | Ending::Abandoned { why } | Ending::TrainingFailed { why } => Some(why),
    }
}
