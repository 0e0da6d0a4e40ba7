//! What people see of a log. Pure: facts in, views out; nothing here reads a file, a clock or a terminal.
//!
//! [`Book`] holds the judged facts of a log with their causes. [`CampaignView`] is one campaign as it stands: lanes,
//! experiments, leaderboard, ledger; [`report`] prints it as a page, [`Baselines`] its seed programs as a table. [`card()`] describes an
//! exported layer, [`headline`] says a fact in one line, and [`causes`] walks back from one.

mod baselines;
mod book;
mod campaign;
mod card;
pub mod causes;
mod experiment;
mod figures;
mod headline;
mod report;
mod story;
mod workers;

pub use baselines::Baselines;
pub use book::Book;
pub use campaign::{CampaignView, Phase, SERVICES};
pub use card::{Weights, card};
pub use experiment::Experiment;
pub use figures::{bytes, count, duration, flops, number, one_line};
pub use headline::headline;
pub use report::{LANES, lane_line, lane_lines, promotion_line, report};
pub use story::story_line;
pub use workers::Workers;

#[cfg(test)]
mod tests;
