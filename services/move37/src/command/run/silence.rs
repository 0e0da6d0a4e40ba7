//! Noticing that nobody works on a campaign, which on a cluster is nobody's error but worth a sentence.

use std::time::{Duration, Instant};

use crate::view::{CampaignView, Phase, SERVICES};

/// Services that run take note of a start within a second or two.
const UNANSWERED: Duration = Duration::from_secs(15);

/// A campaign at work writes something more often than this: workers speak while they train.
const SILENT: Duration = Duration::from_secs(60);

/// Watches a campaign for silence, and speaks once for each.
pub struct Silence {
    flags: String,
    begun: Option<Instant>,
    /// Facts when the last one came, and when that was noticed.
    heard: (u64, Option<Instant>),
    told_unanswered: bool,
    told_silent: bool,
}

impl Silence {
    /// Watch a campaign whose place these flags name.
    pub fn new(flags: String, view: &CampaignView) -> Silence {
        Silence { flags, begun: None, heard: (view.facts, None), told_unanswered: false, told_silent: false }
    }

    /// A sentence for the user, if it is time for one.
    pub fn hint(&mut self, view: &CampaignView, now: Instant) -> Option<String> {
        let begun = *self.begun.get_or_insert(now);
        if self.heard.0 != view.facts || self.heard.1.is_none() {
            self.heard = (view.facts, Some(now));
            self.told_silent = false;
        }
        let missing: Vec<&str> =
            SERVICES.iter().filter(|role| !view.followers.contains(role)).map(|role| role.name()).collect();
        if !missing.is_empty() && !self.told_unanswered && now - begun >= UNANSWERED {
            self.told_unanswered = true;
            let (services, start) = match &missing[..] {
                [one] => (format!("no {one} service has"), format!("start it (`{one} --config FILE`)")),
                [first, ..] => (
                    format!("the services {} have not", missing.join(", ")),
                    format!("start them (`{first} --config FILE`, and so on)"),
                ),
                [] => return None,
            };
            return Some(format!(
                "{services} taken note of {} for {} s: {start}, or see `move37 doctor {}`; waiting goes on",
                view.id,
                UNANSWERED.as_secs(),
                self.flags
            ));
        }
        let quiet = self.heard.1.map_or(Duration::ZERO, |since| now - since);
        if missing.is_empty() && !self.told_silent && quiet >= SILENT && view.phase() == Phase::Running {
            self.told_silent = true;
            return Some(format!(
                "nothing has been written about {} for {} s: see that the services and a worker (`trainer --worker`) run, \
                 `move37 doctor {}` tells; waiting goes on",
                view.id,
                SILENT.as_secs(),
                self.flags
            ));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use move37_events::Role;

    use super::*;

    fn running() -> CampaignView {
        let mut view = CampaignView::new("c-1".parse().unwrap());
        view.started = Some(move37_core::Timestamp::default());
        view
    }

    /// What is said at each second of the first two minutes.
    fn said(mut silence: Silence, mut view: CampaignView, at: impl Fn(u64, &mut CampaignView)) -> Vec<(u64, String)> {
        let begun = Instant::now();
        let mut said = Vec::new();
        for second in 0..150 {
            at(second, &mut view);
            said.extend(silence.hint(&view, begun + Duration::from_secs(second)).map(|hint| (second, hint)));
        }
        said
    }

    #[test]
    fn services_that_do_not_take_note_are_named_once() {
        let mut view = running();
        view.followers.extend([Role::Researcher, Role::Engineer, Role::Trainer, Role::Analyst]);
        let said = said(Silence::new("--kafka k".to_owned(), &view), view, |_, _| {});
        assert_eq!(said.len(), 1);
        assert_eq!(said[0].0, 15);
        assert!(said[0].1.starts_with("no memory service has taken note of c-1"), "{}", said[0].1);
        assert!(said[0].1.contains("move37 doctor --kafka k"), "{}", said[0].1);
    }

    #[test]
    fn a_campaign_that_falls_silent_is_told_each_time_but_not_while_it_is_paused() {
        let mut view = running();
        view.followers.extend(SERVICES);
        let silence = || Silence::new("--kafka k".to_owned(), &running());
        let twice = said(silence(), view.clone(), |second, view| {
            if second == 80 {
                view.facts += 1;
            }
        });
        assert_eq!(twice.iter().map(|(second, _)| *second).collect::<Vec<_>>(), [60, 140]);
        let busy = said(silence(), view.clone(), |_, view| view.facts += 1);
        assert!(busy.is_empty(), "{busy:?}");
        view.paused = true;
        assert!(said(silence(), view, |_, _| {}).is_empty());
    }
}
