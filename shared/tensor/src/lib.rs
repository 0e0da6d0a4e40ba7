//! Graphs differentiated and executed.
//!
//! A candidate's graph (the IR of `move37-candidate`) becomes numbers here: [`autodiff`] adds the nodes of its gradients,
//! [`exec`] plans and runs it on the CPU, [`device`] by candle's operations on any device, [`init`] draws its first weights from seeded streams ([`rng`]), [`optim`] moves
//! them, [`weights`] keeps them, [`mod@forward`] runs a layer once on given ones. [`probe`] tries what the static gate proves, and
//! [`gate`] is both together. Tensors are candle's at the boundary; candle's own automatic differentiation is used nowhere.

pub mod autodiff;
pub mod device;
mod error;
pub mod exec;
mod executor;
pub mod forward;
pub mod gate;
pub mod init;
pub mod optim;
pub mod probe;
pub mod rng;
pub mod weights;

pub use autodiff::gradients;
pub use candle_core::Tensor;
pub use device::Compute;
pub use error::Error;
pub use exec::{Options, Program};
pub use executor::Executor;
pub use init::init_params;
pub use optim::AdamW;
pub use probe::{Probe, ProbeFinding, ProbeKind, probe};
