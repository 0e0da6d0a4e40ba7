//! The operator's commands. Each becomes one fact, however often it is sent: its command id says which it is.

use move37_core::{CampaignId, EventId};
use move37_events::facts::{CampaignFact, CampaignPaused, CampaignResumed, CampaignStopped, CommandId};
use move37_runtime::SystemClock;
use move37_runtime::command::issue;
use serde_json::json;

use super::Command;
use crate::command::run::Opening;
use crate::config::Wish;
use crate::failure::{Answer, Failure};
use crate::journal::{campaigns, pick, read_all};
use crate::output;
use crate::view::{CampaignView, Phase, one_line};

/// Start a campaign and leave it to the services.
pub async fn start(wish: &Wish, command: &Command) -> Result<Answer, Failure> {
    let (place, json) = (&command.common.place, command.common.json);
    let log = match place.cluster()? {
        Some(_) => place.open_to_change().await?,
        None => std::sync::Arc::new(place.state().open_to_write()?),
    };
    let book = read_all(&log).await?;
    let id = command.id.clone().map(CommandId);
    let recorded = |view: &CampaignView| Some((view.id.clone(), recorded(view, id.as_ref()?)?));
    if let Some((campaign, by)) = campaigns(&book).iter().find_map(recorded) {
        return Ok(answer(json, &campaign, &by, "started", "was started by this command before"));
    }
    let mut tell = |text: &str| {
        if !json {
            output::line(text);
        }
    };
    let opening = Opening::new_campaign(&book, wish, &place.state().data(), &mut tell)?;
    let by = opening.begin(&log, id).await?;
    let flags = place.flags();
    let next = format!("is started: `move37 run {flags} --campaign {}` follows it", opening.campaign());
    Ok(answer(json, opening.campaign(), &by, "started", &next))
}

/// A change of a campaign's course.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing new is to begin.
    Pause,
    /// It is to go on.
    Resume,
    /// It is to end, with the reason.
    Stop(String),
}

impl Change {
    fn verb(&self) -> &'static str {
        match self {
            Change::Pause => "pause",
            Change::Resume => "resume",
            Change::Stop(_) => "stop",
        }
    }

    fn done(&self) -> &'static str {
        match self {
            Change::Pause => "paused",
            Change::Resume => "resumed",
            Change::Stop(_) => "stopped",
        }
    }

    fn fact(&self, command: CommandId) -> CampaignFact {
        match self {
            Change::Pause => CampaignPaused { command }.into(),
            Change::Resume => CampaignResumed { command }.into(),
            Change::Stop(reason) => CampaignStopped { command, reason: one_line(reason, 500) }.into(),
        }
    }

    /// Whether the change makes sense now.
    ///
    /// # Errors
    /// Why it does not.
    fn judge(&self, campaign: &CampaignId, phase: &Phase) -> Result<Sense, String> {
        match (self, phase) {
            (Change::Pause, Phase::Running | Phase::Unknown)
            | (Change::Resume, Phase::Paused)
            | (Change::Stop(_), Phase::Running | Phase::Paused | Phase::Unknown) => Ok(Sense::Needed),
            (Change::Pause, Phase::Paused) | (Change::Stop(_), Phase::Stopping(_)) => Ok(Sense::Done),
            (Change::Resume, Phase::Running | Phase::Unknown) => {
                Err(format!("campaign {campaign} is not paused: there is nothing to resume"))
            }
            (_, Phase::Closed(_) | Phase::Stopping(_)) => Err(format!(
                "campaign {campaign} is over already ({}): there is nothing to {}",
                phase.word(),
                self.verb()
            )),
        }
    }
}

/// What a change means for a campaign as it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sense {
    /// It is to be recorded.
    Needed,
    /// It is so already.
    Done,
}

/// Pause, resume or stop a campaign.
pub async fn change(campaign: &CampaignId, change: &Change, command: &Command) -> Result<Answer, Failure> {
    let json = command.common.json;
    let log = command.common.place.open_to_change().await?;
    let view = pick(&read_all(&log).await?, Some(campaign))?;
    let id = command_id(command.id.as_deref(), change, &view);
    if let Some(by) = recorded(&view, &id) {
        return Ok(answer(json, campaign, &by, change.done(), "has had this command before"));
    }
    match change.judge(campaign, &view.phase()).map_err(Failure::failed)? {
        Sense::Done => {
            let by = view.commands.last().map(|(_, id)| id.clone());
            let by = by.ok_or_else(|| Failure::failed(format!("campaign {campaign} has no operator's fact")))?;
            Ok(answer(json, campaign, &by, change.done(), &format!("is {} already", change.done())))
        }
        Sense::Needed => {
            let by = issue(&log, &SystemClock, campaign, change.fact(id)).await?;
            let text = match change {
                Change::Pause => format!(
                    "is paused ({by}): nothing new begins; `move37 campaign resume {campaign} {}` lets it go on",
                    command.common.place.flags()
                ),
                Change::Resume => format!("is resumed ({by})"),
                Change::Stop(_) => {
                    format!("is stopped ({by}): whoever works on it closes it, or does so when next started")
                }
            };
            Ok(answer(json, campaign, &by, change.done(), &text))
        }
    }
}

/// The command's name: the user's, or made of the change and the place that its fact is to have in the operator's
/// chain. So a repeated command, or the same one of two operators at once, makes one fact; after another command it is a
/// new one.
fn command_id(given: Option<&str>, change: &Change, view: &CampaignView) -> CommandId {
    CommandId(match given {
        Some(given) => given.to_owned(),
        None => format!("{}-{}", change.verb(), view.commands.len() + 1),
    })
}

/// The fact that a command has made.
fn recorded(view: &CampaignView, command: &CommandId) -> Option<EventId> {
    view.commands.iter().find(|(known, _)| known == command).map(|(_, id)| id.clone())
}

fn answer(json: bool, campaign: &CampaignId, by: &EventId, done: &str, text: &str) -> Answer {
    match json {
        true => {
            let mut value = json!({ "campaign": campaign.to_string() });
            value[format!("{done}_by")] = json!(by.to_string());
            output::json(&value);
        }
        false => output::line(format!("campaign {campaign} {text}")),
    }
    Answer::Yes
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_events::facts::CloseReason;

    use super::*;

    fn judge(change: Change, phase: Phase) -> Result<Sense, String> {
        change.judge(&"c-1".parse().unwrap(), &phase)
    }

    fn stop() -> Change {
        Change::Stop("enough".to_owned())
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_the_reason() {
        let finished = || Phase::Closed(CloseReason::Finished);
        let refused = judge(Change::Pause, finished()).unwrap_err();
        assert_eq!(refused, "campaign c-1 is over already (finished): there is nothing to pause");
        assert!(judge(Change::Resume, finished()).is_err());
        assert!(judge(Change::Resume, Phase::Stopping("enough".to_owned())).is_err());
        assert!(judge(stop(), finished()).is_err());
        let refused = judge(Change::Resume, Phase::Running).unwrap_err();
        assert_eq!(refused, "campaign c-1 is not paused: there is nothing to resume");
    }

    #[test]
    fn what_is_so_already_is_not_recorded_again() {
        assert_eq!(judge(Change::Pause, Phase::Paused), Ok(Sense::Done));
        assert_eq!(judge(stop(), Phase::Stopping("enough".to_owned())), Ok(Sense::Done));
        assert_eq!(judge(Change::Pause, Phase::Running), Ok(Sense::Needed));
        assert_eq!(judge(Change::Resume, Phase::Paused), Ok(Sense::Needed));
        assert_eq!(judge(stop(), Phase::Paused), Ok(Sense::Needed));
    }

    #[test]
    fn a_repeated_command_has_its_name_and_one_after_another_command_a_new_name() {
        let mut view = CampaignView::new("c-1".parse().unwrap());
        view.commands.push((CommandId("start-c-1".to_owned()), "c-1/operator/1".parse().unwrap()));
        let first = command_id(None, &Change::Pause, &view);
        assert_eq!(first, command_id(None, &Change::Pause, &view));
        view.commands.push((first.clone(), "c-1/operator/2".parse().unwrap()));
        view.commands.push((command_id(None, &Change::Resume, &view), "c-1/operator/3".parse().unwrap()));
        assert_ne!(first, command_id(None, &Change::Pause, &view));
        assert_eq!(recorded(&view, &first), Some("c-1/operator/2".parse().unwrap()));
        assert_eq!(command_id(Some("mine"), &Change::Pause, &view), CommandId("mine".to_owned()));
    }
}
