//! Taking a worker's own facts in.

use move37_events::facts::{RunAccepted, RunFact, Spend};

use super::state::{Assigned, Presence, Worker, name};

impl Worker {
    pub(crate) fn fold(&mut self, event: &RunFact) {
        match event {
            RunFact::WorkerJoined(body) => {
                self.presence = Presence::Joined;
                self.worker = Some(body.worker.clone());
                self.slots = body.free;
            }
            RunFact::RunAccepted(body) => self.accept(body),
            RunFact::RunDeclined(body) => {
                self.answered.insert(name(&body.campaign, &body.run), body.dispatch);
            }
            RunFact::MetricsRecorded(body) => {
                if let Some(assigned) = self.runs.get_mut(&name(&body.campaign, &body.run)) {
                    assigned.spend = body.spend;
                }
            }
            RunFact::CheckpointSaved(body) => {
                if let Some(assigned) = self.runs.get_mut(&name(&body.campaign, &body.run)) {
                    assigned.spend = body.spend;
                    assigned.checkpoint = Some(body.checkpoint.clone());
                }
            }
            RunFact::RunFinished(body) => {
                self.runs.remove(&name(&body.campaign, &body.run));
            }
            RunFact::WorkerWithdrew(body) => self.presence = Presence::Withdrawn(body.why.clone()),
            RunFact::WorkerLeft(_) => {
                self.presence = Presence::Left;
                self.runs.clear();
            }
        }
    }

    fn accept(&mut self, body: &RunAccepted) {
        let name = name(&body.campaign, &body.run);
        self.answered.insert(name.clone(), body.dispatch);
        let assigned = Assigned {
            campaign: body.campaign.clone(),
            run: body.run.clone(),
            attempt: body.attempt,
            job: body.job.as_ref().clone(),
            resume: body.resume.clone(),
            spend: Spend::default(),
            checkpoint: None,
        };
        self.runs.insert(name, assigned);
    }
}
