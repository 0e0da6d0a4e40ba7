//! The tasks of a campaign file, also those of `move37 train --task`.

use std::path::{Path, PathBuf};

use move37_events::facts::{Corpus, Puzzle, Task, TaskKind};
use move37_training::data;
use move37_training::task::mad::{MadSpec, Puzzle as Puzzled};
use move37_training::task::{Task as Prepared, TaskSpec, named};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Text, failed_to};
use crate::failure::Failure;

/// A training task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum TaskSection {
    /// Next-byte prediction on the text.
    Bytes {
        /// Bytes of a sequence.
        sequence: u32,
    },
    /// Next-token prediction on the text under a byte-pair encoding: one of its own, or a given one.
    Tokens {
        /// Tokens of a sequence.
        sequence: u32,
        /// Tokens to learn from the training part of the text, at least 257; 512 if neither this nor a tokenizer is given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vocabulary: Option<u32>,
        /// A `tokenizer.json` of the Hugging Face library.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tokenizer: Option<PathBuf>,
    },
    /// Questions and answers of one's own, as bytes.
    Examples {
        /// Bytes of a sequence: at least those of the longest question with its answer.
        sequence: u32,
        /// JSON lines `{"prompt": "..", "answer": ".."}`.
        file: PathBuf,
    },
    /// Multi-query associative recall (synthetic).
    Mqar {
        /// Tokens of a sequence.
        sequence: u32,
        /// Vocabulary size.
        vocabulary: u32,
        /// Key-value pairs per sequence.
        pairs: u32,
    },
    /// One of the six tasks of MAD (synthetic): a named setting, of which any number can be set anew.
    Mad {
        /// `in-context-recall`, `noisy-in-context-recall`, `fuzzy-in-context-recall`, `memorization`, `compression` or
        /// `selective-copying`: the published baseline; with `/vocabulary-32` and the like, one of its published variations;
        /// with `mini-` before it, a size for two cores.
        setting: String,
        /// Tokens of a sequence, as published.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence: Option<u32>,
        /// Vocabulary size, special tokens and noise included.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        vocabulary: Option<u32>,
        /// Training instances, which come again epoch after epoch.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        instances: Option<u32>,
        /// Noisy recall: tokens of the vocabulary that are noise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        noise_vocabulary: Option<u32>,
        /// Noisy recall: share of slots that are noise.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        noise: Option<f64>,
        /// Fuzzy recall: most tokens of a key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<u32>,
        /// Fuzzy recall: most tokens of a value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        value: Option<u32>,
        /// Selective copying: tokens to copy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        copied: Option<u32>,
    },
}

impl TaskSection {
    /// The setting of a name that `move37_training::task::named` lists.
    pub fn named(name: &str) -> Option<TaskSection> {
        let (_, spec) = named().into_iter().find(|(known, _)| known == name)?;
        Some(match spec {
            TaskSpec::Mqar { vocabulary, length, pairs } => {
                TaskSection::Mqar { sequence: whole(length), vocabulary: whole(vocabulary), pairs: whole(pairs) }
            }
            _ => TaskSection::Mad {
                setting: name.strip_prefix("mad-")?.to_owned(),
                sequence: None,
                vocabulary: None,
                instances: None,
                noise_vocabulary: None,
                noise: None,
                key: None,
                value: None,
                copied: None,
            },
        })
    }

    /// Another length.
    pub fn set_sequence(&mut self, wished: u32) {
        match self {
            TaskSection::Bytes { sequence }
            | TaskSection::Tokens { sequence, .. }
            | TaskSection::Examples { sequence, .. }
            | TaskSection::Mqar { sequence, .. } => *sequence = wished,
            TaskSection::Mad { sequence, .. } => *sequence = Some(wished),
        }
    }

    /// Whether it learns from a text.
    pub fn needs_text(&self) -> bool {
        match self {
            TaskSection::Bytes { .. } | TaskSection::Tokens { .. } => true,
            TaskSection::Examples { .. } | TaskSection::Mqar { .. } | TaskSection::Mad { .. } => false,
        }
    }

    /// The task of a campaign, its data stored in the data folder; none where it needs a text that is missing.
    ///
    /// # Errors
    /// A file that cannot be used, a setting that has no such name or makes no sense.
    pub fn task(&self, text: Option<&Text>, data: &Path) -> Result<Option<Task>, Failure> {
        let task = |name: &str, sequence: u32, kind| Ok(Some(Task { name: name.to_owned(), sequence, kind }));
        match self {
            TaskSection::Bytes { sequence } => match text {
                Some(text) => task("bytes", *sequence, TaskKind::Bytes { corpus: text.0.clone() }),
                None => Ok(None),
            },
            TaskSection::Tokens { sequence, vocabulary, tokenizer } => match text {
                Some(text) => task("tokens", *sequence, tokens(text, *vocabulary, tokenizer.as_deref(), data)?),
                None => Ok(None),
            },
            TaskSection::Examples { sequence, file } => {
                let corpus = data::Corpus::import_examples(file, data).map_err(failed_to)?;
                let name = file.file_name().map_or("examples".into(), |name| name.to_string_lossy()).into_owned();
                let corpus = Corpus { name, hash: corpus.hash(), bytes: corpus.text_bytes() as u64 };
                task("examples", *sequence, TaskKind::Examples { corpus })
            }
            TaskSection::Mqar { sequence, vocabulary, pairs } => {
                task("mqar", *sequence, TaskKind::Mqar { vocabulary: *vocabulary, pairs: *pairs })
            }
            TaskSection::Mad { setting, .. } => {
                let spec = self.mad(setting)?;
                // Settings are cheap to try; a run would find out only when it begins.
                Prepared::prepare(&TaskSpec::Mad(spec), data).map_err(failed_to)?;
                let MadSpec { puzzle, vocabulary, length, instances } = spec;
                let kind = TaskKind::Mad {
                    puzzle: stored(puzzle),
                    vocabulary: whole(vocabulary),
                    instances: whole(instances),
                };
                task(&format!("mad-{}", setting.replace('/', "-")), whole(length), kind)
            }
        }
    }

    /// The named setting with the numbers that are set anew.
    fn mad(&self, setting: &str) -> Result<MadSpec, Failure> {
        let wanted = format!("mad-{setting}");
        let found = named().into_iter().find(|(name, _)| *name == wanted);
        let Some((_, TaskSpec::Mad(mut spec))) = found else {
            return Err(Failure::usage(format!(
                "MAD has no setting {setting}: name one as in-context-recall, fuzzy-in-context-recall/vocabulary-32 or \
                 mini-memorization"
            )));
        };
        let TaskSection::Mad { sequence, vocabulary, instances, noise_vocabulary, noise, key, value, copied, .. } =
            self
        else {
            return Ok(spec);
        };
        let set = |place: &mut usize, wished: &Option<u32>| *place = wished.map_or(*place, |n| n as usize);
        set(&mut spec.length, sequence);
        set(&mut spec.vocabulary, vocabulary);
        set(&mut spec.instances, instances);
        let mut used = 0;
        match &mut spec.puzzle {
            Puzzled::NoisyInContextRecall { noise_vocabulary: tokens, noise: share } => {
                set(tokens, noise_vocabulary);
                *share = noise.unwrap_or(*share);
                used = usize::from(noise_vocabulary.is_some()) + usize::from(noise.is_some());
            }
            Puzzled::FuzzyInContextRecall { key: keys, value: values } => {
                set(keys, key);
                set(values, value);
                used = usize::from(key.is_some()) + usize::from(value.is_some());
            }
            Puzzled::SelectiveCopying { copied: tokens } => {
                set(tokens, copied);
                used = usize::from(copied.is_some());
            }
            Puzzled::InContextRecall | Puzzled::Memorization | Puzzled::Compression => {}
        }
        let wished = [noise_vocabulary.is_some(), noise.is_some(), key.is_some(), value.is_some(), copied.is_some()];
        match wished.iter().filter(|wished| **wished).count() == used {
            true => Ok(spec),
            false => Err(Failure::usage(format!(
                "{setting} has not all of these settings: noise_vocabulary and noise belong to \
                 noisy-in-context-recall, key and value to fuzzy-in-context-recall, copied to selective-copying"
            ))),
        }
    }
}

fn tokens(text: &Text, vocabulary: Option<u32>, tokenizer: Option<&Path>, data: &Path) -> Result<TaskKind, Failure> {
    let tokenizer = match (tokenizer, vocabulary) {
        (Some(_), Some(_)) => {
            return Err(Failure::usage(
                "a tokenizer has its own vocabulary: give either tokenizer or vocabulary".to_owned(),
            ));
        }
        (Some(path), None) => data::Tokenizer::import(path, data),
        (None, vocabulary) => data::Corpus::open(data, text.0.hash)
            .and_then(|corpus| data::Tokenizer::train(&corpus, vocabulary.unwrap_or(512) as usize, data)),
    };
    let tokenizer = tokenizer.map_err(failed_to)?;
    let vocabulary = whole(tokenizer.vocabulary());
    Ok(TaskKind::Tokens { corpus: text.0.clone(), tokenizer: tokenizer.hash(), vocabulary })
}

fn stored(puzzle: Puzzled) -> Puzzle {
    match puzzle {
        Puzzled::InContextRecall => Puzzle::InContextRecall,
        Puzzled::NoisyInContextRecall { noise_vocabulary, noise } => {
            Puzzle::NoisyInContextRecall { noise_vocabulary: whole(noise_vocabulary), noise }
        }
        Puzzled::FuzzyInContextRecall { key, value } => {
            Puzzle::FuzzyInContextRecall { key: whole(key), value: whole(value) }
        }
        Puzzled::Memorization => Puzzle::Memorization,
        Puzzled::Compression => Puzzle::Compression,
        Puzzled::SelectiveCopying { copied } => Puzzle::SelectiveCopying { copied: whole(copied) },
    }
}

fn whole(size: usize) -> u32 {
    u32::try_from(size).expect("sizes are small")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::config::Config;

    fn tasks(toml: &str) -> Result<Vec<Task>, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let config: Config = toml::from_str(toml).map_err(|error| Failure::usage(error.message().to_owned()))?;
        let mut tasks = Vec::new();
        for section in &config.tasks {
            tasks.extend(section.task(None, folder.path())?);
        }
        Ok(tasks)
    }

    #[test]
    fn every_named_setting_is_a_section() {
        for (name, _) in named() {
            let section = TaskSection::named(&name).unwrap();
            let toml = toml::to_string(&Config { tasks: vec![section], ..Config::default() }).unwrap();
            assert_eq!(tasks(&toml).unwrap().len(), 1, "{name}");
        }
        assert_eq!(TaskSection::named("mad-none"), None);
    }

    #[test]
    fn a_setting_of_mad_can_be_changed_in_any_of_its_numbers() {
        let toml = "[[tasks]]\nkind = \"mad\"\nsetting = \"noisy-in-context-recall\"\nnoise = 0.5\nsequence = 64\n";
        let task = tasks(toml).unwrap().remove(0);
        let puzzle = Puzzle::NoisyInContextRecall { noise_vocabulary: 16, noise: 0.5 };
        assert_eq!(task.kind, TaskKind::Mad { puzzle, vocabulary: 32, instances: 12_800 });
        assert_eq!((task.name.as_str(), task.sequence), ("mad-noisy-in-context-recall", 64));
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_next_step() {
        let refused = |rest: &str| tasks(&format!("[[tasks]]\nkind = \"mad\"\n{rest}")).unwrap_err().to_string();
        assert!(refused("setting = \"recall\"").contains("name one as in-context-recall"));
        assert!(refused("setting = \"compression\"\nnoise = 0.5").contains("noise belong to noisy-in-context-recall"));
        let short = refused("setting = \"selective-copying\"\nsequence = 20");
        assert!(short.contains("needs a length of more than 33"), "{short}");
    }
}
