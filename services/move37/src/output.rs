//! Writing answers. A reader that has gone away (`move37 tail | head`) ends the command quietly.

use std::io::Write;

/// Print a line to standard output.
pub fn line(text: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "{}", text.as_ref()).and_then(|()| out.flush()).is_err() {
        std::process::exit(0);
    }
}

/// Print a value as one line of JSON.
pub fn json(value: &serde_json::Value) {
    line(value.to_string());
}
