//! Multiple-choice questions, answered by log-likelihood.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::{Cancel, Trainer};
use crate::Error;
use crate::data::lines;
use crate::task::Batch;

/// A question with its choices: a line of a file of JSON lines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is read before each choice.
    pub context: String,
    /// Texts that may follow, their leading spaces included.
    pub choices: Vec<String>,
    /// Number of the right one, from 0.
    pub label: usize,
}

/// How a trained language model answers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Chosen {
    /// Share of questions whose right choice has the greatest log-likelihood.
    pub acc: f64,
    /// The same with the log-likelihood divided by the choice's bytes.
    pub acc_norm: f64,
    /// What a guess yields.
    pub chance: f64,
    /// Questions.
    pub questions: usize,
}

impl Question {
    /// The questions of a file of JSON lines `{"context": .., "choices": [..], "label": ..}`.
    ///
    /// # Errors
    /// If it cannot be read, has no questions, or a line is none.
    pub fn read(path: &Path) -> Result<Vec<Question>, Error> {
        let bad = |line, why: String| Error::Line { path: path.to_owned(), line, why };
        let mut questions = Vec::new();
        for found in lines(path)? {
            let (line, value) = found?;
            let question: Question = serde_json::from_value(value).map_err(|error| {
                let form = "{\"context\": \"..\", \"choices\": [\"..\", \"..\"], \"label\": 0}";
                bad(line, format!("is no question ({error}); write {form}"))
            })?;
            let Question { choices, label, .. } = &question;
            if *label >= choices.len() {
                let why = format!("has the label {label} but {} choices; labels count from 0", choices.len());
                return Err(bad(line, why));
            }
            if choices.iter().any(String::is_empty) {
                return Err(bad(line, "has an empty choice; every choice needs a text".to_owned()));
            }
            questions.push(question);
        }
        match questions.is_empty() {
            true => Err(Error::EmptyText { path: path.to_owned() }),
            false => Ok(questions),
        }
    }
}

impl Trainer {
    /// Answer questions: the log-likelihood of each choice behind its context, of which the end is read where both do not fit.
    ///
    /// # Errors
    /// If the task is no language modelling, a choice alone is longer than the sequence, or the run is cancelled.
    pub fn choose(&self, questions: &[Question], cancel: &Cancel) -> Result<Chosen, Error> {
        let mut rows = Vec::new();
        for question in questions {
            for choice in &question.choices {
                rows.push(self.row(&question.context, choice)?);
            }
        }
        let mut likelihoods = Vec::with_capacity(rows.len());
        for chunk in rows.chunks(self.job().training.batch) {
            let mut batch = Batch::with_capacity(self.job().training.batch, self.task().length());
            chunk.iter().for_each(|row| batch.push(row.iter().copied()));
            batch.pad(self.job().training.batch);
            let (losses, _) = self.answers(&batch, cancel)?;
            let sums = losses.chunks(batch.length).map(|row| -row.iter().map(|&loss| f64::from(loss)).sum::<f64>());
            likelihoods.extend(sums.take(chunk.len()));
        }
        Ok(judge(questions, &likelihoods))
    }

    fn row(&self, context: &str, choice: &str) -> Result<Vec<(usize, Option<usize>)>, Error> {
        let encode = |text: &str| match self.task().encode(text) {
            Some(tokens) => tokens,
            None => Err(Error::Settings("choices need a language model; train on bytes or tokens".to_owned())),
        };
        let length = self.task().length();
        let choice = encode(choice)?;
        // Without a context, a line end stands before the choice.
        let context = encode(if context.is_empty() { "\n" } else { context })?;
        if choice.len() > length {
            let why = format!("a choice has {} tokens, more than the sequence of {length}", choice.len());
            return Err(Error::Settings(why));
        }
        let scored = choice.len();
        let mut whole = context;
        whole.extend(choice);
        let whole = &whole[whole.len().saturating_sub(length + 1)..];
        let first = whole.len() - 1 - scored;
        let mut row: Vec<_> =
            whole.windows(2).enumerate().map(|(i, pair)| (pair[0], (i >= first).then_some(pair[1]))).collect();
        row.resize(length, (0, None));
        Ok(row)
    }
}

/// The shares that follow from the log-likelihoods of all choices of all questions, in order.
fn judge(questions: &[Question], likelihoods: &[f64]) -> Chosen {
    let (mut acc, mut acc_norm, mut chance, mut at) = (0.0, 0.0, 0.0, 0);
    for Question { choices, label, .. } in questions {
        let own = &likelihoods[at..at + choices.len()];
        at += choices.len();
        let best = |score: &dyn Fn(usize) -> f64| {
            (0..choices.len()).max_by(|&a, &b| score(a).total_cmp(&score(b)).then(b.cmp(&a)))
        };
        acc += f64::from(u8::from(best(&|i| own[i]) == Some(*label)));
        acc_norm += f64::from(u8::from(best(&|i| own[i] / choices[i].len() as f64) == Some(*label)));
        chance += 1.0 / choices.len() as f64;
    }
    let n = questions.len() as f64;
    Chosen { acc: acc / n, acc_norm: acc_norm / n, chance: chance / n, questions: questions.len() }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::data::Corpus;
    use crate::fixtures;
    use crate::run::JobSpec;
    use crate::task::TaskSpec;

    fn question(context: &str, choices: &[&str], label: usize) -> Question {
        Question { context: context.to_owned(), choices: choices.iter().map(|c| (*c).to_owned()).collect(), label }
    }

    #[test]
    fn the_likeliest_choice_counts_and_is_normalised_by_bytes() {
        let questions = [question("", &["ab", "abcd"], 1), question("", &["a", "b", "c"], 0)];
        let chosen = judge(&questions, &[-2.0, -3.0, -1.0, -2.0, -3.0]);
        assert_eq!((chosen.acc, chosen.acc_norm, chosen.questions), (0.5, 1.0, 2));
        assert!((chosen.chance - 5.0 / 12.0).abs() < 1e-12);
    }

    const SOURCE: &str = "\
import torch, torch.nn as nn

class Mixer(nn.Module):
    def __init__(self, d_model):
        super().__init__()
        self.near = nn.Conv1d(d_model, d_model, 4, groups=d_model, padding=3)
        self.out = nn.Linear(d_model, d_model, bias=False)

    def forward(self, x):
        return self.out(self.near(x.transpose(1, 2))[:, :, : x.shape[1]].transpose(1, 2))
";

    #[test]
    fn a_trained_model_prefers_what_its_text_goes_on_with() {
        let data = tempfile::tempdir().unwrap();
        let corpus = Corpus::new([fixtures::text(1, 20_000)]);
        corpus.store(data.path()).unwrap();
        let task = TaskSpec::Bytes { corpus: corpus.hash(), length: 16 };
        let mut job = JobSpec { source: SOURCE.to_owned(), task, ..fixtures::job(80) };
        job.training.batch = 8;
        let mut trainer = Trainer::new(&job, data.path()).unwrap();
        (0..80).for_each(|_| assert!(trainer.step().is_ok()));
        let questions = [
            question("the king speak no more of the ", &["king ", "xqzj "], 0),
            question("", &["zzzz", "the "], 1),
            question("and qu", &["een ", "xxx "], 0),
        ];
        let chosen = trainer.choose(&questions, &Cancel::default()).unwrap();
        assert_eq!((chosen.acc, chosen.acc_norm, chosen.chance), (1.0, 1.0, 0.5));
        let long = question("a", &["this choice is longer than the sequence", "b"], 0);
        assert!(trainer.choose(&[long], &Cancel::default()).unwrap_err().to_string().contains("sequence of 16"));
    }

    #[test]
    fn a_line_that_is_no_question_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("q.jsonl");
        let read = |text: &str| {
            std::fs::write(&path, text).unwrap();
            Question::read(&path)
        };
        let good = "{\"context\": \"a\", \"choices\": [\"b\", \"c\"], \"label\": 1}\n";
        assert_eq!(read(good).unwrap(), [question("a", &["b", "c"], 1)]);
        let label = good.replace("1}", "2}");
        assert!(read(&label).unwrap_err().to_string().contains("line 1 has the label 2 but 2 choices"));
        assert!(read("{}\n").unwrap_err().to_string().contains("write {\"context\""));
        assert!(matches!(read("").unwrap_err(), Error::EmptyText { .. }));
    }
}
