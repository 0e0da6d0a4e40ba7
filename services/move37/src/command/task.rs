//! The flags that say what to train on.

use std::path::{Path, PathBuf};

use move37_trainer::worker::task_spec;
use move37_training::profile::LAPTOP;
use move37_training::task::TaskSpec;
use serde::Deserialize;

use crate::config::{TaskSection, Text, failed_to};
use crate::failure::Failure;

/// What to train on.
#[derive(Debug, clap::Args)]
pub struct TaskFlags {
    /// What to train on: mqar, bytes, tokens, examples; a setting as mqar-mini, mad-mini-compression or
    /// mad-fuzzy-in-context-recall/vocabulary-32; or a task as in a campaign file, as '{kind = "mad", setting =
    /// "memorization", vocabulary = 512}'
    #[arg(long, value_name = "TASK", default_value = "mqar")]
    task: String,
    /// A text file or folder for bytes and tokens, instead of Shakespeare's works; of FILE.jsonl#FIELD the texts of a field
    #[arg(long, value_name = "PATH")]
    text: Option<PathBuf>,
    /// Tokens of a sequence
    #[arg(long, value_name = "T")]
    sequence: Option<u32>,
    /// For tokens: learn a byte-pair encoding of so many from the text (512 if left out)
    #[arg(long, value_name = "N", conflicts_with = "tokenizer")]
    vocabulary: Option<u32>,
    /// For tokens: a tokenizer.json of the Hugging Face library
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    /// For examples: JSON lines {"prompt": "..", "answer": ".."}
    #[arg(long, value_name = "FILE")]
    examples: Option<PathBuf>,
}

impl TaskFlags {
    /// The task, its data stored in the data folder.
    ///
    /// # Errors
    /// A name that is none, or data that cannot be used.
    pub fn spec(&self, data: &Path) -> Result<TaskSpec, Failure> {
        let section = self.section()?;
        let text = match (&self.text, section.needs_text()) {
            (Some(path), true) => Some(Text::import(path, data)?),
            (None, true) => Some(Text::default_text(data).map_err(failed_to)?),
            (_, false) => None,
        };
        let task = section.task(text.as_ref(), data)?.expect("a text is there where one is needed");
        let length = usize::try_from(task.sequence).expect("addresses have at least 32 bits");
        Ok(task_spec(&task.kind, length))
    }

    fn section(&self) -> Result<TaskSection, Failure> {
        let laptop = |length: usize| u32::try_from(length).expect("a profile's sizes are small");
        let text_length = self.sequence.unwrap_or(laptop(LAPTOP.bytes_length));
        let mut section = match self.task.as_str() {
            "bytes" => TaskSection::Bytes { sequence: text_length },
            "tokens" => TaskSection::Tokens {
                sequence: text_length,
                vocabulary: self.vocabulary,
                tokenizer: self.tokenizer.clone(),
            },
            "examples" => {
                let file = self.examples.clone().ok_or_else(|| {
                    Failure::usage(
                        "the task examples has no file: give its questions and answers with --examples FILE.jsonl",
                    )
                })?;
                TaskSection::Examples { sequence: self.sequence.unwrap_or(64), file }
            }
            "mqar" => TaskSection::Mqar {
                sequence: laptop(LAPTOP.recall_length),
                vocabulary: laptop(LAPTOP.recall_vocabulary),
                pairs: laptop(LAPTOP.recall_pairs),
            },
            table if table.trim_start().starts_with('{') => inline(table)?,
            name => TaskSection::named(name).ok_or_else(|| {
                Failure::usage(format!(
                    "there is no task {name}: name mqar, bytes, tokens, examples, or a setting as mqar-mini, \
                     mad-compression or mad-mini-compression"
                ))
            })?,
        };
        if let Some(wished) = self.sequence {
            section.set_sequence(wished);
        }
        Ok(section)
    }
}

/// A task as it stands in a campaign file.
fn inline(table: &str) -> Result<TaskSection, Failure> {
    #[derive(Deserialize)]
    struct Inline {
        task: TaskSection,
    }
    toml::from_str::<Inline>(&format!("task = {table}")).map(|inline| inline.task).map_err(|error| {
        Failure::usage(format!("--task is no task ({}): `move37 config schema` says what tasks have", error.message()))
    })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use move37_training::task::mad::{MadSpec, Puzzle};

    use super::*;

    fn flags(task: &str) -> TaskFlags {
        TaskFlags {
            task: task.to_owned(),
            text: None,
            sequence: None,
            vocabulary: None,
            tokenizer: None,
            examples: None,
        }
    }

    #[test]
    fn a_task_is_a_name_or_a_table() {
        let data = Path::new("unused");
        let spec = |task: &str| flags(task).spec(data).unwrap();
        assert!(matches!(spec("mqar"), TaskSpec::Mqar { .. }));
        assert_eq!(spec("mqar-basic"), TaskSpec::Mqar { vocabulary: 256, length: 64, pairs: 4 });
        let expected = MadSpec { puzzle: Puzzle::Memorization, vocabulary: 512, length: 32, instances: 256 };
        assert_eq!(spec("mad-memorization/vocabulary-512"), TaskSpec::Mad(expected));
        assert_eq!(spec("{kind = \"mad\", setting = \"memorization\", vocabulary = 512}"), TaskSpec::Mad(expected));
        let longer = TaskFlags { sequence: Some(64), ..flags("mad-memorization/vocabulary-512") }.spec(data).unwrap();
        assert_eq!(longer, TaskSpec::Mad(MadSpec { length: 64, ..expected }));
    }

    #[test]
    fn a_task_that_is_none_is_refused_with_what_there_is() {
        let refused = |task: &str| flags(task).spec(Path::new("unused")).unwrap_err().to_string();
        assert!(refused("mad-recall").contains("name mqar, bytes, tokens, examples"));
        assert!(refused("examples").contains("--examples FILE.jsonl"));
        assert!(refused("{kind = \"mad\"}").contains("move37 config schema"));
    }
}
