//! Numbers and texts as people read them.

use std::time::Duration;

/// Three significant decimals, without noise: `0.613`, `12.4`, `1,204`.
pub fn number(value: f64) -> String {
    match value.abs() {
        a if !value.is_finite() || a >= 1e15 => format!("{value}"),
        a if a >= 1000.0 => count(value.round() as u64),
        a if a >= 10.0 => format!("{value:.1}"),
        a if a >= 1.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

/// A signed difference: `+0.041`.
pub fn change(value: f64) -> String {
    format!("{}{}", if value < 0.0 { "-" } else { "+" }, number(value.abs()))
}

/// With separators: `34,816`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Floating-point operations with a unit: `3.2 GFLOP`.
pub fn flops(value: f64) -> String {
    let units = [(1e21, "Z"), (1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    match units.into_iter().find(|(size, _)| value >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}FLOP", value / size),
        None => format!("{value:.0} FLOP"),
    }
}

/// Bytes with a unit: `16.4 KiB`.
pub fn bytes(value: f64) -> String {
    let units = [(30, "G"), (20, "M"), (10, "K")];
    match units.into_iter().map(|(power, unit)| (f64::from(1u32 << power), unit)).find(|(size, _)| value >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}iB", value / size),
        None => format!("{value:.0} B"),
    }
}

/// `45 s`, `3 min 20 s`, `2 h 5 min`.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// The text on one line, cut at a word after at most `width` characters.
pub fn one_line(text: &str, width: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let needed = word.chars().count() + usize::from(!line.is_empty());
        if length + needed > width {
            line.push_str(" ..");
            return line.trim_start().to_owned();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        length += needed;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(number(0.61349), "0.613");
        assert_eq!(number(2.345), "2.35");
        assert_eq!(number(1204.4), "1,204");
        assert_eq!(number(f64::NAN), "NaN");
        assert_eq!(change(-0.02), "-0.020");
        assert_eq!(count(34_816), "34,816");
        assert_eq!(count(1_000_000), "1,000,000");
        assert_eq!(flops(3.21e9), "3.2 GFLOP");
        assert_eq!(bytes(16_800.0), "16.4 KiB");
        assert_eq!(bytes(12.0), "12 B");
        assert_eq!(duration(Duration::from_secs(200)), "3 min 20 s");
        assert_eq!(duration(Duration::from_secs(7500)), "2 h 5 min");
    }

    #[test]
    fn a_long_text_is_cut_at_a_word() {
        assert_eq!(one_line("a gated  delta\nrule", 40), "a gated delta rule");
        assert_eq!(one_line("a gated delta rule", 8), "a gated ..");
    }
}
