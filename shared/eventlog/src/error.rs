//! What can go wrong with a log, each as one sentence with the next step.

use move37_events::Topic;

/// Why a log could not be opened, read or appended to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is there.
    #[error("there is no log at {log}: start a campaign with `move37 run`, or name its directory with --state")]
    Missing {
        /// The log.
        log: String,
    },
    /// Something else is there.
    #[error("{log} is not a Move37 log: move that file away, or choose another directory with --state")]
    NotALog {
        /// The log.
        log: String,
    },
    /// The log is damaged.
    #[error("{log} is damaged ({detail}): keep it, put a copy of it back, or start anew with another --state")]
    Corrupt {
        /// The log.
        log: String,
        /// What is wrong.
        detail: String,
    },
    /// Written by a newer release.
    #[error(
        "{log} has format {found} but this build knows up to {known}: use the release that wrote it, or a newer one"
    )]
    Newer {
        /// The log.
        log: String,
        /// Its format.
        found: i64,
        /// Newest format of this build.
        known: i64,
    },
    /// The log cannot be written.
    #[error("{log} is read-only here: give this user the right to write it, or choose another --state")]
    ReadOnly {
        /// The log.
        log: String,
    },
    /// No space is left.
    #[error("the disk of {log} is full: free some space and run again, nothing that was acknowledged is lost")]
    Full {
        /// The log.
        log: String,
    },
    /// Another process keeps the log.
    #[error("another process has kept {log} busy for {seconds} s: end that process, or try again")]
    Busy {
        /// The log.
        log: String,
        /// How long we waited.
        seconds: u64,
    },
    /// A body above [`MAX_BODY`](crate::MAX_BODY).
    #[error("a body of {size} bytes is too large for {topic} (at most {limit}): store it as a blob and name its hash")]
    TooLarge {
        /// Topic.
        topic: Topic,
        /// Size of the body in bytes.
        size: usize,
        /// Largest size in bytes.
        limit: usize,
    },
    /// The system refused.
    #[error("{log} cannot be used ({detail}): check the path, the disk and the file's rights, then run again")]
    Unavailable {
        /// The log.
        log: String,
        /// What it said.
        detail: String,
    },
    /// No broker answers.
    #[error("{log} cannot be reached ({detail}): start it or correct its address, then run again")]
    Unreachable {
        /// The log.
        log: String,
        /// What the client said.
        detail: String,
    },
    /// Brokers answer but do not let us in.
    #[error("{log} does not let us in ({why}): {next}, then run again")]
    Locked {
        /// The log.
        log: String,
        /// What stands between us.
        why: &'static str,
        /// What to do.
        next: &'static str,
    },
    /// The broker lacks a topic.
    #[error("{log} has no topic {topic}: create the topics with `move37 topics apply`, then run again")]
    NoTopic {
        /// The log.
        log: String,
        /// Full name.
        topic: String,
    },
    /// A topic's keys would lie in other partitions than everybody expects.
    #[error(
        "{log} has {topic} with {found} partitions where {declared} are declared: use a cluster whose topics were made by `move37 topics apply`"
    )]
    Misfit {
        /// The log.
        log: String,
        /// Full name.
        topic: String,
        /// Its partitions.
        found: u32,
        /// Those of the table.
        declared: u32,
    },
    /// The broker does not let us.
    #[error(
        "{log} does not let this user use {what}: give it the rights of kafka/acls.yaml, or use the service's own credentials"
    )]
    Forbidden {
        /// The log.
        log: String,
        /// Topic or group.
        what: String,
    },
    /// No acknowledgement came.
    #[error(
        "{log} has not acknowledged a record of {topic} for {seconds} s: see that enough brokers are in sync, then run again, which is harmless"
    )]
    Unacknowledged {
        /// The log.
        log: String,
        /// Topic.
        topic: Topic,
        /// How long we waited.
        seconds: u64,
    },
    /// Facts were deleted, or never were.
    #[error(
        "{log} does not hold {topic} from where it is to be read: facts must never expire, run `move37 topics apply` to see why they did"
    )]
    Gone {
        /// The log.
        log: String,
        /// What is gone.
        topic: String,
    },
    /// The broker refused for another reason.
    #[error("{log} refused {what} ({detail}): the broker's own log says more, then run again")]
    Refused {
        /// The log.
        log: String,
        /// What was asked.
        what: String,
        /// What the client said.
        detail: String,
    },
    /// The log's worker has ended.
    #[error("{log} was closed while it was in use: run again")]
    Closed {
        /// The log.
        log: String,
    },
}
