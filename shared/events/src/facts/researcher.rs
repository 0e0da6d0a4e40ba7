//! Hypotheses.

use move37_core::{ExperimentId, Hash};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::campaign::CampaignFollowed;
use super::common::Brief;
use super::set::fact_set;
use crate::genome::Genome;

fact_set! {
    /// Facts of the researcher.
    ResearcherFact on Researcher by Researcher {
        CampaignFollowed = "campaign.followed" v 1;
        HypothesisProposed = "hypothesis.proposed" v 1 about experiment;
        HypothesisWithdrawn = "hypothesis.withdrawn" v 1 about experiment;
    }
}

/// A hypothesis was stated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HypothesisProposed {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// What is proposed and why.
    pub brief: Brief,
    /// What is to be built.
    pub design: Design,
}

/// What is to be built.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Design {
    /// A program given at the start, as it is.
    Seed {
        /// Its place in the campaign's list.
        index: u32,
    },
    /// An architecture of the grammar.
    Grammar {
        /// Digest of the parent's text.
        #[schemars(with = "String")]
        parent: Hash,
        /// The architecture.
        genome: Genome,
    },
}

/// No hypothesis came of the sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HypothesisWithdrawn {
    /// Experiment.
    #[schemars(with = "u32")]
    pub experiment: ExperimentId,
    /// Why.
    pub why: String,
    /// The earlier experiment that it would repeat, where that is why.
    #[schemars(with = "Option<u32>")]
    pub duplicate_of: Option<ExperimentId>,
}
