//! A user's own questions and answers, as bytes.

use std::path::Path;

use move37_core::Hash;
use move37_tensor::rng::Stream;

use super::Batch;
use crate::Error;
use crate::data::{Corpus, Example, Part};

/// The token that ends an answer, and fills sequences up behind it.
const END: usize = 256;

/// Questions, each with its answer and an end; only the answer and the end are scored. A model that predicts them all right
/// would also write them all by itself, choosing the likeliest token each time.
#[derive(Clone, Debug)]
pub struct Examples {
    pub(super) length: usize,
    pub(super) hash: Hash,
    train: Vec<Example>,
    validation: Vec<Example>,
    test: Vec<Example>,
}

impl Examples {
    /// Tokens: the bytes and the end.
    pub(super) const VOCABULARY: usize = 257;

    pub(super) fn open(data: &Path, corpus: Hash, length: usize) -> Result<Self, Error> {
        let mut examples = Corpus::open(data, corpus)?.examples()?;
        let size = |example: &Example| example.prompt.len() + example.answer.len();
        let longest = examples.iter().map(size).max().unwrap_or_default();
        if longest > length {
            let why = format!("an example has {longest} bytes, more than the sequence of {length}; make that longer");
            return Err(Error::Settings(why));
        }
        if let Some(example) = examples.iter().find(|example| example.prompt.is_empty()) {
            return Err(Error::Settings(format!("the example with the answer `{}` has no prompt", example.answer)));
        }
        // By content, so that the order of the file does not matter.
        examples.sort_by_cached_key(|e| Hash::of_fields([e.prompt.as_bytes(), e.answer.as_bytes()]));
        let tenth = (examples.len() / 10).max(1);
        let test = examples.split_off(examples.len().saturating_sub(tenth));
        let validation = examples.split_off(examples.len().saturating_sub(tenth));
        if examples.is_empty() || validation.is_empty() {
            return Err(Error::Settings("there are too few examples to train and to measure on".to_owned()));
        }
        Ok(Self { length, hash: corpus, train: examples, validation, test })
    }

    pub(super) fn training(&self, seed: u64, step: u32, rows: usize) -> Batch {
        let mut stream = Stream::new(seed, &format!("examples of step {step}"));
        self.batch((0..rows).map(|_| &self.train[stream.below(self.train.len())]), rows)
    }

    /// At most as many as there are.
    pub(super) fn held_out(&self, part: Part, sequences: usize, rows: usize) -> Vec<Batch> {
        let examples = match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        };
        let taken = &examples[..sequences.min(examples.len())];
        taken.chunks(rows).map(|chunk| self.batch(chunk.iter(), rows)).collect()
    }

    fn batch<'a>(&self, examples: impl Iterator<Item = &'a Example>, rows: usize) -> Batch {
        let mut batch = Batch::with_capacity(rows, self.length);
        for Example { prompt, answer } in examples {
            let whole = [prompt.as_bytes(), answer.as_bytes()].concat();
            let token = |i: usize| whole.get(i).map_or(END, |&byte| usize::from(byte));
            let asked = prompt.len() - 1..whole.len();
            batch.push((0..self.length).map(|i| (token(i), asked.contains(&i).then(|| token(i + 1)))));
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn stored(lines: &str) -> (tempfile::TempDir, Result<Corpus, Error>) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sums.jsonl");
        std::fs::write(&file, lines).unwrap();
        let corpus = Corpus::import_examples(&file, folder.path());
        (folder, corpus)
    }

    fn sums(n: usize) -> String {
        (0..n).map(|i| format!("{{\"prompt\": \"{i}+1=\", \"answer\": \"{}\"}}\n", i + 1)).collect()
    }

    #[test]
    fn the_answer_and_its_end_are_scored_and_parts_do_not_meet() {
        let (folder, corpus) = stored(&sums(40));
        let task = Examples::open(folder.path(), corpus.unwrap().hash(), 12).unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for part in [Part::Train, Part::Validation, Part::Test] {
            for batch in task.held_out(part, 100, 4) {
                for row in 0..batch.rows {
                    let at = 12 * row..12 * row + 12;
                    let bytes = |tokens: &[i64]| -> String {
                        tokens.iter().filter_map(|&t| u8::try_from(t).ok()).map(char::from).collect()
                    };
                    let text = bytes(&batch.tokens[at.clone()]);
                    let (prompt, answer) = text.split_once('=').unwrap();
                    let scored: Vec<i64> = at.filter(|&i| batch.weights[i] > 0.0).map(|i| batch.targets[i]).collect();
                    assert_eq!((bytes(&scored).as_str(), scored.last()), (answer, Some(&256)));
                    assert_eq!(
                        prompt.trim_end_matches("+1").parse::<u32>().unwrap() + 1,
                        answer.parse::<u32>().unwrap()
                    );
                    assert!(seen.insert(text));
                }
            }
        }
        assert_eq!(seen.len(), 40);
        assert_eq!(task.training(1, 1, 4), task.training(1, 1, 4));
    }

    #[test]
    fn what_makes_no_task_is_refused_in_one_sentence() {
        let (_, few) = stored(&sums(9));
        assert!(few.unwrap_err().to_string().contains("9 different examples, at least 10 are needed"));
        let (_, bad) = stored("{\"prompt\": \"x\"}\n");
        let bad = bad.unwrap_err().to_string();
        assert!(bad.contains("line 1 is no example") && bad.contains("write {\"prompt\""), "{bad}");
        let (folder, corpus) = stored(&sums(40));
        let error = Examples::open(folder.path(), corpus.unwrap().hash(), 6).unwrap_err().to_string();
        assert!(error.contains("more than the sequence of 6"), "{error}");
    }
}
