//! One line per fact that matters to a reader, and now and then where everything stands.

use std::time::{Duration, Instant};

use move37_consumer::FactRecord;

use super::{Pace, Reporter};
use crate::output;
use crate::view::{CampaignView, lane_lines, promotion_line, story_line};

/// Time between two lines that only say where things stand.
const EVERY: Duration = Duration::from_secs(15);

/// Plain lines.
pub struct Lines {
    pace: Pace,
    spoke: Instant,
}

impl Lines {
    pub fn new(view: &CampaignView) -> Lines {
        Lines { pace: Pace::new(view), spoke: Instant::now() }
    }
}

impl Reporter for Lines {
    fn note(&mut self, text: &str) {
        output::line(text);
    }

    fn fact(&mut self, entry: &FactRecord, _view: &CampaignView) {
        if let Some(line) = story_line(entry) {
            output::line(line);
        }
    }

    fn tick(&mut self, view: &CampaignView) {
        if self.spoke.elapsed() < EVERY {
            return;
        }
        self.spoke = Instant::now();
        lane_lines(view).iter().chain(&promotion_line(view)).for_each(|line| output::line(format!("          {line}")));
        output::line(format!("          {}", self.pace.line(view)));
    }

    fn end(&mut self) {}
}
