//! Taking memory's own facts in.

use move37_events::facts::{
    Basis, CandidatePromoted, Ending, ExperimentRecorded, Failure, MemoryFact, ParentSampled, Purpose,
    VerificationRecorded, Verified,
};

use crate::sampling;
use crate::state::{Baseline, Challenge, Kind, Measured, Memory, Open, Promotion};

impl Memory {
    pub(crate) fn fold(&mut self, event: &MemoryFact) {
        match event {
            MemoryFact::CampaignFollowed(body) => self.following.evolve(body),
            MemoryFact::ParentSampled(body) => self.open(body),
            MemoryFact::ExperimentRecorded(body) => self.settle(body),
            MemoryFact::CandidatePromoted(body) => self.promote(body),
            MemoryFact::VerificationRecorded(body) => self.measure(body),
            MemoryFact::RecordConfirmed(body) => {
                self.belief.challenge = None;
                self.belief.record = Some(body.clone());
            }
            MemoryFact::RecordRefuted(_) => self.belief.challenge = None,
            MemoryFact::CampaignClosed(body) => self.closed = Some(body.reason),
        }
    }

    fn open(&mut self, body: &ParentSampled) {
        let kind = match &body.basis {
            Basis::Seed { baseline, .. } => {
                self.seeds += 1;
                Kind::Seed { baseline: *baseline }
            }
            Basis::Evolve { parent, .. } => {
                *self.visits.entry(parent.experiment).or_default() += 1;
                Kind::Evolve { parent_fitness: parent.fitness }
            }
        };
        let baseline = kind == Kind::Seed { baseline: true };
        let seeds = self.following.campaign().map_or(1, |campaign| self.seeds_of(campaign, baseline));
        self.opened = body.experiment.0;
        let open = Open { lane: body.lane, kind, allowance: body.allowance.unwrap_or(0.0), seeds };
        self.open.insert(body.experiment, open);
    }

    fn promote(&mut self, body: &CandidatePromoted) {
        let CandidatePromoted { experiment, seeds, .. } = *body;
        self.belief.asked.insert(experiment, seeds.end());
        self.belief.open = Some(Promotion { experiment, seeds, allowance: body.allowance.unwrap_or(0.0) });
        let Purpose::Challenge { against, test, alpha, look, .. } = body.purpose else { return };
        self.belief.tests = test;
        match &mut self.belief.challenge {
            Some(challenge) => challenge.looks = look,
            none => {
                let standing = self.pool.iter().find(|standing| standing.experiment == experiment);
                *none = standing.map(|standing| Challenge {
                    experiment,
                    name: standing.name.clone(),
                    program: standing.program,
                    against,
                    test,
                    alpha,
                    looks: look,
                });
            }
        }
    }

    fn measure(&mut self, body: &VerificationRecorded) {
        self.belief.open = None;
        self.spent += body.spend;
        match &body.outcome {
            Verified::Measured { tasks, fitness, values, interval } => {
                let (tasks, values) = (tasks.clone(), values.clone());
                let measured = Measured { tasks, fitness: *fitness, values, interval: *interval };
                self.belief.measured.insert(body.experiment, measured);
            }
            Verified::Failed { why } => drop(self.belief.failed.insert(body.experiment, why.clone())),
        }
    }

    pub(crate) fn settle(&mut self, body: &ExperimentRecorded) {
        let Some(open) = self.open.remove(&body.experiment) else { return };
        self.spent += body.spend;
        self.dearest = self.dearest.max(body.spend.flops / f64::from(open.seeds));
        let why = match &body.ending {
            Ending::Ranked { .. } => None,
            Ending::Unranked { why }
            | Ending::Withdrawn { why }
            | Ending::Abandoned { why }
            | Ending::TrainingFailed { why } => Some(why),
        };
        if let Some(why) = why {
            let name = body.brief.as_ref().map(|brief| brief.name.clone()).unwrap_or_default();
            self.remember(Failure { experiment: body.experiment, name, why: why.clone() });
        }
        self.count(&open, body);
        self.place(&open, &body.ending);
    }

    fn count(&mut self, open: &Open, body: &ExperimentRecorded) {
        let insight = matches!(body.ending, Ending::Ranked { .. } | Ending::Unranked { .. });
        self.failed += u32::from(!insight);
        let Kind::Evolve { parent_fitness } = open.kind else { return };
        self.done += u32::from(insight);
        let gain = match &body.ending {
            Ending::Ranked { standing, .. } => Some(standing.fitness - parent_fitness),
            Ending::Unranked { .. }
            | Ending::Withdrawn { .. }
            | Ending::Abandoned { .. }
            | Ending::TrainingFailed { .. } => None,
        };
        if let Some(brief) = &body.brief {
            self.count_moves(&brief.moves, gain);
        }
    }

    fn place(&mut self, open: &Open, ending: &Ending) {
        let baseline = open.kind == Kind::Seed { baseline: true };
        let Ending::Ranked { standing, parent } = ending else {
            if baseline {
                self.baseline = Baseline::Failed;
            }
            return;
        };
        if baseline {
            self.baseline = Baseline::Known(standing.clone());
        }
        if self.best.as_ref().is_none_or(|best| standing.fitness > best.fitness) {
            self.best = Some(standing.as_ref().clone());
        }
        if *parent {
            let capacity = self.following.campaign().map_or(0, |campaign| campaign.sampling.pool);
            sampling::insert(&mut self.pool, standing.as_ref().clone(), capacity);
        }
    }
}
