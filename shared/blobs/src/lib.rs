//! The content-addressed store of checkpoints, weights and large texts: a folder, S3 or GCS.
//!
//! Facts carry a [`Blob`], digest and size; a [`Store`] has the bytes. Who asks for a blob gets its bytes or an [`Error`]
//! that says why not: what is read is checked against its digest. Nothing is ever changed or deleted here.

mod error;
mod store;

pub use error::Error;
pub use store::{Blob, Store};
