//! Which bytes are for training and which for validation.

use std::ops::Range;

use move37_core::Hash;

use super::Corpus;

/// A share of a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is trained on.
    Train,
    /// What is measured on.
    Validation,
}

impl Part {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
        }
    }
}

/// Ranges of [`Corpus::bytes`] that never overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    train: Vec<Range<usize>>,
    validation: Vec<Range<usize>>,
}

impl Split {
    /// About a tenth of the text is for validation.
    ///
    /// Whole documents are taken in the order of their digests until a tenth is reached, leaving out any that would make it
    /// more than a fifth, so that the choice depends on content alone. Where that yields none (a single document, a few
    /// large ones), the last tenth of every document is taken, behind a gap of a hundredth that belongs to neither part.
    pub fn of(corpus: &Corpus) -> Self {
        let wanted = corpus.text_bytes().div_ceil(10);
        let mut train: Vec<_> = corpus.documents().to_vec();
        train.sort_by_cached_key(|document| Hash::of(&corpus.bytes()[document.clone()]));
        let mut taken = 0;
        let mut validation: Vec<_> = train
            .extract_if(.., |document| {
                let take = taken < wanted && taken + document.len() <= 2 * wanted;
                taken += if take { document.len() } else { 0 };
                take
            })
            .collect();
        if validation.is_empty() || train.is_empty() {
            return Self::by_position(corpus);
        }
        train.sort_by_key(|document| document.start);
        validation.sort_by_key(|document| document.start);
        Self { train, validation }
    }

    fn by_position(corpus: &Corpus) -> Self {
        let cut = |d: &Range<usize>| (d.start..d.end - d.len() / 10 - d.len() / 100, d.end - d.len() / 10..d.end);
        let (train, validation) = corpus.documents().iter().map(cut).unzip();
        Self { train, validation }
    }

    /// The ranges of a part, in the order of the text.
    pub fn part(&self, part: Part) -> &[Range<usize>] {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(ranges: &[Range<usize>]) -> usize {
        ranges.iter().map(Range::len).sum()
    }

    fn overlap(split: &Split) -> bool {
        let meets = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
        split.train.iter().any(|a| split.validation.iter().any(|b| meets(a, b)))
    }

    #[test]
    fn several_documents_go_whole_to_one_part_or_the_other() {
        let corpus = Corpus::new((0..40).map(|i| format!("{i}").repeat(100 + i)));
        let split = Split::of(&corpus);
        let mut all = [split.train.clone(), split.validation.clone()].concat();
        all.sort_by_key(|d| d.start);
        assert_eq!(all, corpus.documents());
        let share = bytes(&split.validation) as f64 / corpus.text_bytes() as f64;
        assert!((0.1..=0.2).contains(&share), "{share}");
    }

    #[test]
    fn the_choice_of_documents_does_not_depend_on_their_order() {
        let documents: Vec<_> = (0..40).map(|i| format!("{i}").repeat(100 + i)).collect();
        let chosen = |documents: &[String]| {
            let corpus = Corpus::new(documents);
            let split = Split::of(&corpus);
            let mut texts: Vec<_> = split.validation.iter().map(|d| corpus.bytes()[d.clone()].to_vec()).collect();
            texts.sort();
            texts
        };
        let reversed: Vec<_> = documents.iter().rev().cloned().collect();
        assert_eq!(chosen(&documents), chosen(&reversed));
    }

    #[test]
    fn one_document_gives_its_last_tenth_behind_a_gap() {
        let corpus = Corpus::new(["x".repeat(10_000)]);
        let Split { train, validation } = Split::of(&corpus);
        let start = corpus.documents()[0].start;
        assert_eq!((train.len(), validation.len()), (1, 1));
        assert_eq!((&train[0], &validation[0]), (&(start..start + 8_900), &(start + 9_000..start + 10_000)));
    }

    #[test]
    fn a_large_document_is_cut_rather_than_left_out_of_training() {
        let corpus = Corpus::new(["a".repeat(9_000), "b".repeat(8_000)]);
        let split = Split::of(&corpus);
        assert_eq!((split.train.len(), split.validation.len()), (2, 2));
        assert!(!overlap(&split));
    }

    #[test]
    fn parts_never_overlap() {
        for sizes in [vec![1], vec![5, 5], vec![9_000, 500], vec![20; 30], vec![1, 1_000_000, 3]] {
            let documents = sizes.iter().enumerate().map(|(i, &n)| vec![b'a' + u8::try_from(i).unwrap_or(0); n]);
            let split = Split::of(&Corpus::new(documents));
            assert!(!overlap(&split), "{sizes:?}: {split:?}");
        }
    }
}
