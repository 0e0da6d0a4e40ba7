//! What a graph is executed by.

use std::fmt;
use std::str::FromStr;

use candle_core::Device;
use serde::{Deserialize, Serialize};

/// What executes a graph: `cpu`, `candle`, `cuda`, `cuda:1`; with `-bf16` behind it, products of matrices take operands rounded to
/// bfloat16 (all else, weights and moments included, stays F32).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Compute {
    /// Our own kernels on the CPU.
    #[default]
    Own,
    /// Candle's operations on the CPU.
    Candle {
        /// Whether products of matrices take bfloat16.
        half: bool,
    },
    /// Candle's operations on a CUDA device.
    Cuda {
        /// Its number.
        ordinal: usize,
        /// Whether products of matrices take bfloat16.
        half: bool,
    },
}

/// Why there is no such device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The name is none.
    #[error("there is no device {0:?}: name cpu, candle, cuda or cuda:N, each but cpu with -bf16 behind it if wanted")]
    Name(String),
    /// The build has no CUDA.
    #[error(
        "this build has no CUDA: build it with `bash scripts/cuda.sh` where the CUDA toolkit is installed, or name \
         another device than {0}"
    )]
    Build(Compute),
    /// The machine has no such device, or cannot use it.
    #[error("the device {device} cannot be used: {why}")]
    Machine {
        /// What was asked for.
        device: Compute,
        /// What the driver says.
        why: String,
    },
}

impl Compute {
    /// Whether it is our own executor.
    pub fn is_own(&self) -> bool {
        *self == Compute::Own
    }

    /// Whether products of matrices take bfloat16.
    pub(super) fn half(self) -> bool {
        match self {
            Compute::Own => false,
            Compute::Candle { half } | Compute::Cuda { half, .. } => half,
        }
    }

    /// Candle's device.
    ///
    /// # Errors
    /// A build without CUDA, a machine without such a device.
    pub fn open(self) -> Result<Device, Unavailable> {
        match self {
            Compute::Own | Compute::Candle { .. } => Ok(Device::Cpu),
            Compute::Cuda { .. } if !cfg!(feature = "cuda") => Err(Unavailable::Build(self)),
            Compute::Cuda { ordinal, .. } => {
                Device::new_cuda(ordinal).map_err(|error| Unavailable::Machine { device: self, why: error.to_string() })
            }
        }
    }
}

impl fmt::Display for Compute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Compute::Own => f.write_str("cpu"),
            Compute::Candle { .. } => f.write_str("candle"),
            Compute::Cuda { ordinal, .. } => write!(f, "cuda:{ordinal}"),
        }?;
        if self.half() { f.write_str("-bf16") } else { Ok(()) }
    }
}

impl FromStr for Compute {
    type Err = Unavailable;

    fn from_str(name: &str) -> Result<Self, Unavailable> {
        let none = || Unavailable::Name(name.to_owned());
        let (device, half) = match name.strip_suffix("-bf16") {
            Some(device) => (device, true),
            None => (name, false),
        };
        match (device, device.strip_prefix("cuda:")) {
            ("cpu", _) if !half => Ok(Compute::Own),
            ("candle", _) => Ok(Compute::Candle { half }),
            ("cuda", _) => Ok(Compute::Cuda { ordinal: 0, half }),
            (_, Some(ordinal)) => Ok(Compute::Cuda { ordinal: ordinal.parse().map_err(|_| none())?, half }),
            _ => Err(none()),
        }
    }
}

impl TryFrom<String> for Compute {
    type Error = Unavailable;

    fn try_from(name: String) -> Result<Self, Unavailable> {
        name.parse()
    }
}

impl From<Compute> for String {
    fn from(compute: Compute) -> String {
        compute.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn names_are_read_as_they_are_written() {
        for name in ["cpu", "candle", "candle-bf16", "cuda:0", "cuda:3", "cuda:1-bf16"] {
            assert_eq!(name.parse::<Compute>().unwrap().to_string(), name);
        }
        assert_eq!("cuda".parse(), Ok(Compute::Cuda { ordinal: 0, half: false }));
        for name in ["", "gpu", "cpu-bf16", "cuda:x", "cuda:"] {
            assert!(matches!(name.parse::<Compute>(), Err(Unavailable::Name(_))), "{name}");
        }
    }

    #[test]
    #[cfg(not(feature = "cuda"))]
    fn a_build_without_cuda_says_what_to_do() {
        let error = "cuda:1".parse::<Compute>().unwrap().open().unwrap_err();
        assert!(error.to_string().contains("scripts/cuda.sh") && error.to_string().ends_with("cuda:1"), "{error}");
    }
}
