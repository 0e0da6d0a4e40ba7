//! Which bytes are for training, which for validation and which for the test.

use std::ops::Range;

use move37_core::Hash;

use super::Corpus;

/// A share of a corpus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// What is trained on.
    Train,
    /// What a search measures on and chooses by.
    Validation,
    /// What only confirmed results are measured on.
    Test,
}

impl Part {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }
}

/// Ranges of [`Corpus::bytes`] that never overlap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    train: Vec<Range<usize>>,
    validation: Vec<Range<usize>>,
    test: Vec<Range<usize>>,
}

impl Split {
    /// About a tenth of the text is for validation, and another for the test.
    ///
    /// Whole documents are taken in the order of their digests until a tenth is reached, leaving out any that would make it
    /// more than a fifth, so that the choice depends on content alone. Where that leaves a part empty (a single document, a
    /// few large ones), the last two tenths of every document are taken, each behind a gap of a hundredth that belongs to no
    /// part.
    pub fn of(corpus: &Corpus) -> Self {
        let wanted = corpus.text_bytes().div_ceil(10);
        let mut train: Vec<_> = corpus.documents().to_vec();
        train.sort_by_cached_key(|document| Hash::of(&corpus.bytes()[document.clone()]));
        let validation = take(&mut train, wanted);
        let test = take(&mut train, wanted);
        if [&train, &validation, &test].iter().any(|part| part.is_empty()) {
            return Self::by_position(corpus);
        }
        let [train, validation, test] = [train, validation, test].map(|mut part| {
            part.sort_by_key(|document| document.start);
            part
        });
        Self { train, validation, test }
    }

    fn by_position(corpus: &Corpus) -> Self {
        let (mut train, mut validation, mut test) = (Vec::new(), Vec::new(), Vec::new());
        for document in corpus.documents() {
            let (tenth, gap) = (document.len() / 10, document.len() / 100);
            let second = document.end - tenth;
            let first = second - gap - tenth;
            train.push(document.start..first - gap);
            validation.push(first..first + tenth);
            test.push(second..document.end);
        }
        Self { train, validation, test }
    }

    /// The ranges of a part, in the order of the text.
    pub fn part(&self, part: Part) -> &[Range<usize>] {
        match part {
            Part::Train => &self.train,
            Part::Validation => &self.validation,
            Part::Test => &self.test,
        }
    }
}

/// Documents from the front until `wanted` bytes are reached, without any that would make it more than twice that.
fn take(documents: &mut Vec<Range<usize>>, wanted: usize) -> Vec<Range<usize>> {
    let mut taken = 0;
    let fits = |document: &mut Range<usize>| {
        let take = taken < wanted && taken + document.len() <= 2 * wanted;
        taken += if take { document.len() } else { 0 };
        take
    };
    documents.extract_if(.., fits).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(ranges: &[Range<usize>]) -> usize {
        ranges.iter().map(Range::len).sum()
    }

    fn overlap(split: &Split) -> bool {
        let meets = |a: &Range<usize>, b: &Range<usize>| a.start < b.end && b.start < a.end;
        let parts = [&split.train, &split.validation, &split.test];
        let apart = |i: usize, j: usize| !parts[i].iter().any(|a| parts[j].iter().any(|b| meets(a, b)));
        !(apart(0, 1) && apart(0, 2) && apart(1, 2))
    }

    #[test]
    fn several_documents_go_whole_to_one_part_or_the_other() {
        let corpus = Corpus::new((0..40).map(|i| format!("{i}").repeat(100 + i)));
        let split = Split::of(&corpus);
        let mut all = [split.train.clone(), split.validation.clone(), split.test.clone()].concat();
        all.sort_by_key(|d| d.start);
        assert_eq!(all, corpus.documents());
        for part in [&split.validation, &split.test] {
            let share = bytes(part) as f64 / corpus.text_bytes() as f64;
            assert!((0.1..=0.2).contains(&share), "{share}");
        }
    }

    #[test]
    fn the_choice_of_documents_does_not_depend_on_their_order() {
        let documents: Vec<_> = (0..40).map(|i| format!("{i}").repeat(100 + i)).collect();
        let chosen = |documents: &[String]| {
            let corpus = Corpus::new(documents);
            let split = Split::of(&corpus);
            let mut texts: Vec<_> = split.test.iter().map(|d| corpus.bytes()[d.clone()].to_vec()).collect();
            texts.sort();
            texts
        };
        let reversed: Vec<_> = documents.iter().rev().cloned().collect();
        assert_eq!(chosen(&documents), chosen(&reversed));
    }

    #[test]
    fn one_document_gives_its_last_two_tenths_behind_gaps() {
        let corpus = Corpus::new(["x".repeat(10_000)]);
        let Split { train, validation, test } = Split::of(&corpus);
        let start = corpus.documents()[0].start;
        let at = |from, to| Vec::from_iter(Some(start + from..start + to));
        assert_eq!((train, validation, test), (at(0, 7_800), at(7_900, 8_900), at(9_000, 10_000)));
    }

    #[test]
    fn a_large_document_is_cut_rather_than_left_out_of_training() {
        let corpus = Corpus::new(["a".repeat(9_000), "b".repeat(8_000)]);
        let split = Split::of(&corpus);
        assert_eq!([&split.train, &split.validation, &split.test].map(Vec::len), [2, 2, 2]);
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
