//! What can go wrong between bytes and their store.

use move37_core::Hash;

/// Failure of this crate. Completes "failed to ..".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The text does not name a store.
    #[error("open the store {url}: {why}; give a folder, file:///PATH, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX")]
    Url {
        /// What was given.
        url: String,
        /// Why not.
        why: String,
    },
    /// The store's settings do not suffice, or its folder cannot be made.
    #[error("open the store {store}: {source}; check its URL and the variables AWS_.. or GOOGLE_.. of the environment")]
    Open {
        /// Store.
        store: String,
        /// Cause.
        source: Box<object_store::Error>,
    },
    /// The store's folder cannot be made.
    #[error("open the store {store}: {source}; check the path and its permissions")]
    Folder {
        /// Store.
        store: String,
        /// Cause.
        source: std::io::Error,
    },
    /// The store does not have the blob.
    #[error(
        "read blob {hash} of {size} bytes: the store {store} does not have it; point [store] url at the store that it was written to"
    )]
    Missing {
        /// Digest asked for.
        hash: Hash,
        /// Size asked for.
        size: u64,
        /// Store.
        store: String,
    },
    /// The store has other bytes under the blob's name.
    #[error(
        "read blob {hash}: the store {store} has {got} bytes of other content instead of its {size}; delete {path} there"
    )]
    Damaged {
        /// Digest asked for.
        hash: Hash,
        /// Size asked for.
        size: u64,
        /// Size found.
        got: u64,
        /// Where it lies.
        path: String,
        /// Store.
        store: String,
    },
    /// The store does not answer, or refuses.
    #[error(
        "{what} blob {hash}: the store {store} cannot be used: {source}; check that it is up and that the credentials hold"
    )]
    Unreachable {
        /// Read or write.
        what: &'static str,
        /// Digest.
        hash: Hash,
        /// Store.
        store: String,
        /// Cause.
        source: Box<object_store::Error>,
    },
}
