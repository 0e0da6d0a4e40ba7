//! Bars at the bottom of a terminal, facts above them.

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use move37_consumer::FactRecord;

use super::{Pace, Reporter};
use crate::view::{CampaignView, LANES, lane_line, story_line};

/// Positions of a bar.
const LENGTH: u64 = 1000;

/// One bar per lane, and one for the campaign.
pub struct Bars {
    screen: MultiProgress,
    lanes: Vec<ProgressBar>,
    whole: ProgressBar,
    pace: Pace,
}

impl Bars {
    pub fn new(view: &CampaignView) -> Bars {
        let screen = MultiProgress::new();
        let style = |template| {
            ProgressStyle::with_template(template).expect("the template is well formed").progress_chars("━╸ ")
        };
        let add = |template| screen.add(ProgressBar::new(LENGTH).with_style(style(template)));
        let lanes = view.lanes().iter().take(LANES).map(|_| add("  {bar:20.cyan} {msg}")).collect();
        let whole = add("  {bar:20.green} {elapsed_precise} · {msg}");
        let mut bars = Bars { lanes, whole, screen, pace: Pace::new(view) };
        bars.tick(view);
        bars
    }

    fn print(&self, line: String) {
        // A terminal that has gone away shows nothing; the campaign goes on.
        let _ = self.screen.println(line);
    }
}

impl Reporter for Bars {
    fn note(&mut self, text: &str) {
        self.print(text.to_owned());
    }

    fn fact(&mut self, entry: &FactRecord, _view: &CampaignView) {
        if let Some(line) = story_line(entry) {
            self.print(line);
        }
    }

    fn tick(&mut self, view: &CampaignView) {
        let position = |share: f64| (share.clamp(0.0, 1.0) * LENGTH as f64) as u64;
        for (bar, (lane, open)) in self.lanes.iter().zip(view.lanes()) {
            bar.set_position(position(open.map_or(0.0, |(_, experiment)| experiment.trained_share())));
            bar.set_message(lane_line(lane, open));
        }
        let (done, planned) = view.work();
        self.whole.set_position(position(done / planned.max(1.0)));
        self.whole.set_message(self.pace.line(view));
    }

    fn end(&mut self) {
        self.lanes.iter().for_each(ProgressBar::finish_and_clear);
        self.whole.finish_and_clear();
    }
}
