//! Obeying the operator: the part of every service's rules that captures campaign facts (L1).

use serde::{Deserialize, Serialize};

use crate::facts::{Budget, Campaign, CampaignFact, CampaignFollowed, Followed};

/// Whether a campaign goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Not heard of yet.
    #[default]
    Unknown,
    /// Going on.
    Running,
    /// Owing nothing new until resumed.
    Paused,
    /// Over, with the operator's reason.
    Stopped(String),
}

/// What a service knows of its campaign, by its own captures.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Following {
    sequence: u64,
    status: Status,
    campaign: Option<Box<Campaign>>,
}

/// The operator's fact is not the next one: an earlier one is still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operator's fact {got} came before fact {expected}")]
pub struct OutOfOrder {
    /// Place of the fact.
    pub got: u64,
    /// Place expected.
    pub expected: u64,
}

impl Following {
    /// Capture an operator fact, once and in order. `Ok(None)`: captured before.
    ///
    /// # Errors
    /// An earlier fact is missing: the input is early.
    pub fn decide(&self, sequence: u64, fact: &CampaignFact) -> Result<Option<CampaignFollowed>, OutOfOrder> {
        let expected = self.sequence + 1;
        if sequence > expected {
            return Err(OutOfOrder { got: sequence, expected });
        }
        let what = match fact {
            CampaignFact::CampaignStarted(body) => Followed::Started(Box::new(body.campaign.clone())),
            CampaignFact::CampaignPaused(_) => Followed::Paused,
            CampaignFact::CampaignResumed(_) => Followed::Resumed,
            CampaignFact::CampaignStopped(body) => Followed::Stopped(body.reason.clone()),
            CampaignFact::BudgetSet(body) => Followed::Budget(body.budget.clone()),
        };
        Ok((sequence == expected).then_some(CampaignFollowed { sequence, what }))
    }

    /// Take a capture in. After a stop nothing changes the status any more; a second start is ignored.
    pub fn evolve(&mut self, fact: &CampaignFollowed) {
        self.sequence = fact.sequence;
        match &fact.what {
            Followed::Started(campaign) => {
                if self.campaign.is_none() {
                    self.campaign = Some(campaign.clone());
                    self.status = Status::Running;
                }
            }
            Followed::Paused if self.status == Status::Running => self.status = Status::Paused,
            Followed::Resumed if self.status == Status::Paused => self.status = Status::Running,
            Followed::Paused | Followed::Resumed => {}
            Followed::Stopped(reason) if !matches!(self.status, Status::Stopped(_)) => {
                self.status = Status::Stopped(reason.clone());
            }
            Followed::Stopped(_) => {}
            Followed::Budget(budget) => {
                if let Some(campaign) = &mut self.campaign {
                    campaign.budget = budget.clone();
                }
            }
        }
    }

    /// The configuration, with the newest budget; none before the start was captured.
    pub fn campaign(&self) -> Option<&Campaign> {
        self.campaign.as_deref()
    }

    /// The newest budget.
    pub fn budget(&self) -> Option<&Budget> {
        self.campaign().map(|campaign| &campaign.budget)
    }

    /// Whether new work may be owed.
    pub fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    /// Whether what is under way is to rest.
    pub fn is_paused(&self) -> bool {
        self.status == Status::Paused
    }

    /// The operator's reason, once stopped.
    pub fn stopped(&self) -> Option<&str> {
        match &self.status {
            Status::Stopped(reason) => Some(reason),
            Status::Unknown | Status::Running | Status::Paused => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::facts::{CampaignPaused, CampaignResumed, CampaignStopped, CommandId};

    fn command() -> CommandId {
        CommandId("c".to_owned())
    }

    fn following(facts: &[CampaignFact]) -> Following {
        let mut following = Following::default();
        for (i, fact) in facts.iter().enumerate() {
            let captured = following.decide(i as u64 + 1, fact).unwrap().unwrap();
            following.evolve(&captured);
        }
        following
    }

    #[test]
    fn an_operator_fact_is_captured_once() {
        let pause = CampaignFact::from(CampaignPaused { command: command() });
        assert_eq!(following(std::slice::from_ref(&pause)).decide(1, &pause), Ok(None));
    }

    #[test]
    fn an_operator_fact_waits_for_the_one_before() {
        let resume = CampaignFact::from(CampaignResumed { command: command() });
        assert_eq!(Following::default().decide(3, &resume), Err(OutOfOrder { got: 3, expected: 1 }));
    }

    #[test]
    fn a_stop_is_final() {
        let stop = CampaignStopped { command: command(), reason: "enough".to_owned() };
        let resume = CampaignFact::from(CampaignResumed { command: command() });
        let stopped = following(&[stop.into(), resume]);
        assert_eq!(stopped.stopped(), Some("enough"));
        assert!(!stopped.is_running());
    }
}
