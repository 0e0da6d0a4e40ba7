//! How weights and a text do not fit each other.

use std::fmt;

/// Everything about a file that does not fit a layer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Misfit {
    /// Parameters that the file lacks, with their shapes.
    pub missing: Vec<(String, Vec<usize>)>,
    /// Names in the file that the layer does not have.
    pub unexpected: Vec<String>,
    /// Names whose shape or dtype is another: what the file has, and what the layer needs.
    pub shapes: Vec<(String, String, String)>,
    /// Buffers that the text draws at random and the file lacks.
    pub drawn: Vec<(String, Vec<usize>)>,
    /// Pairs of names of one tensor, for which the file has different values.
    pub differing: Vec<(String, String)>,
}

/// Names of each sort that are told.
const TOLD: usize = 4;

impl Misfit {
    /// Whether everything fits.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What to take off names of the file so that all that is missing is there.
    pub fn prefix(&self) -> Option<&str> {
        let (first, _) = self.missing.first()?;
        let longer = self.unexpected.iter().filter_map(|name| name.strip_suffix(first.as_str()));
        longer.filter(|prefix| !prefix.is_empty()).find(|prefix| {
            let there = |name: &str| self.unexpected.iter().any(|u| u.strip_prefix(*prefix) == Some(name));
            self.missing.iter().all(|(name, _)| there(name))
        })
    }

    /// What to do about it.
    pub fn next_step(&self) -> String {
        if let Some(prefix) = self.prefix() {
            return format!("pass --prefix {prefix} to take the names that begin so");
        }
        if self.missing.is_empty() && self.unexpected.is_empty() && self.shapes.is_empty() {
            return match self.drawn.is_empty() {
                true => "keep one of the two names".to_owned(),
                false => "add them to the file by name, or register them with persistent=True".to_owned(),
            };
        }
        "save the state_dict() of the same class, made with the same arguments (--class, --arg, --heads)".to_owned()
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shaped = |(name, shape): &(String, Vec<usize>)| format!("{name} {shape:?}");
        let mut parts = Vec::new();
        if !self.missing.is_empty() {
            parts.push(format!("the file lacks {}", some(self.missing.iter().map(shaped))));
        }
        if !self.unexpected.is_empty() {
            parts.push(format!("the layer does not have {}", some(self.unexpected.iter().cloned())));
        }
        if !self.shapes.is_empty() {
            let told = self.shapes.iter().map(|(name, got, needed)| format!("{name} is {got} instead of {needed}"));
            parts.push(some(told));
        }
        if !self.drawn.is_empty() {
            let told = some(self.drawn.iter().map(shaped));
            parts.push(format!("the file lacks buffers that the text draws at random: {told}"));
        }
        if !self.differing.is_empty() {
            let told = self.differing.iter().map(|(a, b)| format!("{a} and {b}"));
            parts.push(format!("the file has different values for names of one tensor: {}", some(told)));
        }
        f.write_str(&parts.join("; "))
    }
}

fn some(items: impl ExactSizeIterator<Item = String>) -> String {
    let more = items.len().saturating_sub(TOLD);
    let told = items.take(TOLD).collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{told} and {more} more") } else { told }
}

#[cfg(test)]
mod tests {
    use super::Misfit;

    fn misfit() -> Misfit {
        Misfit {
            missing: vec![("a.weight".to_owned(), vec![4, 8]), ("b".to_owned(), vec![2])],
            unexpected: vec!["model.a.weight".to_owned(), "model.b".to_owned()],
            ..Misfit::default()
        }
    }

    #[test]
    fn names_shapes_and_the_next_step_are_told() {
        let told = misfit().to_string();
        assert_eq!(told, "the file lacks a.weight [4, 8], b [2]; the layer does not have model.a.weight, model.b");
        assert!(misfit().next_step().starts_with("pass --prefix model. "));
        let other = Misfit { unexpected: vec!["model.a.weight".to_owned(), "x".to_owned()], ..misfit() };
        assert!(other.next_step().starts_with("save the state_dict()"), "{}", other.next_step());
        let many = Misfit { unexpected: (0..6).map(|i| format!("x{i}")).collect(), ..Misfit::default() };
        assert_eq!(many.to_string(), "the layer does not have x0, x1, x2, x3 and 2 more");
        let drawn = Misfit { drawn: vec![("p".to_owned(), vec![3])], ..Misfit::default() };
        assert!(drawn.to_string().contains("draws at random: p [3]"));
        assert!(drawn.next_step().contains("persistent=True"));
    }
}
