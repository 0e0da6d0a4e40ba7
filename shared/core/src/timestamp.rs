//! Points in time as data. Nothing here asks a clock.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970-01-01 UTC, written as RFC 3339.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(u64);

/// The text is no RFC 3339 time between 1970 and 9999.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no RFC 3339 time between 1970 and 9999")]
pub struct NotATime(String);

/// The last millisecond of 9999, beyond which RFC 3339 has no text.
const LAST: u64 = 253_402_300_799_999;

impl Timestamp {
    /// From milliseconds since 1970; later than 9999 becomes its last millisecond.
    pub fn from_millis(millis: u64) -> Timestamp {
        Timestamp(millis.min(LAST))
    }

    /// Milliseconds since 1970.
    pub fn millis(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .expect("the constructor keeps the value below the year 10000");
        f.write_str(&time.format(&Rfc3339).expect("four-digit years have an RFC 3339 text"))
    }
}

impl FromStr for Timestamp {
    type Err = NotATime;

    fn from_str(text: &str) -> Result<Self, NotATime> {
        let bad = || NotATime(text.to_owned());
        let time = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| bad())?;
        let millis = time.unix_timestamp_nanos().div_euclid(1_000_000);
        u64::try_from(millis).ok().filter(|&m| m <= LAST).map(Timestamp).ok_or_else(bad)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = NotATime;
    fn try_from(text: String) -> Result<Self, NotATime> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(time: Timestamp) -> String {
        time.to_string()
    }
}

#[cfg(test)]
mod tests;
