//! Why stored bytes cannot be read as a fact.

use move37_core::FactType;

use crate::Topic;

/// Why stored bytes cannot be read as a fact of their topic.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    /// The topic has no fact of this type.
    #[error("{topic} has no fact {fact}")]
    Unknown {
        /// Topic read.
        topic: Topic,
        /// Type claimed.
        fact: FactType,
    },
    /// Written by a newer release.
    #[error("{fact} is newer than this build, which reads up to v{newest}: upgrade before you go on")]
    Newer {
        /// Type claimed.
        fact: FactType,
        /// Newest version that this build reads.
        newest: u32,
    },
    /// The body does not have the type's shape.
    #[error("the body of {fact} does not fit its schema")]
    Body {
        /// Type claimed.
        fact: FactType,
        /// What does not fit.
        #[source]
        source: serde_json::Error,
    },
}
