//! Numbers as people read them: four significant digits, signs where a change is meant.

/// Four significant digits, in plain notation between 0.001 and 1e6 and in powers of ten beyond.
pub(crate) fn number(x: f64) -> String {
    let size = x.abs();
    if x == 0.0 {
        "0".to_owned()
    } else if (1e-3..1e6).contains(&size) {
        let digits = 3 - size.log10().floor() as i32;
        format!("{x:.*}", usize::try_from(digits.max(0)).unwrap_or(0))
    } else {
        format!("{x:.3e}")
    }
}

/// A relative change in percent, signed.
pub(crate) fn percent(x: f64) -> String {
    format!("{:+.2} %", 100.0 * x)
}

/// A signed difference of fitness.
pub(crate) fn difference(x: f64) -> String {
    format!("{x:+.4}")
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_significant_digits() {
        let texts: Vec<_> = [0.0, 2.163_456, 0.012_345_6, 1234.56, 1.5e9, -0.5].into_iter().map(number).collect();
        assert_eq!(texts, ["0", "2.163", "0.01235", "1235", "1.500e9", "-0.5000"]);
    }

    #[test]
    fn changes_are_signed() {
        assert_eq!(
            (percent(0.0123), percent(-0.5), difference(0.01)),
            ("+1.23 %".into(), "-50.00 %".into(), "+0.0100".into())
        );
    }

    #[test]
    fn lists_read_as_prose() {
        let words = |n: usize| ["a", "b", "c"][..n].iter().map(|&w| w.to_owned()).collect::<Vec<_>>();
        assert_eq!([0, 1, 2, 3].map(|n| list(&words(n))), ["", "a", "a and b", "a, b and c"]);
    }
}
