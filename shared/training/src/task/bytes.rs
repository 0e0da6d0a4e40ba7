//! Next-byte prediction.

use std::ops::Range;
use std::path::Path;

use move37_core::Hash;
use move37_tensor::rng::Stream;

use super::Batch;
use crate::Error;
use crate::data::{Corpus, Part, Split, Windows};

/// A corpus, cut into windows of one byte more than the model reads.
#[derive(Clone, Debug)]
pub struct Bytes {
    pub(super) corpus: Corpus,
    pub(super) length: usize,
    train: Windows,
    validation: Windows,
    test: Windows,
}

impl Bytes {
    pub(super) fn open(data: &Path, corpus: Hash, length: usize) -> Result<Self, Error> {
        if length == 0 {
            return Err(Error::Settings("a sequence needs at least one byte".to_owned()));
        }
        let corpus = Corpus::open(data, corpus)?;
        let split = Split::of(&corpus);
        let windows = |part| Windows::new(split.part(part), length + 1, part);
        let (train, validation, test) = (windows(Part::Train)?, windows(Part::Validation)?, windows(Part::Test)?);
        Ok(Self { corpus, length, train, validation, test })
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
            let bytes = &self.corpus.bytes()[window];
            batch.rows += 1;
            batch.tokens.extend(bytes[..self.length].iter().map(|&b| i64::from(b)));
            batch.targets.extend(bytes[1..].iter().map(|&b| i64::from(b)));
            batch.weights.resize(batch.tokens.len(), 1.0);
            batch.bytes += self.length as u64;
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::fixtures::text;

    fn task(length: usize) -> Bytes {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new([text(1, 6_000), text(2, 5_000), text(3, 1_500)]);
        corpus.store(folder.path()).unwrap();
        Bytes::open(folder.path(), corpus.hash(), length).unwrap()
    }

    #[test]
    fn the_target_is_the_next_byte_of_a_training_document() {
        let task = task(16);
        let batch = task.training(7, 1, 4);
        assert_eq!((batch.rows, batch.length, batch.tokens.len()), (4, 16, 64));
        let split = Split::of(&task.corpus);
        for row in 0..4 {
            let (tokens, targets) = (&batch.tokens[16 * row..16 * row + 16], &batch.targets[16 * row..16 * row + 16]);
            assert_eq!(tokens[1..], targets[..15]);
            let bytes: Vec<u8> = tokens.iter().chain(&targets[15..]).map(|&t| u8::try_from(t).unwrap()).collect();
            let found = |part| {
                let holds = |r: &Range<usize>| task.corpus.bytes()[r.clone()].windows(17).any(|w| w == bytes);
                split.part(part).iter().any(holds)
            };
            assert!(found(Part::Train));
        }
    }

    #[test]
    fn validation_and_test_are_read_from_their_own_documents() {
        let task = task(16);
        let split = Split::of(&task.corpus);
        for part in [Part::Validation, Part::Test] {
            for batch in task.held_out(part, 8, 4) {
                assert_eq!(batch.bytes, 64);
                for row in batch.tokens.chunks(16) {
                    let bytes: Vec<u8> = row.iter().map(|&t| u8::try_from(t).unwrap()).collect();
                    let holds = |r: &Range<usize>| task.corpus.bytes()[r.clone()].windows(16).any(|w| w == bytes);
                    assert!(split.part(part).iter().any(holds));
                }
            }
        }
        assert_ne!(task.held_out(Part::Validation, 8, 4), task.held_out(Part::Test, 8, 4));
    }

    #[test]
    fn a_batch_depends_on_seed_and_step() {
        let task = task(16);
        assert_eq!(task.training(7, 1, 4), task.training(7, 1, 4));
        assert_ne!(task.training(7, 1, 4), task.training(7, 2, 4));
        assert_ne!(task.training(7, 1, 4), task.training(8, 1, 4));
    }

    #[test]
    fn a_length_without_room_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new([text(1, 5_000)]);
        corpus.store(folder.path()).unwrap();
        let error = Bytes::open(folder.path(), corpus.hash(), 500).unwrap_err();
        assert!(matches!(error, Error::ShortDocuments { length: 501, part: "validation" }), "{error}");
        assert!(matches!(Bytes::open(folder.path(), corpus.hash(), 0), Err(Error::Settings(_))));
    }
}
