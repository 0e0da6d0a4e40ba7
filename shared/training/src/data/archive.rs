//! Texts inside a source archive, read in memory: nothing of it is unpacked to disk or run.

use std::io::Read;

use flate2::read::GzDecoder;

use crate::error::FetchError;

/// Bytes of one text, and of everything unpacked, beyond which an archive is refused.
const MOST_BYTES: u64 = 64 << 20;

/// The files of a gzipped tar whose path ends in `ending` and has the folder `folder` as parent, in the order of their
/// names.
pub(super) fn texts(archive: &[u8], folder: &str, ending: &str) -> Result<Vec<Vec<u8>>, FetchError> {
    let bad = |error: std::io::Error| FetchError::Archive(error.to_string());
    let mut tar = tar::Archive::new(GzDecoder::new(archive).take(MOST_BYTES));
    let mut found = Vec::new();
    for entry in tar.entries().map_err(bad)? {
        let mut entry = entry.map_err(bad)?;
        let path = entry.path().map_err(bad)?.into_owned();
        let in_folder = path.parent().is_some_and(|parent| parent.ends_with(folder));
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if entry.header().entry_type().is_file() && in_folder && name.ends_with(ending) {
            let mut text = Vec::new();
            entry.read_to_end(&mut text).map_err(bad)?;
            found.push((name, text));
        }
    }
    found.sort();
    match found.is_empty() {
        true => Err(FetchError::Archive(format!("it has no files {folder}/*{ending}"))),
        false => Ok(found.into_iter().map(|(_, text)| text).collect()),
    }
}
