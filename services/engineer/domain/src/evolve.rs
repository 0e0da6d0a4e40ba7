//! Taking the engineer's own facts in.

use move37_events::facts::{CandidateAdmitted, CandidateRefused, EngineerFact};

use crate::state::{Engineer, Experiment, Program};
use crate::{admission, equalise};

impl Engineer {
    pub(crate) fn fold(&mut self, fact: &EngineerFact) {
        match fact {
            EngineerFact::CampaignFollowed(body) => self.following.evolve(body),
            EngineerFact::CodeDiffProposed(body) => {
                self.programs.entry(body.program).or_insert_with(|| Program {
                    experiment: body.experiment,
                    source: body.source.clone(),
                    class: None,
                });
                self.experiments.insert(body.experiment, Experiment::Proposed(Box::new(body.clone())));
            }
            EngineerFact::CandidateAdmitted(body) => self.admitted(body),
            EngineerFact::CandidateRefused(body) => self.refused(body),
            EngineerFact::ExperimentAbandoned(body) => {
                self.experiments.insert(body.experiment, Experiment::Over);
            }
        }
    }

    fn admitted(&mut self, body: &CandidateAdmitted) {
        self.experiments.insert(body.experiment, Experiment::Over);
        if let Some(program) = self.programs.get_mut(&body.program) {
            program.class.clone_from(&body.gate.class);
        }
        if let Some(graph) = body.gate.graph_hash {
            self.graphs.entry(graph).or_insert(body.experiment);
        }
        if body.baseline {
            self.baseline = equalise::size(&body.gate);
        }
    }

    fn refused(&mut self, body: &CandidateRefused) {
        if let Some(Experiment::Proposed(proposed)) = self.experiments.get(&body.experiment) {
            let brief = Box::new(proposed.brief.clone());
            let why = admission::in_words(&body.gate);
            self.experiments.insert(body.experiment, Experiment::Refused { brief, why });
        }
    }
}
