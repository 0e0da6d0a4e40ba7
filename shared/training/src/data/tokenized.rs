//! A text as tokens, kept beside it.

use std::ops::Range;
use std::path::Path;

use move37_core::Hash;

use super::corpus::store;
use super::mapped::Mapped;
use super::{Corpus, Part, Split, Tokenizer};
use crate::Error;

/// First bytes of a stored file; then the digest (in hexadecimal) of all that follows: for each of the three parts the number of its ranges and
/// the number of tokens of each (u64), then token and bytes of text of every token (u32 each), all little-endian.
const MAGIC: &[u8; 8] = b"M37TOKN1";
const HEAD: usize = 8 + 64;
const PARTS: [Part; 3] = [Part::Train, Part::Validation, Part::Test];

/// The tokens of a corpus, document by document, the parts one after the other. Mapped into memory, not read into it.
#[derive(Clone)]
pub struct Tokenized {
    stored: Mapped,
    /// Where the tokens begin.
    first: usize,
    parts: [Vec<Range<usize>>; 3],
}

impl std::fmt::Debug for Tokenized {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenized({} tokens)", (self.stored.len() - self.first) / 8)
    }
}

impl Tokenized {
    /// The tokens of a stored corpus, made the first time and kept in the data folder. Each part is encoded by itself.
    ///
    /// # Errors
    /// A text that is not UTF-8; a folder that cannot be written.
    pub fn of(corpus: &Corpus, tokenizer: &Tokenizer, folder: &Path) -> Result<Self, Error> {
        let name = Hash::of_fields([corpus.hash().to_string().as_bytes(), tokenizer.hash().to_string().as_bytes()]);
        let path = folder.join(format!("{name}.tokens"));
        if let Some(found) = Mapped::open(&path).ok().and_then(Self::read) {
            return Ok(found);
        }
        let split = Split::of(corpus);
        let (mut sizes, mut tokens) = (Vec::new(), Vec::new());
        for part in PARTS {
            let ranges = split.part(part);
            sizes.extend((ranges.len() as u64).to_le_bytes());
            for range in ranges {
                let encoded = tokenizer.encode(&corpus.bytes()[range.clone()])?;
                sizes.extend((encoded.len() as u64).to_le_bytes());
                tokens.extend(encoded.into_iter().flat_map(|(token, bytes)| [token, bytes]).flat_map(u32::to_le_bytes));
            }
        }
        let body = [sizes, tokens].concat();
        let digest = Hash::of(&body).to_string();
        store(&path, &[MAGIC, digest.as_bytes(), &body].concat())?;
        let mapped = Mapped::open(&path).map_err(|source| Error::Read { path: path.clone(), source })?;
        Self::read(mapped).ok_or_else(|| Error::Tokenizer(format!("{} was changed meanwhile", path.display())))
    }

    fn read(stored: Mapped) -> Option<Self> {
        let digest = Hash::of(stored.get(HEAD..)?).to_string();
        let whole = stored.starts_with(MAGIC) && digest.as_bytes() == stored.get(8..HEAD)?;
        if !whole {
            return None;
        }
        let mut at = HEAD;
        let mut next = || -> Option<usize> {
            let bytes = stored.get(at..at + 8)?.try_into().expect("eight bytes");
            at += 8;
            usize::try_from(u64::from_le_bytes(bytes)).ok()
        };
        let mut parts = [const { Vec::new() }; 3];
        let mut end = 0;
        for part in &mut parts {
            for _ in 0..next()? {
                let start = end;
                end += next()?;
                part.push(start..end);
            }
        }
        (stored.len() == at + 8 * end).then_some(Self { first: at, parts, stored })
    }

    /// Ranges of a part in tokens.
    pub fn part(&self, part: Part) -> &[Range<usize>] {
        let index = PARTS.iter().position(|known| *known == part).expect("all parts are listed");
        &self.parts[index]
    }

    /// Tokens of a range, each with the bytes of text that it stands for.
    pub fn tokens(&self, range: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
        let bytes = &self.stored[self.first + 8 * range.start..self.first + 8 * range.end];
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("four bytes"));
        bytes.chunks_exact(8).map(move |pair| (number(&pair[..4]) as usize, u64::from(number(&pair[4..]))))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::fixtures::text;

    #[test]
    fn the_tokens_of_a_text_are_made_once_and_made_anew_when_damaged() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new([text(1, 9_000), text(2, 8_000)]);
        let tokenizer = Tokenizer::train(&corpus, 280, folder.path()).unwrap();
        let tokenized = Tokenized::of(&corpus, &tokenizer, folder.path()).unwrap();
        let split = Split::of(&corpus);
        for part in PARTS {
            let ranges = tokenized.part(part);
            assert_eq!(ranges.len(), split.part(part).len());
            for (range, bytes) in ranges.iter().zip(split.part(part)) {
                let encoded = tokenizer.encode(&corpus.bytes()[bytes.clone()]).unwrap();
                let expected: Vec<_> = encoded.iter().map(|&(t, n)| (t as usize, u64::from(n))).collect();
                assert_eq!(tokenized.tokens(range.clone()).collect::<Vec<_>>(), expected);
                assert_eq!(expected.iter().map(|token| token.1).sum::<u64>(), bytes.len() as u64);
            }
        }
        let files = || std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path());
        let file = files().find(|path| path.extension().is_some_and(|ending| ending == "tokens")).unwrap();
        let mut damaged = std::fs::read(&file).unwrap();
        drop(tokenized);
        let last = damaged.len() - 1;
        damaged[last] ^= 1;
        std::fs::remove_file(&file).unwrap();
        std::fs::write(&file, &damaged).unwrap();
        let anew = Tokenized::of(&corpus, &tokenizer, folder.path()).unwrap();
        assert_ne!(std::fs::read(&file).unwrap(), damaged);
        assert_eq!(anew.part(Part::Test).len(), 2);
    }
}
