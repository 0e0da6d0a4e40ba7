//! Taking the researcher's own facts in.

use move37_events::facts::{Design, HypothesisProposed, ResearcherFact};

use crate::state::{Researcher, digest};

impl Researcher {
    pub(crate) fn fold(&mut self, fact: &ResearcherFact) {
        match fact {
            ResearcherFact::CampaignFollowed(body) => self.following.evolve(body),
            ResearcherFact::HypothesisProposed(body) => self.proposed(body),
            ResearcherFact::HypothesisWithdrawn(body) => {
                self.answered.insert(body.experiment);
            }
        }
    }

    fn proposed(&mut self, body: &HypothesisProposed) {
        self.answered.insert(body.experiment);
        self.names.insert(body.brief.name.clone());
        let seed = |index: &u32| self.following.campaign()?.programs.get(*index as usize)?.genome.as_ref();
        let genome = match &body.design {
            Design::Seed { index } => seed(index),
            Design::Grammar { genome, .. } => Some(genome),
        };
        if let Some(digest) = genome.map(digest) {
            self.seen.entry(digest).or_insert(body.experiment);
        }
    }
}
