//! Hostile texts against the gate.
//!
//! A text comes from anywhere: a language model, a stranger. Whatever it holds, the gate must answer in bounded time and
//! memory, without a panic, an abort or an overflow of the stack. Working layers are broken here in ways that reach deep
//! into the interpreter ([`mutate`]), and [`judge`] says what an answer must be. The command `hostile` runs as many as it
//! is told to, each in a process that may die; `fuzz/` holds the same as a target of cargo-fuzz. What was ever found lies
//! in `cases/` and is judged by the tests.

mod judge;
mod mutate;
mod snippets;
mod tokens;

use std::path::{Path, PathBuf};

pub use judge::{Judgement, judge};
pub use mutate::Mutator;

/// Folders of layers to start from, relative to the repository.
const SOURCES: [&str; 4] = [
    "shared/candidate/seeds",
    "shared/candidate/tests/candidate/programs",
    "shared/candidate/tests/faults",
    "shared/candidate/tests/clean",
];

/// All layers to start from, in the order of their paths.
///
/// # Errors
/// If a folder cannot be read.
pub fn layers() -> std::io::Result<Vec<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folders = SOURCES.iter().map(|folder| root.join(folder)).filter(|folder| folder.is_dir());
    let mut texts = Vec::new();
    for folder in folders {
        texts.extend(texts_of(&folder)?.into_iter().map(|(_, text)| text));
    }
    Ok(texts)
}

/// The Python files of a folder, in the order of their names.
///
/// # Errors
/// If it cannot be read.
pub fn texts_of(folder: &Path) -> std::io::Result<Vec<(PathBuf, String)>> {
    let paths = std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = paths.into_iter().filter(|p| p.extension().is_some_and(|e| e == "py")).collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| Ok((path.clone(), String::from_utf8_lossy(&std::fs::read(&path)?).into_owned())))
        .collect()
}
