//! Signals, sent as a person would.

use std::process::Command;

/// A signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// End at once.
    Kill,
    /// End in good order.
    Term,
    /// Stand still.
    Stop,
    /// Go on.
    Continue,
}

impl Signal {
    /// Send it; false where there is no such process.
    pub fn send(self, process: u32) -> bool {
        let name = match self {
            Signal::Kill => "-KILL",
            Signal::Term => "-TERM",
            Signal::Stop => "-STOP",
            Signal::Continue => "-CONT",
        };
        let sent = Command::new("kill").args([name, &process.to_string()]).stderr(std::process::Stdio::null()).status();
        sent.is_ok_and(|status| status.success())
    }
}
