//! Taking memory's own facts in.

use move37_events::facts::{Basis, Ending, ExperimentRecorded, Failure, MemoryFact, ParentSampled};

use crate::sampling;
use crate::state::{Baseline, Kind, Memory, Open};

impl Memory {
    pub(crate) fn fold(&mut self, event: &MemoryFact) {
        match event {
            MemoryFact::CampaignFollowed(body) => self.following.evolve(body),
            MemoryFact::ParentSampled(body) => self.open(body),
            MemoryFact::ExperimentRecorded(body) => self.settle(body),
            MemoryFact::CandidatePromoted(_)
            | MemoryFact::VerificationRecorded(_)
            | MemoryFact::RecordConfirmed(_)
            | MemoryFact::RecordRefuted(_) => {}
            MemoryFact::CampaignClosed(body) => self.closed = Some(body.reason),
        }
    }

    fn open(&mut self, body: &ParentSampled) {
        let kind = match &body.basis {
            Basis::Seed { baseline, .. } => {
                self.seeds += 1;
                Kind::Seed { baseline: *baseline }
            }
            Basis::Evolve { parent, .. } => Kind::Evolve { parent_fitness: parent.fitness },
        };
        self.opened = body.experiment.0;
        let open = Open { lane: body.lane, kind, allowance: body.allowance.unwrap_or(0.0) };
        self.open.insert(body.experiment, open);
    }

    pub(crate) fn settle(&mut self, body: &ExperimentRecorded) {
        let Some(open) = self.open.remove(&body.experiment) else { return };
        self.spent += body.spend;
        self.dearest = self.dearest.max(body.spend.flops);
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
