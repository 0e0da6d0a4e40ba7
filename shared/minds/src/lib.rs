//! Language models over HTTP, and embeddings of texts.
//!
//! [`Minds`] knows endpoints by name and answers an [`Ask`] with an [`Outcome`]: a text or a [`Failure`], and what was
//! used. Whether a text is any good is for others to say. Keys come from the environment and are in nothing that leaves
//! this crate. Nothing here is remembered between two processes.

mod ask;
mod extract;
mod lexical;
mod minds;
mod openai;
#[cfg(test)]
mod tests;

pub use ask::{Answer, Ask, Failure, FailureKind, Outcome, Usage};
pub use lexical::{METHOD, WIDTH, embed};
pub use minds::Minds;
pub use openai::Endpoint;
