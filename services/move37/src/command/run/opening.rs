//! Whether a run begins a campaign or goes on with one.

use std::path::Path;
use std::sync::Arc;

use move37_core::CampaignId;
use move37_eventlog::EventLog;
use move37_events::facts::{Campaign, CampaignFact, CampaignStarted, CommandId};
use move37_runtime::{SystemClock, command};

use super::examine::own_programs;
use crate::config::{Wish, resolve};
use crate::failure::Failure;
use crate::journal::campaigns;
use crate::view::Book;

/// How a run opens.
pub struct Opening {
    campaign: CampaignId,
    /// The configuration of a campaign that is to begin.
    begins: Option<Campaign>,
}

impl Opening {
    /// Go on with the campaign that is not over yet, or begin one.
    ///
    /// # Errors
    /// The wish contradicts the campaign that is under way, or makes no campaign.
    pub fn choose(book: &Book, wish: &Wish, data: &Path, tell: &mut dyn FnMut(&str)) -> Result<Opening, Failure> {
        let views = campaigns(book);
        let unfinished = views.iter().rev().find(|view| !view.phase().is_over());
        if let Some((view, there)) = unfinished.and_then(|view| Some((view, view.config.as_ref()?))) {
            if let Some(contradiction) = wish.contradiction(there, data)? {
                return Err(Failure::usage(format!(
                    "campaign {0} is not over and {contradiction}: leave that out to resume it, end it with \
                     `move37 campaign stop {0}`, or choose another directory with --state",
                    view.id
                )));
            }
            let done = format!("{} of {}", view.done(), there.budget.experiments);
            tell(&format!("resuming {}: {done} experiments done", view.id));
            return Ok(Opening { campaign: view.id.clone(), begins: None });
        }
        let config = wish.config()?;
        let campaign = resolve(&config, data, tell)?;
        own_programs(&campaign)?;
        let taken = |id: &CampaignId| views.iter().any(|view| view.id == *id);
        let mut names = (views.len() + 1..).map(|n| format!("{}-{n}", config.name).parse::<CampaignId>());
        let id = names.find(|id| !id.as_ref().is_ok_and(taken)).expect("there is no last number");
        let id = id.map_err(|error| Failure::usage(format!("the campaign's name does not fit: {error}")))?;
        tell(&format!(
            "starting {id}: seed {}, {} seed programs, then {} experiments in {} lane(s)",
            campaign.seed,
            campaign.programs.len(),
            campaign.budget.experiments,
            campaign.lanes
        ));
        Ok(Opening { campaign: id, begins: Some(campaign) })
    }

    /// The campaign's name.
    pub fn campaign(&self) -> &CampaignId {
        &self.campaign
    }

    /// Whether it is to begin.
    pub fn is_new(&self) -> bool {
        self.begins.is_some()
    }

    /// Record the start, where there is one to record.
    pub async fn begin(&self, log: &Arc<dyn EventLog>) -> Result<(), Failure> {
        if let Some(campaign) = &self.begins {
            let command = CommandId(format!("start-{}", self.campaign));
            let fact = CampaignFact::from(CampaignStarted { command, campaign: campaign.clone() });
            command::issue(log, &SystemClock, &self.campaign, fact).await?;
        }
        Ok(())
    }
}
