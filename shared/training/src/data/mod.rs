//! Texts by content.
//!
//! [`Corpus`] holds documents and is stored once, under its digest; [`Split`] says which bytes are for training and which
//! for validation and test; [`Windows`] cuts sequences out of a part. A [`Tokenizer`] makes a [`Tokenized`] text of it, kept
//! beside it. [`shakespeare`] fetches the default text.

mod archive;
mod column;
mod corpus;
mod examples;
mod hub;
mod import;
mod mapped;
mod parquet;
mod pip;
mod shakespeare;
mod split;
mod tokenized;
mod tokenizer;
mod windows;

pub(crate) use column::lines;
pub use corpus::Corpus;
pub use examples::Example;
pub use pip::Pip;
pub use shakespeare::{SHAKESPEARE, shakespeare, shakespeare_with};
pub use split::{Part, Split};
pub use tokenized::Tokenized;
pub use tokenizer::Tokenizer;
pub use windows::Windows;
