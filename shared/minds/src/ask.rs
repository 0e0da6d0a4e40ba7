//! What is asked, and what comes of it.

use serde_json::Value;

/// One question to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Ask {
    /// The model's name in the campaign.
    pub model: String,
    /// Text of the system's role.
    pub system: String,
    /// Text of the user's role.
    pub prompt: String,
    /// Name of the answer's schema: letters, digits, `_` and `-`.
    pub schema: String,
    /// The answer's JSON schema.
    pub schema_json: Value,
    /// Sampling temperature, 0 for the likeliest.
    pub temperature: f64,
    /// Most tokens of an answer.
    pub max_tokens: u32,
    /// Seed of the sampling, and of the waits between attempts.
    pub seed: u64,
}

/// What a model said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The JSON of the answer where there was any, else the whole text.
    pub text: String,
    /// Why the model ended, in the server's words.
    pub finish: String,
}

/// Sort of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// No answer in time.
    Timeout,
    /// Refused for too many requests (429), to the last attempt.
    RateLimited,
    /// The server's fault (5xx, or an answer that is none), to the last attempt.
    Server,
    /// Refused for another reason (other 4xx, redirects, an unknown model, a missing key).
    Refused,
    /// The connection failed or broke, to the last attempt.
    Network,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Its sort.
    pub kind: FailureKind,
    /// A sentence for people, without the key.
    pub why: String,
}

/// What an exchange used. Attempts that failed count as requests; servers tell no tokens of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Tokens read.
    pub input_tokens: u64,
    /// Tokens written.
    pub output_tokens: u64,
    /// Requests sent, attempts that failed included.
    pub requests: u32,
    /// Whether tokens are estimated (four bytes each) since the server told none.
    pub estimated: bool,
}

/// What came of an [`Ask`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// An answer, or why there is none.
    pub reply: Result<Answer, Failure>,
    /// What was used for it.
    pub usage: Usage,
}
