//! All five services and one worker in this process.

mod crash;
mod services;

pub use services::{Services, share_cores};

/// Cores that this process may use.
pub fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get)
}
