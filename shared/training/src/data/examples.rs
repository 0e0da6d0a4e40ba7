//! A user's own questions and answers.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Corpus, column};
use crate::Error;

/// Fewer cannot be trained, validated and tested on.
const LEAST: usize = 10;

/// A question with its answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Example {
    /// What is read.
    pub prompt: String,
    /// What is to be answered.
    pub answer: String,
}

impl Corpus {
    /// The examples of a file of JSON lines `{"prompt": .., "answer": ..}`, a document each, stored in the data folder.
    ///
    /// # Errors
    /// If it cannot be read, a line is no example, there are fewer than ten different ones, or they cannot be stored.
    pub fn import_examples(path: &Path, folder: &Path) -> Result<Self, Error> {
        let mut documents = Vec::new();
        for found in column::lines(path)? {
            let (line, value) = found?;
            let example: Example = serde_json::from_value(value).map_err(|error| {
                let why = format!("is no example ({error}); write {{\"prompt\": \"..\", \"answer\": \"..\"}}");
                Error::Line { path: path.to_owned(), line, why }
            })?;
            documents.push(serde_json::to_vec(&example).expect("two texts"));
        }
        let corpus = Self::new(documents);
        match corpus.documents().len() {
            few if few < LEAST => {
                let why = format!("{} has {few} different examples, at least {LEAST} are needed", path.display());
                Err(Error::Settings(why))
            }
            _ => corpus.store(folder).map(|()| corpus),
        }
    }

    /// The examples that [`Corpus::import_examples`] stored.
    ///
    /// # Errors
    /// If these documents are none.
    pub fn examples(&self) -> Result<Vec<Example>, Error> {
        let read = |document: &std::ops::Range<usize>| serde_json::from_slice(&self.bytes()[document.clone()]);
        let examples: Result<Vec<Example>, _> = self.documents().iter().map(read).collect();
        examples.map_err(|_| Error::Settings(format!("the text {} has no examples", self.hash().short())))
    }
}
