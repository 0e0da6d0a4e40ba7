//! Breaking working layers.

use move37_core::{Draw, ExperimentId};

use crate::snippets::{NUMBERS, SIGNS, STATEMENTS};
use crate::tokens::{Kind, Token, cut, join};

/// Makes the n-th hostile text out of the layers it was given.
pub struct Mutator {
    layers: Vec<String>,
    names: Vec<String>,
}

impl Mutator {
    /// From these layers, whose names are what is exchanged.
    pub fn new(layers: Vec<String>) -> Self {
        let tokens = layers.iter().flat_map(|text| cut(text));
        let mut names: Vec<String> = tokens.filter(|t| t.kind == Kind::Name).map(|t| t.text).collect();
        names.sort_unstable();
        names.dedup();
        Self { layers, names }
    }

    /// The text of this number: the same for the same layers.
    pub fn text(&self, number: u64) -> String {
        let mut draw = Draw::new(number, ExperimentId(0), "hostile", "text", 0);
        let layer = draw.pick(&self.layers).cloned().unwrap_or_default();
        self.mutated(&layer, &mut draw)
    }

    /// A text broken in one to eight places.
    pub fn mutated(&self, text: &str, draw: &mut Draw) -> String {
        let mut text = text.to_owned();
        for _ in 0..=draw.below(3) * draw.below(4) {
            text = match draw.below(12) {
                0..=6 => self.in_tokens(&text, draw),
                7..=9 => self.in_lines(&text, draw),
                10 => deep(&text, draw),
                _ => noise(&text, draw),
            };
        }
        text
    }

    fn in_tokens(&self, text: &str, draw: &mut Draw) -> String {
        let mut tokens = cut(text);
        let solid: Vec<usize> = (0..tokens.len()).filter(|&i| tokens[i].kind != Kind::Space).collect();
        let Some(&at) = draw.pick(&solid) else { return text.to_owned() };
        let of = |kind: Kind| move |t: &&Token| t.kind == kind;
        match draw.below(6) {
            0 => {
                tokens.remove(at);
            }
            1 => {
                let copy: Vec<Token> = tokens[at..(at + 1 + draw.below(12)).min(tokens.len())].to_vec();
                tokens.splice(at..at, copy);
            }
            2 => {
                let other = *draw.pick(&solid).expect("not empty: one was picked");
                tokens.swap(at, other);
            }
            3 if tokens.iter().any(|t| t.kind == Kind::Number) => {
                let numbers: Vec<usize> = (0..tokens.len()).filter(|&i| of(Kind::Number)(&&tokens[i])).collect();
                let at = *draw.pick(&numbers).expect("there is one");
                tokens[at].text = (*draw.pick(NUMBERS).expect("a constant list")).to_owned();
            }
            _ => match tokens[at].kind {
                Kind::Name => tokens[at].text = self.name(draw),
                Kind::Number => tokens[at].text = (*draw.pick(NUMBERS).expect("a constant list")).to_owned(),
                Kind::Text => tokens[at].text = format!("'{}'", self.name(draw)),
                Kind::Sign => tokens[at].text = (*draw.pick(SIGNS).expect("a constant list")).to_owned(),
                Kind::Space | Kind::Break => tokens[at].text.push_str("    "),
            },
        }
        join(&tokens)
    }

    fn name(&self, draw: &mut Draw) -> String {
        draw.pick(&self.names).cloned().unwrap_or_else(|| "x".to_owned())
    }

    fn in_lines(&self, text: &str, draw: &mut Draw) -> String {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.is_empty() {
            return text.to_owned();
        }
        let at = draw.below(lines.len());
        match draw.below(5) {
            0 => {
                lines.remove(at);
            }
            1 => {
                let line = lines[draw.below(lines.len())].clone();
                lines.insert(at, line);
            }
            2 => {
                let other = draw.below(lines.len());
                lines.swap(at, other);
            }
            3 => {
                let layer = draw.pick(&self.layers).cloned().unwrap_or_default();
                let other: Vec<&str> = layer.lines().collect();
                if let Some(line) = draw.pick(&other) {
                    lines.insert(at, format!("{}{}", margin(&lines[at]), line.trim_start()));
                }
            }
            _ => {
                let statement = draw.pick(STATEMENTS).expect("a constant list");
                lines.insert(at, format!("{}{statement}", margin(&lines[at])));
            }
        }
        lines.join("\n")
    }
}

fn margin(line: &str) -> &str {
    &line[..line.len() - line.trim_start().len()]
}

/// A name or number wrapped many times over.
fn deep(text: &str, draw: &mut Draw) -> String {
    const WRAPS: [(&str, &str); 10] = [
        ("(", ")"),
        ("[", "]"),
        ("-", ""),
        ("not ", ""),
        ("(lambda: ", ")()"),
        ("f'{", "}'"),
        ("torch.relu(", ")"),
        ("{0: ", "}[0]"),
        ("(x := ", ")"),
        ("", ".T"),
    ];
    let mut tokens = cut(text);
    let values: Vec<usize> =
        (0..tokens.len()).filter(|&i| matches!(tokens[i].kind, Kind::Name | Kind::Number)).collect();
    let Some(&at) = draw.pick(&values) else { return text.to_owned() };
    let (before, after) = *draw.pick(&WRAPS).expect("a constant list");
    let times = *draw.pick(&[2, 10, 99, 400, 3000, 20_000]).expect("a constant list");
    tokens[at].text = format!("{}{}{}", before.repeat(times), tokens[at].text, after.repeat(times));
    join(&tokens)
}

/// Characters out of place.
fn noise(text: &str, draw: &mut Draw) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for _ in 0..=draw.below(4) {
        let at = draw.below(chars.len() + 1);
        let any = char::from_u32(draw.below(0x3000) as u32).unwrap_or('\0');
        match draw.below(3) {
            0 => chars.insert(at, any),
            1 if at < chars.len() => chars[at] = any,
            _ => chars.truncate(at.max(chars.len() / 2)),
        }
    }
    chars.into_iter().collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_number_names_a_text_and_texts_differ() {
        let mutator = || Mutator::new(crate::layers().unwrap());
        let (a, b) = (mutator(), mutator());
        let texts: Vec<String> = (0..50).map(|n| a.text(n)).collect();
        assert_eq!(texts, (0..50).map(|n| b.text(n)).collect::<Vec<_>>());
        let mut distinct = texts;
        distinct.sort();
        distinct.dedup();
        assert!(distinct.len() > 45);
    }
}
