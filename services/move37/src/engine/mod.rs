//! All five services and one worker in this process.

mod crash;
mod services;

pub use services::Services;
