//! What is wrong with a configuration, as one sentence with its place and the next step.

use std::io;
use std::path::{Path, PathBuf};

use config::{ConfigError, Map, Value, ValueKind};

/// A configuration that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file is not there, or not ours to read.
    #[error("{path} cannot be read ({source}): correct the path after --config, or give this user the right to read it", path = path.display())]
    Unreadable {
        /// File.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is no TOML.
    #[error("line {line} of {path} is no TOML ({detail}): correct it", path = path.display())]
    NoToml {
        /// File.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// What the parser says.
        detail: String,
    },
    /// A key that nobody reads.
    #[error("{place} sets {key}, which is unknown: {next}")]
    Unknown {
        /// File or variable.
        place: String,
        /// The whole key.
        key: String,
        /// What to write instead.
        next: String,
    },
    /// A key without which nothing goes.
    #[error("{key} is missing: write it into {file}, or set {variable}")]
    Missing {
        /// The whole key.
        key: String,
        /// The file.
        file: String,
        /// The variable.
        variable: String,
    },
    /// A value of the wrong kind.
    #[error("{place} sets {key} to what it cannot be ({detail}): correct it")]
    Wrong {
        /// File or variable.
        place: String,
        /// The whole key.
        key: String,
        /// What was found and what is needed.
        detail: String,
    },
}

/// Where a configuration is written.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) file: Option<&'a Path>,
}

impl Place<'_> {
    /// The layer that a key's value came from.
    fn of(self, key: &str, tree: &Map<String, Value>) -> String {
        match (find(tree, key).and_then(Value::origin), self.file) {
            (None, Some(file)) => file.display().to_string(),
            _ => format!("the environment ({})", variable(key)),
        }
    }
}

/// The variable of a key.
fn variable(key: &str) -> String {
    format!("MOVE37_{}", key.to_uppercase().replace('.', "__"))
}

fn find<'a>(tree: &'a Map<String, Value>, key: &str) -> Option<&'a Value> {
    let (first, rest) = key.split_once('.').map_or((key, None), |(first, rest)| (first, Some(rest)));
    let value = tree.get(first)?;
    match (rest, &value.kind) {
        (None, _) => Some(value),
        (Some(rest), ValueKind::Table(table)) => find(table, rest),
        (Some(_), _) => None,
    }
}

/// Word an error of the layers. `further` are names that are known beside those that the error lists.
pub(super) fn describe(error: &ConfigError, tree: &Map<String, Value>, further: &[&str], place: Place<'_>) -> Error {
    match error {
        ConfigError::At { error, key, .. } => worded(&error.to_string(), key.as_deref(), tree, further, place),
        ConfigError::NotFound(key) => Error::Missing {
            key: key.clone(),
            file: place.file.map_or_else(|| "a file given by --config".to_owned(), |file| file.display().to_string()),
            variable: variable(key),
        },
        ConfigError::Type { unexpected, expected, key, .. } => {
            let key = key.clone().unwrap_or_default();
            // What stands in the wrong place there may be a password.
            let is_secret = key.contains("security");
            let found = if is_secret { String::new() } else { format!("{unexpected} where ") };
            Error::Wrong { place: place.of(&key, tree), key, detail: format!("{found}{expected} is needed") }
        }
        other => worded(&other.to_string(), None, tree, further, place),
    }
}

fn worded(text: &str, table: Option<&str>, tree: &Map<String, Value>, further: &[&str], place: Place<'_>) -> Error {
    let mut quoted = text.split('`').skip(1).step_by(2);
    if text.starts_with("unknown field")
        && let Some(unknown) = quoted.next()
    {
        let key = table.map_or_else(|| unknown.to_owned(), |table| format!("{table}.{unknown}"));
        let known: Vec<&str> = further.iter().copied().chain(quoted).collect();
        return Error::Unknown { place: place.of(&key, tree), key, next: instead(unknown, &known) };
    }
    let key = table.unwrap_or_default().to_owned();
    let detail = match (text.split_once("does not have variant constructor "), text.split_once(", expected struct ")) {
        (Some((_, value)), _) => format!("`{value}` is none of its values"),
        // What stands there instead of a table may be a password.
        (None, Some(_)) => "a table is needed".to_owned(),
        (None, None) => text.replace('\n', " "),
    };
    Error::Wrong { place: place.of(&key, tree), key, detail }
}

/// What to write instead of an unknown key.
fn instead(unknown: &str, known: &[&str]) -> String {
    let likeness = |name: &str| strsim::jaro_winkler(unknown, name);
    let nearest = known.iter().max_by(|one, other| likeness(one).total_cmp(&likeness(other)));
    match nearest {
        Some(nearest) if likeness(nearest) > 0.8 => format!("write {nearest}, or leave it out"),
        Some(_) => format!("leave it out, or write one of {}", known.join(", ")),
        None => "leave it out".to_owned(),
    }
}
