//! What a running campaign shows: lines for a pipe, bars for a terminal, JSON for machines.

mod bars;
mod lines;
mod machine;
mod pace;

use std::io::IsTerminal;

use move37_consumer::FactRecord;

use crate::view::CampaignView;

pub use pace::Pace;

/// Hears about a running campaign.
pub trait Reporter {
    /// A sentence for the user.
    fn note(&mut self, text: &str);
    /// A new fact, which the view has taken in.
    fn fact(&mut self, entry: &FactRecord, view: &CampaignView);
    /// Some time has passed.
    fn tick(&mut self, view: &CampaignView);
    /// Nothing more will come.
    fn end(&mut self);
}

/// The reporter that suits standard output.
pub fn reporter(json: bool, view: &CampaignView) -> Box<dyn Reporter> {
    match (json, std::io::stderr().is_terminal()) {
        (true, _) => Box::new(machine::Machine),
        (false, true) => Box::new(bars::Bars::new(view)),
        (false, false) => Box::new(lines::Lines::new(view)),
    }
}
