//! How a command ends: with an answer, or with one sentence that names the next step.

use std::fmt;

/// What a command answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Exit code 0.
    Yes,
    /// Exit code 1: it worked, and the answer is no.
    No,
}

impl Answer {
    /// Yes exactly when it holds.
    pub fn from_bool(holds: bool) -> Answer {
        if holds { Answer::Yes } else { Answer::No }
    }
}

/// Why a command gives no answer: one sentence with the next step.
#[derive(Debug)]
pub struct Failure {
    /// Exit code: 2 for wrong usage, 3 for everything else.
    pub code: u8,
    message: String,
}

impl Failure {
    /// The command was asked for something that makes no sense (exit code 2).
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { code: 2, message: message.into() }
    }

    /// The command could not do it (exit code 3).
    pub fn failed(message: impl Into<String>) -> Failure {
        Failure { code: 3, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// Errors of other crates are sentences already; what lies beneath follows in brackets.
impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(beneath) = source {
            let text = beneath.to_string();
            if !message.contains(&text) {
                message.push_str(&format!(" ({text})"));
            }
            source = beneath.source();
        }
        Failure::failed(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to open the store")]
    struct Outer(#[source] std::io::Error);

    #[test]
    fn an_error_says_what_lies_beneath_it_once() {
        let failure = Failure::from(Outer(std::io::Error::other("no such device")));
        assert_eq!(failure.to_string(), "failed to open the store (no such device)");
        assert_eq!(failure.code, 3);
    }
}
