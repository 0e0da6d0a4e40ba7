//! The store.

use std::fmt;
use std::path::Path as Folder;
use std::sync::Arc;
use std::time::Duration;

use move37_core::Hash;
use object_store::aws::AmazonS3Builder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, ObjectStoreScheme, PutPayload, RetryConfig};
use url::Url;

use crate::Error;

/// How long a request to a remote store is tried again.
const PATIENCE: Duration = Duration::from_secs(30);

/// Some bytes by content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blob {
    /// BLAKE3 digest of the bytes.
    pub hash: Hash,
    /// Their number.
    pub size: u64,
}

/// A place for blobs; clones are the same place.
#[derive(Clone)]
pub struct Store {
    /// What it was opened with, without credentials, for people.
    name: String,
    objects: Arc<dyn ObjectStore>,
    prefix: Path,
}

impl Blob {
    /// The blob of some bytes.
    pub fn of(bytes: &[u8]) -> Blob {
        Blob { hash: Hash::of(bytes), size: bytes.len() as u64 }
    }
}

impl Store {
    /// Open a store: a folder (a path, or `file:///PATH`), which is made where there is none, `s3://BUCKET/PREFIX` or
    /// `gs://BUCKET/PREFIX` with the settings of the environment (`AWS_..`, `GOOGLE_..`), or `memory:///` for tests.
    ///
    /// # Errors
    /// If the text names no store, or settings are missing. Whether a remote store answers is seen at its first use.
    pub fn open(url: &str) -> Result<Store, Error> {
        if !url.contains("://") {
            return Store::folder(Folder::new(url));
        }
        let bad = |why: String| Error::Url { url: shown(url), why };
        let unknown = || "this build has no store of that kind".to_owned();
        let parsed = Url::parse(url).map_err(|error| bad(error.to_string()))?;
        let (scheme, prefix) = ObjectStoreScheme::parse(&parsed).map_err(|_| bad(unknown()))?;
        let open = |source| Error::Open { store: shown(url), source: Box::new(source) };
        // Time is what bounds it, not the number of tries.
        let retry = RetryConfig { retry_timeout: PATIENCE, max_retries: usize::MAX, ..RetryConfig::default() };
        let objects: Arc<dyn ObjectStore> = match scheme {
            ObjectStoreScheme::Local => {
                let path = parsed.to_file_path().map_err(|()| bad("it names no path of this machine".to_owned()))?;
                return Store::folder(&path);
            }
            ObjectStoreScheme::Memory => Arc::new(InMemory::new()),
            ObjectStoreScheme::AmazonS3 => {
                let builder = AmazonS3Builder::from_env().with_url(url).with_retry(retry);
                Arc::new(builder.build().map_err(open)?)
            }
            ObjectStoreScheme::GoogleCloudStorage => {
                let builder = GoogleCloudStorageBuilder::from_env().with_url(url).with_retry(retry);
                Arc::new(builder.build().map_err(open)?)
            }
            _ => return Err(bad(unknown())),
        };
        Ok(Store { name: shown(url), objects, prefix })
    }

    /// A store in a folder, which is made where there is none. What was put is on the disk.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn folder(path: &Folder) -> Result<Store, Error> {
        let store = path.display().to_string();
        std::fs::create_dir_all(path).map_err(|source| Error::Folder { store: store.clone(), source })?;
        let objects = LocalFileSystem::new_with_prefix(path);
        let objects = objects.map_err(|source| Error::Open { store, source: Box::new(source) })?;
        let (name, objects) = (path.display().to_string(), Arc::new(objects.with_fsync(true)));
        Ok(Store { name, objects, prefix: Path::default() })
    }

    /// Keep these bytes. Nobody sees a part of them, and keeping them again changes nothing but mends what is damaged.
    ///
    /// # Errors
    /// [`Error::Unreachable`].
    pub async fn put(&self, bytes: Vec<u8>) -> Result<Blob, Error> {
        let blob = Blob::of(&bytes);
        let put = self.objects.put(&self.path(&blob.hash), PutPayload::from(bytes)).await;
        put.map_err(|source| self.unreachable("write", &blob, source))?;
        Ok(blob)
    }

    /// The bytes of a blob.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Damaged`], [`Error::Unreachable`].
    pub async fn get(&self, blob: &Blob) -> Result<Vec<u8>, Error> {
        let (path, Blob { hash, size }, store) = (self.path(&blob.hash), *blob, self.name.clone());
        let found = match self.objects.get(&path).await {
            Ok(found) => found,
            Err(object_store::Error::NotFound { .. }) => return Err(Error::Missing { hash, size, store }),
            Err(source) => return Err(self.unreachable("read", blob, source)),
        };
        let bytes = found.bytes().await.map_err(|source| self.unreachable("read", blob, source))?;
        match Blob::of(&bytes) == *blob {
            true => Ok(bytes.into()),
            false => Err(Error::Damaged { hash, size, got: bytes.len() as u64, path: path.to_string(), store }),
        }
    }

    fn unreachable(&self, what: &'static str, blob: &Blob, source: object_store::Error) -> Error {
        Error::Unreachable { what, hash: blob.hash, store: self.name.clone(), source: Box::new(source) }
    }

    /// `PREFIX/blake3/ab/cd..`: a folder holds no more than a 256th of all.
    fn path(&self, hash: &Hash) -> Path {
        let digits = hash.to_string();
        let (first, rest) = digits.split_at(2);
        self.prefix.clone().join("blake3").join(first).join(rest)
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Store({})", self.name)
    }
}

/// A URL as it may be shown: without a user, a password or a query.
fn shown(url: &str) -> String {
    let Ok(mut url) = Url::parse(url) else { return url.to_owned() };
    // A URL without a host has no user either.
    let _ = url.set_password(None);
    let _ = url.set_username("");
    url.set_query(None);
    url.to_string()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use std::path::PathBuf;

    use super::*;

    fn file(folder: &Folder, blob: &Blob) -> PathBuf {
        let digits = blob.hash.to_string();
        folder.join("blake3").join(&digits[..2]).join(&digits[2..])
    }

    #[tokio::test]
    async fn what_was_put_is_got_from_a_folder_and_from_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep").join("blobs");
        let url = format!("file://{}", path.display());
        for store in ["memory:///", path.to_str().unwrap(), &url] {
            let store = Store::open(store).unwrap();
            for bytes in [b"".to_vec(), b"state".to_vec(), vec![7; 1 << 20]] {
                let blob = store.put(bytes.clone()).await.unwrap();
                assert_eq!(blob, Blob::of(&bytes));
                assert_eq!(store.get(&blob).await.unwrap(), bytes, "{store:?}");
            }
        }
        assert_eq!(std::fs::read(file(&path, &Blob::of(b"state"))).unwrap(), b"state");
    }

    #[tokio::test]
    async fn another_opening_of_the_folder_has_what_the_first_put() {
        let folder = tempfile::tempdir().unwrap();
        let blob = Store::folder(folder.path()).unwrap().put(b"state".to_vec()).await.unwrap();
        assert_eq!(Store::folder(folder.path()).unwrap().get(&blob).await.unwrap(), b"state");
    }

    #[tokio::test]
    async fn a_missing_blob_says_which_where_and_what_to_do() {
        let store = Store::open("memory:///").unwrap();
        let blob = Blob::of(b"never put");
        let error = store.get(&blob).await.unwrap_err();
        assert!(matches!(error, Error::Missing { hash, size: 9, .. } if hash == blob.hash), "{error}");
        let said = error.to_string();
        assert!(said.contains(&blob.hash.to_string()) && said.contains("memory:///"), "{said}");
        assert!(said.ends_with("point [store] url at the store that it was written to"), "{said}");
    }

    #[tokio::test]
    async fn damage_is_told_and_mended_by_putting_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        let blob = store.put(b"state".to_vec()).await.unwrap();
        for damage in [&b"stat"[..], b"stale"] {
            std::fs::write(file(folder.path(), &blob), damage).unwrap();
            let error = store.get(&blob).await.unwrap_err();
            assert!(matches!(&error, Error::Damaged { got, .. } if *got == damage.len() as u64), "{error}");
        }
        assert_eq!(store.put(b"state".to_vec()).await.unwrap(), blob);
        assert_eq!(store.get(&blob).await.unwrap(), b"state");
        let files = std::fs::read_dir(file(folder.path(), &blob).parent().unwrap()).unwrap().count();
        assert_eq!(files, 1, "no half-written file is left");
    }

    #[tokio::test]
    async fn a_store_that_cannot_be_written_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::folder(folder.path()).unwrap();
        // A file where a folder is needed.
        std::fs::write(folder.path().join("blake3"), b"in the way").unwrap();
        let error = store.put(b"state".to_vec()).await.unwrap_err();
        assert!(matches!(error, Error::Unreachable { what: "write", .. }), "{error}");
        let error = Store::folder(&folder.path().join("blake3").join("below")).unwrap_err();
        assert!(matches!(error, Error::Folder { .. }), "{error}");
    }

    #[test]
    fn what_names_no_store_is_refused_without_telling_its_password() {
        for url in ["ftp://user:secret@host/x", "s3://", "az://container/x", "https://example.com/x"] {
            let error = Store::open(url).unwrap_err();
            assert!(matches!(error, Error::Url { .. }), "{error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_prefix_is_part_of_the_path() {
        let store = Store::open("memory:///runs/blobs").unwrap();
        let hash = Hash::of(b"state");
        let digits = hash.to_string();
        let path = format!("runs/blobs/blake3/{}/{}", &digits[..2], &digits[2..]);
        assert_eq!(store.path(&hash).to_string(), path);
    }

    #[tokio::test]
    #[ignore = "needs a store: MOVE37_TEST_STORE=s3://BUCKET/PREFIX and its credentials"]
    async fn the_store_of_the_environment_keeps_blobs() {
        let store = Store::open(&std::env::var("MOVE37_TEST_STORE").unwrap()).unwrap();
        let bytes = vec![7; 9 << 20];
        let blob = store.put(bytes.clone()).await.unwrap();
        assert_eq!(store.put(bytes.clone()).await.unwrap(), blob);
        assert_eq!(store.get(&blob).await.unwrap(), bytes);
        let error = store.get(&Blob::of(b"never put")).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error}");
    }
}
