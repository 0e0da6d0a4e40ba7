//! What a campaign is to be: a file with [`defaults`](Config), flags over it, and the whole that `CampaignStarted` holds.

mod defaults;
mod difference;
mod file;
mod profile;
mod resolve;
mod tasks;
mod wish;

pub use difference::difference;
pub use file::Config;
pub use profile::Profile;
pub use resolve::{Text, failed_to, resolve};
pub use tasks::TaskSection;
pub use wish::Wish;
