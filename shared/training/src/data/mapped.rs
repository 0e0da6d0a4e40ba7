//! Bytes of a file, mapped into memory rather than read.

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

/// Bytes that lie in memory or in a file. Clones share them.
#[derive(Clone)]
pub(super) enum Mapped {
    /// In memory.
    Held(Arc<Vec<u8>>),
    /// In a file.
    File(Arc<Mmap>),
}

impl Mapped {
    /// The bytes of a file of the data folder. Such files are written whole, renamed into place and never changed.
    #[expect(unsafe_code, reason = "files of the data folder are never written in place")]
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.len() == 0 {
            return Ok(Self::from(Vec::new()));
        }
        // SAFETY: the file is replaced by renaming only, so the mapped bytes stay what they are.
        let map = unsafe { Mmap::map(&file)? };
        Ok(Self::File(Arc::new(map)))
    }
}

impl From<Vec<u8>> for Mapped {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Held(Arc::new(bytes))
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::File(map) => map,
        }
    }
}

impl PartialEq for Mapped {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Mapped {}
