//! Next-token prediction on a text under a byte-pair encoding.

use std::ops::Range;
use std::path::Path;

use move37_core::Hash;
use move37_tensor::rng::Stream;

use super::Batch;
use crate::Error;
use crate::data::{Corpus, Part, Tokenized, Tokenizer, Windows};

/// A tokenized corpus, cut into windows of one token more than the model reads.
#[derive(Clone, Debug)]
pub struct Tokens {
    pub(super) length: usize,
    pub(super) vocabulary: usize,
    pub(super) hash: Hash,
    pub(super) tokenizer: Tokenizer,
    text: Tokenized,
    train: Windows,
    validation: Windows,
    test: Windows,
}

impl Tokens {
    pub(super) fn open(data: &Path, corpus: Hash, tokenizer: Hash, length: usize) -> Result<Self, Error> {
        if length == 0 {
            return Err(Error::Settings("a sequence needs at least one token".to_owned()));
        }
        let hash = Hash::of_fields([corpus.to_string().as_bytes(), tokenizer.to_string().as_bytes()]);
        let tokenizer = Tokenizer::open(data, tokenizer)?;
        let text = Tokenized::of(&Corpus::open(data, corpus)?, &tokenizer, data)?;
        let windows = |part| Windows::new(text.part(part), length + 1, part);
        let (train, validation, test) = (windows(Part::Train)?, windows(Part::Validation)?, windows(Part::Test)?);
        let vocabulary = tokenizer.vocabulary();
        Ok(Self { length, vocabulary, hash, tokenizer, text, train, validation, test })
    }

    pub(super) fn training(&self, seed: u64, step: u32, rows: usize) -> Batch {
        let mut stream = Stream::new(seed, &format!("text of step {step}"));
        self.batch((0..rows).map(|_| self.train.sample(&mut stream)))
    }

    pub(super) fn held_out(&self, part: Part, sequences: usize, rows: usize) -> Vec<Batch> {
        let windows = match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        };
        windows.spread(sequences).chunks(rows).map(|chunk| self.batch(chunk.iter().cloned())).collect()
    }

    fn batch(&self, windows: impl ExactSizeIterator<Item = Range<usize>>) -> Batch {
        let mut batch = Batch::with_capacity(windows.len(), self.length);
        for window in windows {
            let tokens: Vec<(usize, u64)> = self.text.tokens(window).collect();
            batch.push(tokens.windows(2).map(|pair| (pair[0].0, Some(pair[1].0))));
            batch.bytes += tokens[1..].iter().map(|token| token.1).sum::<u64>();
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::fixtures::text;

    #[test]
    fn the_target_is_the_next_token_and_bytes_of_text_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new([text(1, 20_000)]);
        corpus.store(folder.path()).unwrap();
        let tokenizer = Tokenizer::train(&corpus, 300, folder.path()).unwrap();
        let open = |length| Tokens::open(folder.path(), corpus.hash(), tokenizer.hash(), length);
        let task = open(8).unwrap();
        let batch = task.training(7, 1, 4);
        assert_eq!((batch.rows, batch.length, batch.tokens.len()), (4, 8, 32));
        assert!(batch.tokens.chunks(8).zip(batch.targets.chunks(8)).all(|(read, next)| read[1..] == next[..7]));
        // A token of this text stands for two to seven bytes.
        assert!((64..=224).contains(&batch.bytes), "{}", batch.bytes);
        assert_ne!(task.held_out(Part::Validation, 4, 4), task.held_out(Part::Test, 4, 4));
        assert!(batch.tokens.iter().all(|&token| token < i64::try_from(task.vocabulary).unwrap()));
        assert!(matches!(open(5_000), Err(Error::ShortDocuments { length: 5_001, .. })));
    }
}
