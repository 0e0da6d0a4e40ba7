//! A unified diff applied by the book: context and removals must match, line by line.

/// The new text.
pub fn apply(old: &str, diff: &str) -> String {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let mut new = String::new();
    let mut at = 0;
    let mut lines = diff.split_inclusive('\n').skip(2).peekable();
    while let Some(line) = lines.next() {
        if let Some(header) = line.strip_prefix("@@ -") {
            let range = header.split(' ').next().unwrap();
            let (start, count) = range.split_once(',').unwrap_or((range, "1"));
            let first: usize = start.parse().unwrap();
            let first = if count == "0" { first } else { first - 1 };
            new.extend(old[at..first].iter().copied());
            at = first;
            continue;
        }
        let (mark, rest) = line.split_at(1);
        let bare = lines.next_if(|next| next.starts_with('\\')).is_some();
        let rest = if bare { rest.trim_end_matches('\n') } else { rest };
        if mark != "+" {
            assert_eq!(old[at], rest, "the diff does not fit its parent");
            at += 1;
        }
        if mark != "-" {
            new.push_str(rest);
        }
    }
    new.extend(old[at..].iter().copied());
    new
}
