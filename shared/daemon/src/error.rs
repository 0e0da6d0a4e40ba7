//! Why a process ends otherwise than asked to, each as one sentence.

use std::io;
use std::net::SocketAddr;

use move37_runtime::Failure;

use crate::assembly::Refused;
use crate::config;

/// Why a service cannot start, or cannot go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// What it says of the cluster is wrong.
    #[error(transparent)]
    Kafka(#[from] move37_kafka::ConfigError),
    /// The service refuses it.
    #[error("the configuration makes no service ({0}): correct it")]
    Refused(Refused),
    /// The process cannot get what it needs of the system.
    #[error("the system refused {what} ({source}): free some resources and start again")]
    System {
        /// What.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// Nothing can be served there.
    #[error("failed to listen at {listen} ({source}): end the process that has it, or set another [http] listen")]
    Listen {
        /// Address.
        listen: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The log does not let us in, or is none of ours.
    #[error(transparent)]
    Log(#[from] move37_eventlog::Error),
    /// All of the service has stopped.
    #[error("{}", .0.sentence())]
    Stopped(Failure),
    /// Leaving took too long.
    #[error(
        "not everything was finished within {0} s: nothing that was recorded is lost, set [drain] seconds higher if that happens often"
    )]
    Overran(u64),
}

impl Error {
    /// The process's exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Error::Config(_) | Error::Kafka(_) | Error::Refused(_) => 2,
            Error::System { .. } | Error::Listen { .. } | Error::Log(_) | Error::Stopped(_) | Error::Overran(_) => 3,
        }
    }
}
