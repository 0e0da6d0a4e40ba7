//! As much of YAML as the documents need. Texts are quoted as in JSON, which YAML includes.

use std::fmt::Write;

/// A document or a part of it.
#[derive(Clone, Debug)]
pub(super) enum Yaml {
    Text(String),
    Integer(i64),
    List(Vec<Yaml>),
    /// In this order.
    Map(Vec<(String, Yaml)>),
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Yaml {
        Yaml::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Yaml {
        Yaml::Text(text)
    }
}

impl From<u32> for Yaml {
    fn from(number: u32) -> Yaml {
        Yaml::Integer(number.into())
    }
}

/// A map from names to values.
pub(super) fn map<K: Into<String>>(entries: impl IntoIterator<Item = (K, Yaml)>) -> Yaml {
    Yaml::Map(entries.into_iter().map(|(name, value)| (name.into(), value)).collect())
}

/// A list.
pub(super) fn list<V: Into<Yaml>>(items: impl IntoIterator<Item = V>) -> Yaml {
    Yaml::List(items.into_iter().map(Into::into).collect())
}

impl Yaml {
    /// The document's text, below a comment that says where it comes from.
    pub(super) fn document(&self, about: &str) -> String {
        let mut text = format!(
            "# {about}\n# Made from the table in shared/events (src/table.rs); write it anew with\n\
             #   MOVE37_WRITE_CONTRACT=1 cargo test -p move37-events --test contract\n"
        );
        self.write(&mut text, 0);
        text
    }

    fn write(&self, text: &mut String, depth: usize) {
        let indent = "  ".repeat(depth);
        match self {
            Yaml::Map(entries) => {
                for (name, value) in entries {
                    let _ = write!(text, "{indent}{}:", scalar(name));
                    value.write_after(text, depth + 1);
                }
            }
            Yaml::List(items) => {
                for item in items {
                    let start = text.len();
                    item.write(text, depth + 1);
                    // The item's first line begins with the dash.
                    text.replace_range(start..start + indent.len() + 2, &format!("{indent}- "));
                }
            }
            Yaml::Text(_) | Yaml::Integer(_) => {
                let _ = writeln!(text, "{indent}{}", self.plain());
            }
        }
    }

    /// After `name:` or on the lines below it.
    fn write_after(&self, text: &mut String, depth: usize) {
        match self {
            Yaml::Map(entries) if entries.is_empty() => text.push_str(" {}\n"),
            Yaml::List(items) if items.is_empty() => text.push_str(" []\n"),
            Yaml::Map(_) | Yaml::List(_) => {
                text.push('\n');
                self.write(text, depth);
            }
            Yaml::Text(_) | Yaml::Integer(_) => {
                let _ = writeln!(text, " {}", self.plain());
            }
        }
    }

    fn plain(&self) -> String {
        match self {
            Yaml::Integer(number) => number.to_string(),
            Yaml::Text(text) => scalar(text),
            Yaml::Map(_) | Yaml::List(_) => unreachable!("only scalars are written on one line"),
        }
    }
}

/// A text, quoted unless it is a word that YAML reads as itself.
fn scalar(text: &str) -> String {
    let is_word = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(&text.to_lowercase().as_str());
    if is_word { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_lists_and_quoting_are_yaml() {
        let inner = map([("operations", list(["Read", "Write"])), ("empty", Yaml::List(vec![]))]);
        let outer = Yaml::List(vec![map([("on", 3.into())]), inner]);
        let document = map([("list", outer), ("text", "a: \"b\" # c".into()), ("no", Yaml::Map(vec![]))]);
        let text = document.document("About.");
        let body: Vec<_> = text.lines().skip(3).collect();
        assert_eq!(
            body,
            [
                "list:",
                "  - \"on\": 3",
                "  - operations:",
                "      - Read",
                "      - Write",
                "    empty: []",
                "text: \"a: \\\"b\\\" # c\"",
                "\"no\": {}",
            ]
        );
    }
}
