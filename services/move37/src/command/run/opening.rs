//! Whether a run begins a campaign or goes on with one.

use std::path::Path;
use std::sync::Arc;

use move37_core::{CampaignId, EventId};
use move37_eventlog::EventLog;
use move37_events::facts::{Campaign, CampaignFact, CampaignStarted, CommandId};
use move37_runtime::{SystemClock, command};

use super::examine::own_programs;
use crate::config::{Config, Wish, resolve};
use crate::failure::Failure;
use crate::journal::{campaigns, pick, read_all};
use crate::view::{Book, CampaignView};

/// How a run opens.
pub struct Opening {
    campaign: CampaignId,
    /// The configuration of a campaign that is to begin.
    begins: Option<Campaign>,
}

impl Opening {
    /// Go on with the named campaign, or with the newest that is not over yet, or begin one.
    ///
    /// # Errors
    /// The wish contradicts the campaign that is under way, or makes no campaign. `beside` says what to do instead of
    /// going on with it.
    pub fn choose(
        book: &Book,
        wanted: Option<&CampaignId>,
        wish: &Wish,
        data: &Path,
        beside: &str,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Opening, Failure> {
        let view = match wanted {
            Some(wanted) => Some(pick(book, Some(wanted))?),
            None => campaigns(book).into_iter().rev().find(|view| !view.phase().is_over()),
        };
        match view {
            Some(view) => Self::resume(&view, book, wish, data, beside, tell),
            None => Self::new_campaign(book, wish, data, tell),
        }
    }

    fn resume(
        view: &CampaignView,
        book: &Book,
        wish: &Wish,
        data: &Path,
        beside: &str,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Opening, Failure> {
        let id = &view.id;
        if view.phase().is_over() {
            let how = view.phase().word();
            return Err(Failure::usage(format!("campaign {id} is over ({how}): `move37 campaign show {id}` shows it")));
        }
        let Some(there) = &view.config else {
            return Err(Failure::failed(format!(
                "campaign {id} has no start that this build can read: run `move37 replay --verify`"
            )));
        };
        if let Some(contradiction) = wish.contradiction(there, book, data)? {
            return Err(Failure::usage(format!(
                "campaign {id} is not over and {contradiction}: leave that out to resume it, end it with \
                 `move37 campaign stop {id}`, or {beside}"
            )));
        }
        tell(&format!("resuming {id}: {} of {} experiments done", view.done(), there.budget.experiments));
        Ok(Opening { campaign: id.clone(), begins: None })
    }

    /// Begin a campaign.
    ///
    /// # Errors
    /// The wish makes no campaign.
    pub fn new_campaign(book: &Book, wish: &Wish, data: &Path, tell: &mut dyn FnMut(&str)) -> Result<Opening, Failure> {
        let config = wish.config()?;
        Self::named(book, &config.name, wish.campaign(book, data, tell)?, tell)
    }

    /// Begin a campaign of this configuration.
    ///
    /// # Errors
    /// It makes no campaign.
    pub fn of_config(
        book: &Book,
        config: &Config,
        data: &Path,
        tell: &mut dyn FnMut(&str),
    ) -> Result<Opening, Failure> {
        Self::named(book, &config.name, resolve(config, data, tell)?, tell)
    }

    fn named(book: &Book, name: &str, campaign: Campaign, tell: &mut dyn FnMut(&str)) -> Result<Opening, Failure> {
        own_programs(&campaign)?;
        let known = book.campaigns();
        let mut names = (known.len() + 1..).map(|n| format!("{name}-{n}").parse::<CampaignId>());
        let is_free = |id: &Result<CampaignId, _>| !id.as_ref().is_ok_and(|id| known.contains(id));
        let id = names.find(is_free).expect("there is no last number");
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

    /// Record the start, where there is one to record, under this command's name. Gives the operator's first fact.
    ///
    /// # Errors
    /// The log cannot take it, or somebody else has just started a campaign of this name.
    pub async fn begin(&self, log: &Arc<dyn EventLog>, command: Option<CommandId>) -> Result<EventId, Failure> {
        let id = &self.campaign;
        if let Some(campaign) = &self.begins {
            let command = command.unwrap_or_else(|| CommandId(format!("start-{id}")));
            let fact = CampaignFact::from(CampaignStarted { command, campaign: campaign.clone() });
            command::issue(log, &SystemClock, id, fact).await?;
            // Two operators may have chosen the same name at once: the first start of a chain is the campaign.
            let there = pick(&read_all(log).await?, Some(id))?.config;
            if there.as_ref() != Some(campaign) {
                return Err(Failure::failed(format!(
                    "somebody else has just started another campaign as {id}: run it again, which takes the next name"
                )));
            }
        }
        Ok(EventId { key: id.clone().into(), source: move37_events::Role::Operator.source(), sequence: 1 })
    }
}
