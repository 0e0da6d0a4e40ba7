//! The one place that knows by what a graph is executed.

use candle_core::Tensor;
use move37_candidate::ir::Graph;

use crate::Error;
use crate::device::{Compute, DeviceProgram};
use crate::exec::{Options, Program};

/// A graph made ready to run many times, by our own kernels or by candle's operations on a device.
#[derive(Debug)]
pub enum Executor {
    /// Our own kernels.
    Own(Box<Program>),
    /// Candle's operations.
    Device(Box<DeviceProgram>),
}

impl Executor {
    /// Make a graph ready.
    ///
    /// # Errors
    /// As [`Program::new`] and [`DeviceProgram::new`].
    pub fn new(graph: Graph, compute: Compute, options: Options) -> Result<Self, Error> {
        Ok(match compute {
            Compute::Own => Self::Own(Box::new(Program::new(graph, options)?)),
            Compute::Candle { .. } | Compute::Cuda { .. } => {
                Self::Device(Box::new(DeviceProgram::new(graph, compute)?))
            }
        })
    }

    /// The graph that is run.
    pub fn graph(&self) -> &Graph {
        match self {
            Self::Own(program) => program.graph(),
            Self::Device(program) => program.graph(),
        }
    }

    /// Compute the outputs, unless `stop` says yes before one of the operations. Tensors are as [`Program::run`] takes them.
    ///
    /// # Errors
    /// If a tensor does not fit its declaration or an index leaves its axis; [`Error::Stopped`].
    pub fn run_unless(
        &self,
        params: &[Tensor],
        inputs: &[Tensor],
        stop: impl Fn() -> bool,
    ) -> Result<Vec<Tensor>, Error> {
        match self {
            Self::Own(program) => program.run_unless(params, inputs, stop),
            Self::Device(program) => program.run_unless(params, inputs, stop),
        }
    }
}
