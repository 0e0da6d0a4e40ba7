//! A user's own text: a file, or a folder of files; of JSON lines and Parquet, the texts of a column.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use tracing::warn;

use super::{Corpus, column, hub, parquet};
use crate::Error;

/// Fewer bytes cannot be both trained and validated on.
const LEAST_BYTES: usize = 4096;
/// More bytes are not read into memory.
pub(super) const MOST_BYTES: u64 = 1 << 30;

impl Corpus {
    /// The text of a file (one document) or of a folder (a document per file, in the order of their paths, folders within
    /// folders included; hidden files and files with NUL bytes are left out), stored in the data folder. Of files that end in
    /// `.jsonl` every line, of `.parquet` every row is a document: the text of its field `text`, or of the one named behind a
    /// `#`, as in `news.jsonl#body`. `hf:OWNER/NAME[@REVISION][/PATH][#COLUMN]` is fetched from the Hugging Face hub first.
    ///
    /// # Errors
    /// If it cannot be read or fetched, is empty, has fewer than 4096 bytes or more than 1 GiB, or cannot be stored.
    pub fn import(text: &Path, folder: &Path) -> Result<Self, Error> {
        let (text, field) = column::parted(&hub::local(text)?);
        let text = text.as_path();
        let mut files = Vec::new();
        let mut size = 0;
        collect(text, &mut files, &mut size)?;
        if size > MOST_BYTES {
            return Err(Error::LargeText { path: text.to_owned(), limit: MOST_BYTES });
        }
        files.sort();
        let mut documents = Vec::with_capacity(files.len());
        for path in files {
            match path.extension().and_then(OsStr::to_str) {
                Some("jsonl" | "ndjson") => {
                    documents.extend(column::texts(&path, &field)?);
                    continue;
                }
                Some("parquet") => {
                    documents.extend(parquet::texts(&path, &field)?);
                    continue;
                }
                _ => {}
            }
            let document = fs::read(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
            match document.contains(&0) && path != text {
                true => warn!(path = %path.display(), "left out a file that is not text"),
                false => documents.push(document),
            }
        }
        let corpus = Self::new(documents);
        match corpus.text_bytes() {
            0 => return Err(Error::EmptyText { path: text.to_owned() }),
            bytes if bytes < LEAST_BYTES => {
                return Err(Error::ShortText { path: text.to_owned(), bytes, needed: LEAST_BYTES });
            }
            _ => {}
        }
        corpus.store(folder)?;
        Ok(corpus)
    }
}

/// Files at or below a path and their size together. Links to folders are not followed.
fn collect(path: &Path, files: &mut Vec<PathBuf>, size: &mut u64) -> Result<(), Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let metadata = fs::metadata(path).map_err(read)?;
    if !metadata.is_dir() {
        files.push(path.to_owned());
        *size += metadata.len();
        return Ok(());
    }
    for entry in fs::read_dir(path).map_err(read)? {
        let entry = entry.map_err(read)?;
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        let linked_folder = entry.file_type().map_err(read)?.is_symlink() && entry.path().is_dir();
        if !hidden && !linked_folder {
            collect(&entry.path(), files, size)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn folder_with(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        folder
    }

    #[test]
    fn a_folder_gives_a_document_per_text_file_in_order_of_paths() {
        let long = "x".repeat(5000);
        let files: [(&str, &[u8]); 5] =
            [("b.txt", b"second"), ("a.txt", long.as_bytes()), ("c/d.md", b"third"), (".git", b"no"), ("e.bin", b"\0")];
        let text = folder_with(&files);
        let data = tempfile::tempdir().unwrap();
        let corpus = Corpus::import(text.path(), data.path()).unwrap();
        let texts: Vec<_> = corpus.documents().iter().map(|d| &corpus.bytes()[d.clone()]).collect();
        assert_eq!(texts, [long.as_bytes(), b"second", b"third"]);
        assert_eq!(Corpus::open(data.path(), corpus.hash()).unwrap(), corpus);
    }

    #[test]
    fn a_text_that_is_missing_empty_or_too_short_is_refused_in_one_sentence() {
        let text = folder_with(&[("empty.txt", b""), ("short.txt", b"to be"), ("folder/empty.txt", b"")]);
        let import = |name| Corpus::import(&text.path().join(name), text.path()).unwrap_err();
        assert!(matches!(import("absent.txt"), Error::Read { .. }));
        assert!(matches!(import("empty.txt"), Error::EmptyText { .. }));
        assert!(matches!(import("folder"), Error::EmptyText { .. }));
        assert!(matches!(import("short.txt"), Error::ShortText { bytes: 5, .. }));
        assert!(import("empty.txt").to_string().ends_with("empty.txt: it is empty"));
    }
}
