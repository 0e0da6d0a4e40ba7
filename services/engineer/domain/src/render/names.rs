//! Keeping the names of two texts apart.

/// Every name that a rendered text defines at its top level.
const OURS: [&str; 9] = [
    "CHUNK",
    "causal_filter",
    "split_chunks",
    "merge_chunks",
    "unit_lower_inverse",
    "delta_rule",
    "linear_attention",
    "attention",
    "Mixer",
];

/// `text` with those of its top-level names renamed that `other` uses too.
pub fn apart(text: &str, other: &str) -> String {
    let taken: Vec<&str> = words(other).filter(|(is_name, _)| *is_name).map(|(_, word)| word).collect();
    let renamed = |name: &str| {
        let mut fresh = name.to_owned();
        for n in 2.. {
            if !taken.contains(&fresh.as_str()) {
                break;
            }
            fresh = format!("{name}_{n}");
        }
        fresh
    };
    words(text)
        .map(|(is_name, word)| if is_name && OURS.contains(&word) { renamed(word) } else { word.to_owned() })
        .collect()
}

/// A text cut into names and what lies between them.
fn words(text: &str) -> impl Iterator<Item = (bool, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let first = rest.chars().next()?;
        let in_name = |c: char| c.is_alphanumeric() || c == '_';
        let is_name = in_name(first);
        let end = rest.find(|c| in_name(c) != is_name).unwrap_or(rest.len());
        let (word, tail) = rest.split_at(end);
        rest = tail;
        Some((is_name, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_in_use_are_renamed() {
        let text = "def attention(q):\n    return causal_filter(q)\n";
        let other = "def attention(x):\n    return attention_2(x)\n";
        assert_eq!(apart(text, other), "def attention_3(q):\n    return causal_filter(q)\n");
        assert_eq!(apart(text, "x = 1\n"), text);
    }
}
