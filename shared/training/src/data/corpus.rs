//! Documents, stored once under the digest of the stored bytes.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use move37_core::Hash;

use super::mapped::Mapped;
use crate::Error;

/// First bytes of a stored corpus; then the number of documents and their lengths (u64, little-endian), then the text.
const MAGIC: &[u8; 8] = b"M37TEXT1";

/// A text of one or more documents.
#[derive(Clone, PartialEq, Eq)]
pub struct Corpus {
    hash: Hash,
    stored: Mapped,
    documents: Vec<Range<usize>>,
}

impl std::fmt::Debug for Corpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Corpus({}, {} documents, {} bytes)", self.hash.short(), self.documents.len(), self.text_bytes())
    }
}

impl Corpus {
    /// A corpus of these documents, in this order; empty ones and repeated ones are left out.
    pub fn new<D: AsRef<[u8]>>(documents: impl IntoIterator<Item = D>) -> Self {
        let mut seen = HashSet::from([Hash::of(b"")]);
        let documents: Vec<D> = documents.into_iter().filter(|d| seen.insert(Hash::of(d.as_ref()))).collect();
        let mut stored = MAGIC.to_vec();
        stored.extend((documents.len() as u64).to_le_bytes());
        documents.iter().for_each(|d| stored.extend((d.as_ref().len() as u64).to_le_bytes()));
        documents.iter().for_each(|d| stored.extend(d.as_ref()));
        let hash = Hash::of(&stored);
        let documents = documents_of(&stored).expect("just written");
        Self { hash, stored: Mapped::from(stored), documents }
    }

    /// The stored corpus of this digest, checked against it and mapped into memory, not read into it.
    pub fn open(folder: &Path, hash: Hash) -> Result<Self, Error> {
        let path = path(folder, hash);
        let stored = Mapped::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => Error::MissingCorpus { hash, folder: folder.to_owned() },
            _ => Error::Read { path: path.clone(), source },
        })?;
        match documents_of(&stored) {
            Some(documents) if Hash::of(&stored) == hash => Ok(Self { hash, stored, documents }),
            _ => Err(Error::DamagedCorpus { hash, path }),
        }
    }

    /// Store it under its digest, unless it is there already and whole. Atomic: a crash leaves no half of it.
    pub fn store(&self, folder: &Path) -> Result<(), Error> {
        if Self::open(folder, self.hash).is_ok() {
            return Ok(());
        }
        store(&path(folder, self.hash), &self.stored)
    }

    /// Its digest, by which it is stored and found again.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Ranges of the documents within [`Corpus::bytes`].
    pub fn documents(&self) -> &[Range<usize>] {
        &self.documents
    }

    /// What the ranges of documents, parts and windows refer to.
    pub fn bytes(&self) -> &[u8] {
        &self.stored
    }

    /// Bytes of text in all documents.
    pub fn text_bytes(&self) -> usize {
        self.documents.iter().map(Range::len).sum()
    }
}

/// Write a file whole or not at all: a crash leaves no half of it.
pub(super) fn store(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let write = || -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    };
    write().map_err(|source| Error::Write { path: path.to_owned(), source })
}

fn path(folder: &Path, hash: Hash) -> PathBuf {
    folder.join(format!("{hash}.bin"))
}

/// Ranges of the documents; none where the bytes are not a stored corpus.
fn documents_of(stored: &[u8]) -> Option<Vec<Range<usize>>> {
    let number = |at: usize| -> Option<usize> {
        let bytes = stored.get(at..at.checked_add(8)?)?.try_into().expect("eight bytes");
        usize::try_from(u64::from_le_bytes(bytes)).ok()
    };
    if !stored.starts_with(MAGIC) {
        return None;
    }
    let count = number(8).filter(|&n| n <= stored.len() / 8)?;
    let mut start = 16 + 8 * count;
    let mut documents = Vec::with_capacity(count);
    for i in 0..count {
        let end = start.checked_add(number(16 + 8 * i)?)?;
        documents.push(start..end);
        start = end;
    }
    (start == stored.len()).then_some(documents)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_stored_is_opened_by_its_digest() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new(["first", "", "second", "first"]);
        corpus.store(folder.path()).unwrap();
        corpus.store(folder.path()).unwrap();
        let opened = Corpus::open(folder.path(), corpus.hash()).unwrap();
        let texts: Vec<_> = opened.documents().iter().map(|d| &opened.bytes()[d.clone()]).collect();
        assert_eq!(texts, [b"first".as_slice(), b"second"]);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn where_documents_end_is_part_of_the_digest() {
        assert_ne!(Corpus::new(["ab", "c"]).hash(), Corpus::new(["a", "bc"]).hash());
    }

    #[test]
    fn a_corpus_that_is_not_there_is_missing() {
        let folder = tempfile::tempdir().unwrap();
        let error = Corpus::open(folder.path(), Hash::of(b"other")).unwrap_err();
        assert!(matches!(error, Error::MissingCorpus { .. }), "{error}");
        assert!(error.to_string().contains("--text PATH"));
    }

    #[test]
    fn a_damaged_corpus_is_refused_and_stored_anew() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new(["some text"]);
        corpus.store(folder.path()).unwrap();
        let file = path(folder.path(), corpus.hash());
        for damaged in [&corpus.bytes()[..20], b"", b"M37TEXT1\xff\xff\xff\xff\xff\xff\xff\xff", b"no corpus"] {
            fs::write(&file, damaged).unwrap();
            let error = Corpus::open(folder.path(), corpus.hash()).unwrap_err();
            assert!(matches!(error, Error::DamagedCorpus { .. }), "{error}");
        }
        corpus.store(folder.path()).unwrap();
        assert_eq!(Corpus::open(folder.path(), corpus.hash()).unwrap(), corpus);
    }
}
