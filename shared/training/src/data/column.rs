//! Texts out of JSON lines.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::hub;
use crate::Error;

/// A path and the field behind its last `#`; `text` where there is none, or where a file has that very name.
pub(super) fn parted(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().and_then(OsStr::to_str);
    match name.and_then(|name| name.rsplit_once('#')).filter(|_| !path.exists()) {
        Some((file, field)) => (path.with_file_name(file), field.to_owned()),
        None => (path.to_owned(), "text".to_owned()),
    }
}

/// The text of a field of every line.
pub(super) fn texts(path: &Path, field: &str) -> Result<Vec<Vec<u8>>, Error> {
    let text = |line, value: Value| match value.get(field).and_then(Value::as_str) {
        Some(text) => Ok(text.as_bytes().to_vec()),
        None => {
            let why =
                format!("has no text in the field `{field}`; name the field behind the file, as in file.jsonl#body");
            Err(Error::Line { path: path.to_owned(), line, why })
        }
    };
    lines(path)?.map(|found| found.and_then(|(line, value)| text(line, value))).collect()
}

/// The values of a file of JSON lines, of this machine or of the hub, with the number of each line from 1; empty lines are passed over.
pub(crate) fn lines(path: &Path) -> Result<impl Iterator<Item = Result<(usize, Value), Error>> + '_, Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let file = File::open(hub::local(path)?).map_err(read)?;
    let lines = BufReader::new(file).lines().zip(1..);
    Ok(lines.filter_map(move |(text, line)| match text {
        Err(source) => Some(Err(read(source))),
        Ok(text) if text.trim().is_empty() => None,
        Ok(text) => Some(serde_json::from_str(&text).map(|value| (line, value)).map_err(|error| {
            let why = format!("is no JSON ({error}); every line must be one JSON object");
            Error::Line { path: path.to_owned(), line, why }
        })),
    }))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn every_line_gives_the_text_of_a_field() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("news.jsonl");
        std::fs::write(&path, "{\"text\": \"a\", \"body\": \"one\"}\n\n{\"text\": \"b\", \"body\": \"zwei\"}\n")
            .unwrap();
        let (file, field) = parted(&folder.path().join("news.jsonl#body"));
        assert_eq!((&file, texts(&file, &field).unwrap()), (&path, vec![b"one".to_vec(), b"zwei".to_vec()]));
        let (file, field) = parted(&path);
        assert_eq!(texts(&file, &field).unwrap(), [b"a", b"b"]);
    }

    #[test]
    fn a_bad_line_is_named_with_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bad.jsonl");
        std::fs::write(&path, "{\"text\": \"a\"}\n{\"body\": 3}\nno\n").unwrap();
        let error = texts(&path, "text").unwrap_err().to_string();
        assert!(error.contains("line 2 has no text in the field `text`"), "{error}");
        let error = lines(&path).unwrap().find_map(Result::err).unwrap().to_string();
        assert!(error.contains("line 3 is no JSON"), "{error}");
    }
}
