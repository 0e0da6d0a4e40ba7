//! What the statistics promise, by simulation with fixed seeds and by property.
#![expect(clippy::unwrap_used, reason = "tests")]

mod calibrate;
mod early;
mod intervals;
mod sequential;
mod worlds;
