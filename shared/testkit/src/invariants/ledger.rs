//! The budget's ledger, recomputed along memory's chain (I8).

use std::collections::BTreeMap;

use move37_core::{ExperimentId, Key};
use move37_events::Fact;
use move37_events::facts::{Basis, Budget, Ending, Followed, Left, MemoryFact};

use super::{Found, Winner};

#[derive(Default)]
pub(super) struct Ledger {
    campaigns: BTreeMap<Key, Account>,
}

#[derive(Default)]
struct Account {
    budget: Option<Budget>,
    /// FLOPs reserved, and whether it evolves a program.
    open: BTreeMap<ExperimentId, (f64, bool)>,
    /// FLOPs reserved for promotions.
    promoted: BTreeMap<ExperimentId, f64>,
    done: u32,
    failed: u32,
    spent: f64,
}

impl Ledger {
    pub(super) fn offer(&mut self, winner: &Winner<'_>, found: &mut Found) {
        let Fact::Memory(fact) = winner.fact else { return };
        let account = self.campaigns.entry(winner.id().key.clone()).or_default();
        for sentence in account.book(fact) {
            found.add("I8", winner.id(), sentence);
        }
    }
}

impl Account {
    /// Book a fact; what does not add up comes back as sentences.
    fn book(&mut self, fact: &MemoryFact) -> Vec<String> {
        let mut wrong = Vec::new();
        match fact {
            MemoryFact::CampaignFollowed(body) => match &body.what {
                Followed::Started(campaign) => self.budget = Some(campaign.budget.clone()),
                Followed::Budget(budget) => self.budget = Some(budget.clone()),
                Followed::Paused | Followed::Resumed | Followed::Stopped(_) => {}
            },
            MemoryFact::ParentSampled(body) => {
                let evolves = matches!(body.basis, Basis::Evolve { .. });
                let free = self.left().and_then(|left| left.flops).unwrap_or(f64::INFINITY);
                let reserved = body.allowance.unwrap_or(0.0);
                if reserved > free {
                    wrong.push(format!("it reserves {reserved} FLOPs where {free} are left"));
                }
                if evolves && self.left().is_some_and(|left| left.experiments == 0) {
                    wrong.push("it opens an experiment where none is left".to_owned());
                }
                if self.open.insert(body.experiment, (reserved, evolves)).is_some() {
                    wrong.push(format!("it reserves for experiment {} again", body.experiment));
                }
                wrong.extend(self.compare(&body.left));
            }
            MemoryFact::ExperimentRecorded(body) => {
                let Some((_, evolves)) = self.open.remove(&body.experiment) else {
                    wrong.push(format!("it settles experiment {}, which has no reservation", body.experiment));
                    return wrong;
                };
                let insight = matches!(body.ending, Ending::Ranked { .. } | Ending::Unranked { .. });
                self.done += u32::from(insight && evolves);
                self.failed += u32::from(!insight);
                self.spent += body.spend.flops;
                wrong.extend(self.compare(&body.left));
            }
            MemoryFact::CandidatePromoted(body) => {
                let free = self.left().and_then(|left| left.flops).unwrap_or(f64::INFINITY);
                let reserved = body.allowance.unwrap_or(0.0);
                if reserved > free {
                    wrong.push(format!("it reserves {reserved} FLOPs where {free} are left"));
                }
                if self.promoted.insert(body.experiment, reserved).is_some() {
                    wrong.push(format!("it reserves for the promotion of experiment {} again", body.experiment));
                }
                wrong.extend(self.compare(&body.left));
            }
            MemoryFact::VerificationRecorded(body) => {
                if self.promoted.remove(&body.experiment).is_none() {
                    wrong.push(format!("it settles a promotion of experiment {} that was none", body.experiment));
                    return wrong;
                }
                self.spent += body.spend.flops;
                wrong.extend(self.compare(&body.left));
            }
            MemoryFact::RecordConfirmed(_) | MemoryFact::RecordRefuted(_) => {}
            MemoryFact::CampaignClosed(body) => {
                let open = self.open.len() + self.promoted.len();
                if open > 0 {
                    wrong.push(format!("{open} reservations are not settled"));
                }
                if (body.experiments, body.spend.flops) != (self.done, self.spent) {
                    wrong.push(format!(
                        "it states {} experiments and {} FLOPs, the ledger has {} and {}",
                        body.experiments, body.spend.flops, self.done, self.spent
                    ));
                }
            }
        }
        wrong
    }

    fn left(&self) -> Option<Left> {
        let budget = self.budget.as_ref()?;
        let (reserved, evolving) =
            self.open.values().fold((0.0, 0), |(sum, n), (flops, evolves)| (sum + flops, n + u32::from(*evolves)));
        Some(Left {
            experiments: budget.experiments.saturating_sub(self.done + evolving),
            failures: budget.failures.saturating_sub(self.failed),
            flops: budget.flops.map(|total| total - self.spent - reserved - self.promoted.values().sum::<f64>()),
        })
    }

    fn compare(&self, stated: &Left) -> Option<String> {
        let left = self.left()?;
        let near = match (left.flops, stated.flops) {
            (Some(a), Some(b)) => (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1.0),
            (a, b) => a == b,
        };
        let same = near && (left.experiments, left.failures) == (stated.experiments, stated.failures);
        (!same).then(|| format!("it states that {stated:?} is left, the ledger has {left:?}"))
    }
}
