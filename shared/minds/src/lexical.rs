//! Embeddings without a model: words and their trigrams, hashed.

/// Name of the method, to be told beside every distance.
pub const METHOD: &str = "lexical-1";

/// Numbers of an embedding.
pub const WIDTH: usize = 512;

/// Embeddings `[texts, WIDTH]` of length 1 (0 for texts without a word). The product of two is their cosine.
pub fn embed(texts: &[String]) -> Vec<Vec<f32>> {
    texts.iter().map(|text| one(text)).collect()
}

fn one(text: &str) -> Vec<f32> {
    let mut sums = vec![0.0_f32; WIDTH];
    let lower = text.to_lowercase();
    for word in lower.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty()) {
        add(&mut sums, word, 1.0);
        let letters: Vec<char> = format!("<{word}>").chars().collect();
        for three in letters.windows(3) {
            add(&mut sums, &three.iter().collect::<String>(), 0.25);
        }
    }
    let length = sums.iter().map(|sum| sum * sum).sum::<f32>().sqrt();
    if length > 0.0 {
        sums.iter_mut().for_each(|sum| *sum /= length);
    }
    sums
}

/// A bit of the hash gives the sign, so that collisions cancel on average.
fn add(sums: &mut [f32], gram: &str, weight: f32) {
    let hash = blake3::hash(gram.as_bytes());
    let [low, high, sign, ..] = *hash.as_bytes();
    let place = usize::from(u16::from_le_bytes([low, high])) % WIDTH;
    sums[place] += if sign & 1 == 0 { weight } else { -weight };
}
