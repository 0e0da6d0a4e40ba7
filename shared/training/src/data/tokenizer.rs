//! Byte-pair encodings by content.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use move37_core::Hash;
use tokenizers::decoders::byte_level::ByteLevel;
use tokenizers::models::bpe::{BPE, BpeTrainer};
use tokenizers::{NormalizerWrapper, TokenizerImpl};

use super::corpus::store;
use super::{Corpus, Part, Split};
use crate::Error;

/// Bytes of text that are encoded at once: texts are cut behind line ends into such pieces, so that large ones fit memory.
const PIECE: usize = 1 << 16;

/// A `tokenizer.json` of the Hugging Face library, stored once under its digest.
#[derive(Clone)]
pub struct Tokenizer {
    hash: Hash,
    inner: Arc<tokenizers::Tokenizer>,
}

impl std::fmt::Debug for Tokenizer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokenizer({}, {} tokens)", self.hash.short(), self.vocabulary())
    }
}

impl Tokenizer {
    /// Learn a byte-level byte-pair encoding of at most `vocabulary` tokens from the training part of a text, and store it.
    ///
    /// # Errors
    /// Fewer than 257 tokens; a text that is not UTF-8.
    pub fn train(corpus: &Corpus, vocabulary: usize, folder: &Path) -> Result<Self, Error> {
        if vocabulary <= 256 {
            let why = format!("a vocabulary of {vocabulary} is no more than the 256 bytes; ask for at least 257");
            return Err(Error::Tokenizer(why));
        }
        let mut pieces = Vec::new();
        for range in Split::of(corpus).part(Part::Train) {
            pieces.extend(self::pieces(text(&corpus.bytes()[range.clone()])?));
        }
        let mut trainer = BpeTrainer::builder()
            .vocab_size(vocabulary)
            .show_progress(false)
            .initial_alphabet(ByteLevel::alphabet().into_iter().collect())
            .build();
        let level = ByteLevel::new(false, false, true);
        let mut tokenizer: TokenizerImpl<BPE, NormalizerWrapper, ByteLevel, ByteLevel, ByteLevel> =
            TokenizerImpl::new(BPE::default());
        tokenizer.with_pre_tokenizer(Some(level)).with_decoder(Some(level));
        tokenizer.train(&mut trainer, pieces.into_iter()).map_err(unusable)?;
        let json = tokenizer.to_string(false).map_err(unusable)?;
        Self::stored(json.as_bytes(), folder)
    }

    /// A user's own `tokenizer.json`, stored in the data folder.
    ///
    /// # Errors
    /// If it cannot be read or is no tokenizer.
    pub fn import(path: &Path, folder: &Path) -> Result<Self, Error> {
        let json = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
        Self::stored(&json, folder)
    }

    /// The stored tokenizer of this digest.
    ///
    /// # Errors
    /// If it is not there, or not what its name says.
    pub fn open(folder: &Path, hash: Hash) -> Result<Self, Error> {
        let path = place(folder, hash);
        let json = fs::read(&path).map_err(|_| {
            let why = format!("{} is not there; give it again with --tokenizer", path.display());
            Error::Tokenizer(why)
        })?;
        if Hash::of(&json) != hash {
            return Err(Error::Tokenizer(format!("{} is damaged; delete it and give it again", path.display())));
        }
        Self::of(&json)
    }

    fn stored(json: &[u8], folder: &Path) -> Result<Self, Error> {
        let tokenizer = Self::of(json)?;
        store(&place(folder, tokenizer.hash), json)?;
        Ok(tokenizer)
    }

    fn of(json: &[u8]) -> Result<Self, Error> {
        let inner = tokenizers::Tokenizer::from_bytes(json).map_err(|error| {
            Error::Tokenizer(format!("it is no tokenizer.json of the Hugging Face library ({error})"))
        })?;
        Ok(Self { hash: Hash::of(json), inner: Arc::new(inner) })
    }

    /// Its digest, by which it is stored and found again.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Number of different tokens, added ones included.
    pub fn vocabulary(&self) -> usize {
        self.inner.get_vocab_size(true)
    }

    /// Tokens of a text, each with the bytes of text that it stands for. Where several tokens share a character, its bytes
    /// count for the first.
    ///
    /// # Errors
    /// A text that is not UTF-8.
    pub fn encode(&self, bytes: &[u8]) -> Result<Vec<(u32, u32)>, Error> {
        let mut tokens = Vec::with_capacity(bytes.len() / 3);
        for piece in pieces(text(bytes)?) {
            let encoding = self.inner.encode(piece, false).map_err(unusable)?;
            let mut told = 0;
            let first = tokens.len();
            for (&id, &(_, end)) in encoding.get_ids().iter().zip(encoding.get_offsets()) {
                let end = end.max(told);
                tokens.push((id, u32::try_from(end - told).expect("pieces are small")));
                told = end;
            }
            // What no token covers (a normalizer may drop it) counts for the last.
            if let Some(last) = tokens[first..].last_mut() {
                last.1 += u32::try_from(piece.len() - told).expect("pieces are small");
            }
        }
        Ok(tokens)
    }
}

fn place(folder: &Path, hash: Hash) -> PathBuf {
    folder.join(format!("{hash}.tokenizer.json"))
}

fn unusable(error: tokenizers::Error) -> Error {
    Error::Tokenizer(error.to_string())
}

/// The text of bytes that may begin or end within a character, without those ends.
fn text(bytes: &[u8]) -> Result<&str, Error> {
    let within = |byte: &&u8| **byte & 0b1100_0000 == 0b1000_0000;
    let start = bytes.iter().take(3).take_while(within).count();
    match std::str::from_utf8(&bytes[start..]) {
        Ok(text) => Ok(text),
        Err(error) if error.error_len().is_none() => {
            Ok(std::str::from_utf8(&bytes[start..start + error.valid_up_to()]).expect("valid up to there"))
        }
        Err(_) => Err(Error::Tokenizer("the text is not UTF-8; train on its bytes with the task `bytes`".to_owned())),
    }
}

/// Pieces of about 64 KiB that end behind a line, or else where a character does.
fn pieces(mut text: &str) -> Vec<&str> {
    let mut pieces = Vec::new();
    while text.len() > PIECE {
        let most = text.floor_char_boundary(PIECE);
        let end = text[..most].rfind('\n').map_or(most, |line| line + 1);
        let (piece, rest) = text.split_at(end);
        pieces.push(piece);
        text = rest;
    }
    if !text.is_empty() {
        pieces.push(text);
    }
    pieces
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::fixtures;

    #[test]
    fn a_learned_encoding_is_found_again_and_covers_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        let corpus = Corpus::new([fixtures::text(1, 20_000)]);
        let tokenizer = Tokenizer::train(&corpus, 300, folder.path()).unwrap();
        assert!((257..=300).contains(&tokenizer.vocabulary()), "{tokenizer:?}");
        let opened = Tokenizer::open(folder.path(), tokenizer.hash()).unwrap();
        let text = "the king and queen speak no more of lové\n";
        let tokens = opened.encode(text.as_bytes()).unwrap();
        assert_eq!(tokens.iter().map(|token| token.1 as usize).sum::<usize>(), text.len());
        assert!(tokens.len() < text.len() / 2, "{tokens:?}");
        let ids: Vec<u32> = tokens.iter().map(|token| token.0).collect();
        assert_eq!(opened.inner.decode(&ids, false).unwrap(), text);
    }

    #[test]
    fn a_text_is_cut_behind_lines_and_within_no_character() {
        let text = "ä\n".repeat(PIECE);
        let cut = pieces(&text);
        assert_eq!(cut.concat(), text);
        assert!(cut.iter().all(|piece| piece.len() <= PIECE && piece.ends_with('\n')));
        assert_eq!(super::text(&"äb".as_bytes()[1..]).unwrap(), "b");
        assert_eq!(super::text(&"bä".as_bytes()[..2]).unwrap(), "b");
        assert!(super::text(b"a\xffb").unwrap_err().to_string().contains("not UTF-8"));
    }

    #[test]
    fn what_is_no_tokenizer_is_refused_in_one_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("t.json");
        fs::write(&file, "{}").unwrap();
        assert!(Tokenizer::import(&file, folder.path()).unwrap_err().to_string().contains("no tokenizer.json"));
        let absent = Tokenizer::open(folder.path(), Hash::of(b"x")).unwrap_err().to_string();
        assert!(absent.contains("give it again with --tokenizer"), "{absent}");
        let corpus = Corpus::new(["a text"]);
        assert!(Tokenizer::train(&corpus, 256, folder.path()).unwrap_err().to_string().contains("at least 257"));
    }
}
