//! What can go wrong while a graph is differentiated or executed.

use move37_candidate::ir;

/// Failure of this crate. Completes "failed to ..".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule built an ill-formed node.
    #[error("build a node for line {line}: {source}")]
    Graph {
        /// Line of the candidate's text (0: none).
        line: u32,
        /// What does not fit.
        source: ir::Error,
    },
    /// An index operand leaves its axis.
    #[error("execute line {line}: index {index} is out of range for an axis of size {size}")]
    Index {
        /// Line of the candidate's text (0: none).
        line: u32,
        /// Offending index.
        index: i64,
        /// Size of the axis.
        size: usize,
    },
    /// More than the probe runs.
    #[error("run {bytes} bytes of results and {flops} FLOPs forward and backward; the largest are made at line {line}")]
    Large {
        /// Line of the candidate's text (0: none).
        line: u32,
        /// Bytes of all results.
        bytes: u64,
        /// FLOPs of one forward and backward pass.
        flops: u64,
    },
    /// There is no such device.
    #[error("use a device: {0}")]
    Device(#[from] crate::device::Unavailable),
    /// An integer division by zero.
    #[error("execute line {line}: integer division by zero")]
    DivisionByZero {
        /// Line of the candidate's text (0: none).
        line: u32,
    },
    /// A random leaf outside a parameter's initial value.
    #[error("execute line {line}: a random tensor is only allowed in a parameter's initial value")]
    Random {
        /// Line of the candidate's text (0: none).
        line: u32,
    },
    /// An initial value depends on an input or on another parameter.
    #[error("initialise parameter {name}: its initial value is not made of constants and random draws alone")]
    Initial {
        /// Name of the parameter.
        name: String,
    },
    /// The number of tensors given differs from the number declared.
    #[error("bind {what}: {needed} tensors are declared, {got} were given")]
    Count {
        /// Parameters, inputs or gradients.
        what: &'static str,
        /// Declared.
        needed: usize,
        /// Given.
        got: usize,
    },
    /// A tensor given differs from its declaration.
    #[error("bind {name}: {needed} is declared, {got} was given")]
    Binding {
        /// Name of the input or parameter.
        name: String,
        /// Declared dtype and shape.
        needed: String,
        /// Given dtype and shape.
        got: String,
    },
    /// An optimiser state belongs to other parameters.
    #[error("restore the optimiser: its moments have {got} elements where parameters have {needed}")]
    Moments {
        /// Elements of the parameters.
        needed: usize,
        /// Elements of the moments.
        got: usize,
    },
    /// A weights file lacks a tensor.
    #[error("load weights: there is no tensor named {0}")]
    MissingTensor(String),
    /// A weights file has a tensor of another type or shape.
    #[error("load weights: {name} is {got}, expected {needed}")]
    ForeignTensor {
        /// Name of the tensor.
        name: String,
        /// Expected.
        needed: String,
        /// Found.
        got: String,
    },
    /// A weights file cannot be read or written.
    #[error("access weights at {path}: {source}")]
    File {
        /// Path of the file.
        path: String,
        /// Cause.
        source: std::io::Error,
    },
    /// A weights file is not well-formed safetensors.
    #[error("parse weights: {0}")]
    Format(#[from] safetensors::SafeTensorError),
    /// Somebody asked a program to stop between two of its steps.
    #[error("finish a computation: it was asked to stop")]
    Stopped,
    /// The threads of a program cannot be started.
    #[error("start worker threads: {0}")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// Candle refused.
    #[error("use a tensor: {0}")]
    Candle(#[from] candle_core::Error),
}

impl Error {
    /// Line of the candidate's text that is to blame, where one is.
    pub fn line(&self) -> Option<u32> {
        match self {
            Self::Graph { line, .. }
            | Self::Index { line, .. }
            | Self::Large { line, .. }
            | Self::DivisionByZero { line }
            | Self::Random { line } => Some(*line).filter(|&line| line > 0),
            _ => None,
        }
    }
}
