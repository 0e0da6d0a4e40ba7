//! What can go wrong between a job and its outcome.

use std::io;
use std::path::PathBuf;

use move37_candidate::ir;
use move37_core::Hash;

/// Failure of this crate. Completes "failed to ..".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("read {path}: {source}")]
    Read {
        /// What was read.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// A file could not be written.
    #[error("write {path}: {source}")]
    Write {
        /// What was written.
        path: PathBuf,
        /// Cause.
        source: io::Error,
    },
    /// There is nothing to learn from.
    #[error("use the text {path}: it is empty")]
    EmptyText {
        /// File or folder.
        path: PathBuf,
    },
    /// Too little to train and to validate on.
    #[error("use the text {path}: it has {bytes} bytes, at least {needed} are needed")]
    ShortText {
        /// File or folder.
        path: PathBuf,
        /// Bytes of text.
        bytes: usize,
        /// Least number.
        needed: usize,
    },
    /// More than is read into memory.
    #[error("use the text {path}: it has more than {limit} bytes")]
    LargeText {
        /// File or folder.
        path: PathBuf,
        /// Greatest number.
        limit: u64,
    },
    /// The data folder lacks a corpus.
    #[error("open the corpus {hash}: {folder} does not have it; give its text again with --text PATH")]
    MissingCorpus {
        /// Digest asked for.
        hash: Hash,
        /// Data folder.
        folder: PathBuf,
    },
    /// A stored corpus is not what its name says.
    #[error("open the corpus {hash}: {path} is damaged; delete it and give its text again with --text PATH")]
    DamagedCorpus {
        /// Digest asked for.
        hash: Hash,
        /// The file.
        path: PathBuf,
    },
    /// No document of a part of the corpus holds one window.
    #[error("cut windows of {length} bytes: no {part} document of the text is that long")]
    ShortDocuments {
        /// Bytes of a window.
        length: usize,
        /// Train or validation.
        part: &'static str,
    },
    /// A Parquet file is not what is needed.
    #[error("read {path}: {why}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong, and the next step.
        why: String,
    },
    /// A data set of the Hugging Face hub is not to be had.
    #[error("fetch {reference}: {why}")]
    Hub {
        /// As it was asked for.
        reference: String,
        /// What was tried, and the next step.
        why: String,
    },
    /// A line of a JSONL file is not what is needed.
    #[error("read {path}: line {line} {why}")]
    Line {
        /// The file.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it, and what it should be.
        why: String,
    },
    /// A tokenizer is not to be had, or does not fit the text.
    #[error("use the tokenizer: {0}")]
    Tokenizer(String),
    /// The default text is not to be had.
    #[error("fetch the default text: {0}; give a text of your own with --text PATH")]
    Fetch(#[from] FetchError),
    /// Settings that make no sense.
    #[error("use the settings: {0}")]
    Settings(String),
    /// The candidate's text cannot be traced.
    #[error("trace the candidate: {0}")]
    Candidate(String),
    /// The model around the candidate does not fit it.
    #[error("build the model: {0}")]
    Graph(#[from] ir::Error),
    /// The executor failed.
    #[error(transparent)]
    Tensor(#[from] move37_tensor::Error),
    /// A loss or a gradient is not finite, or the loss exploded.
    #[error("train: at step {step} {what}{}", place(*.line))]
    Diverged {
        /// Optimiser step, from 1.
        step: u32,
        /// What was seen.
        what: String,
        /// Line of the candidate's text where the first value that is not finite arose.
        line: Option<u32>,
    },
    /// A checkpoint is damaged, or belongs to another run.
    #[error("go on from the checkpoint: {0}; start the run anew")]
    Checkpoint(String),
    /// Somebody asked to stop.
    #[error("finish training: it was cancelled after {step} steps")]
    Cancelled {
        /// Steps done.
        step: u32,
    },
}

fn place(line: Option<u32>) -> String {
    line.map(|line| format!(", which began at line {line} of the candidate")).unwrap_or_default()
}

/// Why the default text could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The child process could not be started.
    #[error("cannot start {program}: {source}")]
    Start {
        /// The program.
        program: String,
        /// Cause.
        source: io::Error,
    },
    /// The child process failed.
    #[error("pip failed ({status}): {message}")]
    Pip {
        /// Exit status.
        status: String,
        /// Last line of its error output.
        message: String,
    },
    /// The child process took too long.
    #[error("pip did not finish within {seconds} seconds")]
    Timeout {
        /// Patience.
        seconds: u64,
    },
    /// The archive, or the text in it, is not the pinned one.
    #[error("{what} has the digest {got}, expected {expected}")]
    Digest {
        /// What was hashed.
        what: &'static str,
        /// Pinned.
        expected: Hash,
        /// Found.
        got: Hash,
    },
    /// The archive cannot be used.
    #[error("the archive cannot be used: {0}")]
    Archive(String),
}
