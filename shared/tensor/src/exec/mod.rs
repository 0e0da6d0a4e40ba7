//! Executing a graph.
//!
//! [`plan`] orders the live nodes into steps, groups elementwise nodes into clusters and notes where each buffer dies;
//! [`program`] binds parameters and inputs, runs the steps and hands back tensors. Values are row-major buffers seen
//! through strides ([`value`]), so most movement is free; [`kernels`] has the loops. Reduction orders are fixed by shape,
//! so a program gives the same bits for the same binary, CPU features and thread count.

mod cluster;
mod dispatch;
pub(crate) mod evaluate;
mod kernels;
mod layout;
mod plan;
mod pool;
mod program;
mod schedule;
mod threads;
mod value;
mod worker;

pub(crate) use dispatch::vectorised;
pub(crate) use plan::constant;
pub use program::{Options, Program, StepCost};
pub(crate) use program::{initial, label};
pub(crate) use worker::{Worker, given};
