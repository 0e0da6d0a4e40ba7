//! A text cut into pieces that mutations can exchange.

/// A sort of piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Name,
    Number,
    Text,
    Space,
    Break,
    Sign,
}

/// One piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub kind: Kind,
    pub text: String,
}

impl Token {
    pub fn new(kind: Kind, text: impl Into<String>) -> Self {
        Self { kind, text: text.into() }
    }
}

/// Cut. Nothing is lost: the pieces joined are the text.
pub fn cut(text: &str) -> Vec<Token> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let start = i;
        let first = chars[i];
        let kind = if first == '\n' {
            i += 1;
            Kind::Break
        } else if first.is_whitespace() {
            i = run(&chars, i, |c| c.is_whitespace() && c != '\n');
            Kind::Space
        } else if first.is_alphabetic() || first == '_' {
            i = run(&chars, i, |c| c.is_alphanumeric() || c == '_');
            Kind::Name
        } else if first.is_ascii_digit() {
            i = run(&chars, i, |c| c.is_alphanumeric() || c == '.' || c == '_');
            Kind::Number
        } else if first == '\'' || first == '"' {
            i = (i + 1..chars.len()).find(|&j| chars[j] == first || chars[j] == '\n').map_or(chars.len(), |j| j + 1);
            Kind::Text
        } else {
            i += match (first, chars.get(i + 1)) {
                ('*', Some('*')) | ('/', Some('/')) | ('<', Some('<')) | ('>', Some('>')) => 2,
                ('=' | '!' | '<' | '>' | '+' | '-' | '*' | '/' | ':' | '@', Some('=')) => 2,
                _ => 1,
            };
            Kind::Sign
        };
        tokens.push(Token::new(kind, chars[start..i].iter().collect::<String>()));
    }
    tokens
}

fn run(chars: &[char], from: usize, inside: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|&j| !inside(chars[j])).unwrap_or(chars.len())
}

/// Put together again.
pub fn join(tokens: &[Token]) -> String {
    tokens.iter().map(|t| t.text.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost() {
        let text = "def f(x):\n\treturn 'a\"' + x[..., 1:2] ** 0x1F // é  # \u{1F600} \"open\n";
        assert_eq!(join(&cut(text)), text);
        assert_eq!(cut("a**=2.5")[1], Token::new(Kind::Sign, "**"));
    }
}
