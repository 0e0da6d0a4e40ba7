//! Sequences with what is to be predicted at each position.

/// Row-major `[rows, length]` arrays.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Sequences.
    pub rows: usize,
    /// Positions of a sequence.
    pub length: usize,
    /// What the model reads.
    pub tokens: Vec<i64>,
    /// What it should answer at the same position.
    pub targets: Vec<i64>,
    /// 1 where the answer counts, 0 where it does not.
    pub weights: Vec<f32>,
    /// Bytes of text that the answers that count stand for; 0 where they are no text.
    pub bytes: u64,
}

impl Batch {
    /// No sequences yet.
    pub(crate) fn with_capacity(rows: usize, length: usize) -> Self {
        let n = rows * length;
        let (tokens, targets, weights) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
        Self { rows: 0, length, tokens, targets, weights, bytes: 0 }
    }

    /// Add a sequence: what is read at each position, and the answer where one counts.
    pub(crate) fn push(&mut self, sequence: impl IntoIterator<Item = (usize, Option<usize>)>) {
        self.rows += 1;
        for (token, answer) in sequence {
            self.tokens.push(number(token));
            self.targets.push(number(answer.unwrap_or(0)));
            self.weights.push(if answer.is_some() { 1.0 } else { 0.0 });
        }
    }

    /// Add sequences of zeros that count nothing, up to `rows`.
    pub(crate) fn pad(&mut self, rows: usize) {
        self.rows = rows.max(self.rows);
        let n = self.rows * self.length;
        self.tokens.resize(n, 0);
        self.targets.resize(n, 0);
        self.weights.resize(n, 0.0);
    }

    /// Positions whose answer counts.
    pub fn scored(&self) -> usize {
        self.weights.iter().filter(|&&w| w > 0.0).count()
    }
}

fn number(token: usize) -> i64 {
    i64::try_from(token).expect("a vocabulary is far smaller")
}
