//! The laws of the system (DESIGN, section 3), each with a test that fails when it is broken.
//!
//! [`replay`] has L1 to L5 on a simulated world, [`several_lanes`] what holds when order is part of history,
//! [`structure`] the import rules and L7, [`roles`] L8. L6 is with the contract: `shared/events/tests/contract.rs`.
#![expect(clippy::unwrap_used, reason = "tests")]

mod campaigns;
mod confirming;
mod replay;
mod roles;
mod several_lanes;
mod structure;
