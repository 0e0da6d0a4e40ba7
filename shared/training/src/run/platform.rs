//! Where a run took place: what bit-for-bit equality depends on.

use move37_tensor::Compute;
use serde::{Deserialize, Serialize};

/// Runs give the same bits where all of this is equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// Version of this crate, target and kind of build.
    pub binary: String,
    /// Device, in words.
    pub device: String,
    /// CPU features that kernels use, in order of name.
    pub features: String,
    /// Threads of the executor.
    pub threads: usize,
}

impl Platform {
    /// This process on this machine.
    pub fn here(threads: usize, compute: Compute) -> Self {
        let build = if cfg!(debug_assertions) { "debug" } else { "release" };
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        Self {
            binary: format!("{} {arch}-{os} {build}", env!("CARGO_PKG_VERSION")),
            device: compute.to_string(),
            features: features().join(" "),
            threads,
        }
    }
}

#[cfg(target_arch = "x86_64")]
fn features() -> Vec<&'static str> {
    let mut found = Vec::new();
    macro_rules! note {
        ($($name:tt)*) => { $(if std::arch::is_x86_feature_detected!($name) { found.push($name) })* };
    }
    note!("avx" "avx2" "avx512bw" "avx512dq" "avx512f" "avx512vl" "f16c" "fma" "sse4.2");
    found
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<&'static str> {
    if std::arch::is_aarch64_feature_detected!("neon") { vec!["neon"] } else { Vec::new() }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn features() -> Vec<&'static str> {
    Vec::new()
}
