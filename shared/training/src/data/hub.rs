//! Texts from the Hugging Face hub: `hf:OWNER/NAME[@REVISION][/PATH][#COLUMN]`.
//!
//! Files lie in the hub's own cache (`HF_HOME`) under their revision, so nothing is fetched twice; what a campaign learns from is
//! the stored corpus and its digest, as with any other text.

use std::borrow::Cow;
use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder};
use hf_hub::{Repo, RepoType};

use super::import::MOST_BYTES;
use crate::Error;

/// Attempts for a file beyond the first.
const RETRIES: usize = 3;
/// Endings of files that hold texts, best first: only those of the best that there is are taken.
const ENDINGS: [&str; 4] = [".parquet", ".jsonl", ".ndjson", ".txt"];

/// The path itself, or where what it names on the hub lies on this machine.
///
/// # Errors
/// The hub does not give it.
pub(super) fn local(text: &Path) -> Result<Cow<'_, Path>, Error> {
    match Reference::parse(text)? {
        Some(reference) => reference.fetch().map(Cow::Owned),
        None => Ok(Cow::Borrowed(text)),
    }
}

/// A data set, or one file or folder of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Reference {
    whole: String,
    name: String,
    revision: String,
    path: String,
    column: Option<String>,
}

impl Reference {
    /// What a text path refers to; none where it is a path of this machine.
    fn parse(text: &Path) -> Result<Option<Reference>, Error> {
        let Some((whole, rest)) = text.to_str().and_then(|text| Some((text, text.strip_prefix("hf:")?))) else {
            return Ok(None);
        };
        let (rest, column) = match rest.rsplit_once('#') {
            Some((rest, column)) => (rest, Some(column.to_owned())),
            None => (rest, None),
        };
        let mut parts = rest.splitn(3, '/');
        let (owner, name, path) = (parts.next(), parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
        match owner {
            Some(owner) if ![owner, name, revision].contains(&"") => Ok(Some(Reference {
                whole: whole.to_owned(),
                name: format!("{owner}/{name}"),
                revision: revision.to_owned(),
                path: path.trim_end_matches('/').to_owned(),
                column,
            })),
            _ => Err(failed(whole, "name a data set as hf:OWNER/NAME[@REVISION][/PATH][#COLUMN]".to_owned())),
        }
    }

    /// Its files on this machine, fetched where they are not there yet: a file, or the folder that holds them, with the column.
    fn fetch(&self) -> Result<PathBuf, Error> {
        let mut api = ApiBuilder::from_env().with_retries(RETRIES).with_progress(stderr().is_terminal());
        // The client itself knows the token's file alone.
        if let Some(token) = std::env::var("HF_TOKEN").ok().filter(|token| !token.is_empty()) {
            api = api.with_token(Some(token));
        }
        self.fetch_by(MOST_BYTES, &api.build().map_err(|error| failed(&self.whole, error.to_string()))?)
    }

    fn fetch_by(&self, most: u64, api: &Api) -> Result<PathBuf, Error> {
        let repo = api.repo(Repo::with_revision(self.name.clone(), RepoType::Dataset, self.revision.clone()));
        let unheard = |error: &dyn std::fmt::Display| {
            let why = format!(
                "the hub did not give it ({error}); check the name and the network (HF_ENDPOINT, HF_TOKEN), or fetch it \
                 elsewhere and give the file with --text PATH"
            );
            failed(&self.whole, why)
        };
        let listed = repo.info().map_err(|error| unheard(&error))?;
        let names: Vec<String> = listed.siblings.into_iter().map(|file| file.rfilename).collect();
        let wanted = self.wanted(&names)?;
        // Asked before anything is fetched: data sets may have terabytes.
        let mut size = 0;
        for name in &wanted {
            size += api.metadata(&repo.url(name)).map_err(|error| unheard(&error))?.size() as u64;
            if size > most {
                let why = format!(
                    "its {} files have more than {most} bytes: name fewer, as {}/{name}",
                    wanted.len(),
                    self.named()
                );
                return Err(failed(&self.whole, why));
            }
        }
        // All of one data set are kept in one folder for its revision.
        let mut root = PathBuf::new();
        for name in &wanted {
            let file = repo.get(name).map_err(|error| unheard(&error))?;
            root = file.ancestors().nth(name.split('/').count()).map(Path::to_owned).unwrap_or_default();
        }
        let text = match wanted.as_slice() {
            [one] => root.join(one),
            _ => root.join(&self.path),
        };
        let Some(column) = &self.column else { return Ok(text) };
        let mut text = text.into_os_string();
        text.push(format!("#{column}"));
        Ok(text.into())
    }

    /// The data set without a path.
    fn named(&self) -> String {
        let revision = if self.revision == "main" { String::new() } else { format!("@{}", self.revision) };
        format!("hf:{}{revision}", self.name)
    }

    /// The file that is named, or all of the best ending below it.
    fn wanted(&self, names: &[String]) -> Result<Vec<String>, Error> {
        if names.contains(&self.path) {
            return Ok(vec![self.path.clone()]);
        }
        let below = match self.path.as_str() {
            "" => String::new(),
            path => format!("{path}/"),
        };
        let ending = |ending: &str| -> Vec<String> {
            names.iter().filter(|name| name.starts_with(&below) && name.ends_with(ending)).cloned().collect()
        };
        let found = ENDINGS.into_iter().map(ending).find(|found| !found.is_empty());
        found.ok_or_else(|| {
            let some: Vec<&str> = names.iter().take(5).map(String::as_str).collect();
            failed(
                &self.whole,
                format!("it has no text there; it has {} files, such as {}", names.len(), some.join(", ")),
            )
        })
    }
}

fn failed(reference: &str, why: String) -> Error {
    Error::Hub { reference: reference.to_owned(), why }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::io::{BufRead, BufReader, Write};
    use std::net::TcpListener;

    use super::*;

    const COMMIT: &str = "0123456789abcdef";
    const FILES: [(&str, &str); 3] = [
        ("README.md", "no text"),
        ("data/a.jsonl", "{\"body\": \"one\"}\n"),
        ("data/b.jsonl", "{\"body\": \"two\"}\n"),
    ];

    /// What the hub answers about the data set `we/news`, on this machine; its address.
    fn hub() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || listener.incoming().for_each(|stream| answer(stream.unwrap())));
        address
    }

    fn answer(mut stream: std::net::TcpStream) {
        let lines: Vec<String> =
            BufReader::new(&stream).lines().map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
        let path = lines[0].split(' ').nth(1).unwrap_or("");
        let file = FILES.iter().find(|(name, _)| path == format!("/datasets/we/news/resolve/main/{name}"));
        let (status, body) = match file {
            Some((_, body)) => ("206 Partial Content", (*body).to_owned()),
            None if path == "/api/datasets/we/news/revision/main" => {
                let files = FILES.map(|(name, _)| serde_json::json!({"rfilename": name}));
                ("200 OK", serde_json::json!({"siblings": files, "sha": COMMIT}).to_string())
            }
            None => ("404 Not Found", String::new()),
        };
        let first = lines.iter().any(|line| line.eq_ignore_ascii_case("range: bytes=0-0"));
        let sent = if first { &body[..1.min(body.len())] } else { &body };
        let (end, size) = (sent.len().saturating_sub(1), body.len());
        let etag = move37_core::Hash::of(body.as_bytes());
        let head = format!(
            "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-type: application/json\r\nx-repo-commit: {COMMIT}\r\n\
             etag: \"{etag}\"\r\ncontent-range: bytes 0-{end}/{size}\r\ncontent-length: {}\r\n\r\n{sent}",
            sent.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
    }

    fn fetched(text: &str, cache: &Path) -> Result<PathBuf, Error> {
        fetched_within(MOST_BYTES, text, cache)
    }

    fn fetched_within(most: u64, text: &str, cache: &Path) -> Result<PathBuf, Error> {
        let api = ApiBuilder::new().with_endpoint(hub()).with_cache_dir(cache.to_owned()).with_token(None);
        let api = api.with_progress(false).build().unwrap();
        Reference::parse(Path::new(text)).unwrap().unwrap().fetch_by(most, &api)
    }

    #[test]
    fn a_file_comes_with_its_column() {
        let cache = tempfile::tempdir().unwrap();
        let text = fetched("hf:we/news/data/b.jsonl#body", cache.path()).unwrap();
        let (file, column) = crate::data::column::parted(&text);
        assert_eq!(std::fs::read_to_string(file).unwrap(), FILES[2].1);
        assert_eq!(column, "body");
        assert!(text.to_str().unwrap().contains(COMMIT), "its revision is kept: {text:?}");
    }

    #[test]
    fn a_data_set_comes_as_a_folder_of_its_texts() {
        let cache = tempfile::tempdir().unwrap();
        let text = fetched("hf:we/news", cache.path()).unwrap();
        assert!(text.join("data/a.jsonl").exists() && text.join("data/b.jsonl").exists());
        assert!(!text.join("README.md").exists());
        assert_eq!(fetched("hf:we/news/data/", cache.path()).unwrap(), text.join("data"));
    }

    #[test]
    fn what_is_not_there_is_one_sentence_with_the_next_step() {
        let cache = tempfile::tempdir().unwrap();
        let error = fetched("hf:we/other", cache.path()).unwrap_err().to_string();
        assert!(error.starts_with("fetch hf:we/other: the hub did not give it") && error.contains("--text"), "{error}");
        let error = fetched("hf:we/news/c.parquet", cache.path()).unwrap_err().to_string();
        assert!(error.contains("it has no text there; it has 3 files, such as README.md"), "{error}");
    }

    #[test]
    fn more_than_can_be_read_is_refused_before_it_is_fetched() {
        let cache = tempfile::tempdir().unwrap();
        let error = fetched_within(20, "hf:we/news", cache.path()).unwrap_err().to_string();
        assert!(
            error.ends_with("its 2 files have more than 20 bytes: name fewer, as hf:we/news/data/b.jsonl"),
            "{error}"
        );
        assert!(std::fs::read_dir(cache.path()).unwrap().next().is_none(), "nothing was fetched");
        assert!(fetched_within(20, "hf:we/news/data/b.jsonl", cache.path()).is_ok());
    }

    #[test]
    fn names_are_taken_apart() {
        let parse = |text: &str| Reference::parse(Path::new(text));
        let full = parse("hf:o/n@r1/a/b.parquet#text").unwrap().unwrap();
        assert_eq!((full.name.as_str(), full.revision.as_str(), full.path.as_str()), ("o/n", "r1", "a/b.parquet"));
        assert_eq!(full.column.as_deref(), Some("text"));
        assert_eq!(parse("folder/hf:o").unwrap(), None);
        assert!(parse("hf:o").unwrap_err().to_string().contains("hf:OWNER/NAME"));
    }
}
