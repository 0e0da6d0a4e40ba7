//! The engineer service: its rules, which topics they hear, and the gate that they owe.
//!
//! [`perform`](EngineerService) runs the gate of `move37-tensor` on a thread of its own; [`report`] turns its answer
//! into the words of the contract. Whether a program is admitted, the rules decide.

mod perform;
mod report;

pub use perform::EngineerService;
