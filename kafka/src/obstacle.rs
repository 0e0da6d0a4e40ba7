//! Why no connection to a broker comes about, as far as the client library can tell.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use move37_eventlog::Error;

use crate::settings::Settings;

/// How long to see whether somebody listens.
const PROBE: Duration = Duration::from_secs(1);

/// What stands between us and the brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Obstacle {
    Credentials,
    Mechanism,
    Authority,
    HostName,
    OurCertificate,
    /// They take connections and end them without a word, or are not well.
    HangUp,
}

/// What the client library says of each. The first that fits counts.
const SAID: [(&str, Obstacle); 6] = [
    ("supported mechanisms", Obstacle::Mechanism),
    ("SASL authentication error", Obstacle::Credentials),
    ("hostname mismatch", Obstacle::HostName),
    ("IP address mismatch", Obstacle::HostName),
    ("certificate required", Obstacle::OurCertificate),
    ("certificate verify failed", Obstacle::Authority),
];

impl Obstacle {
    /// The obstacle that a message of the client library speaks of.
    pub(crate) fn in_message(message: &str) -> Option<Obstacle> {
        SAID.iter().find_map(|&(said, obstacle)| message.contains(said).then_some(obstacle))
    }

    /// What it looks like where no answer came: whether somebody listens.
    pub(crate) fn behind_silence(settings: &Settings) -> Option<Obstacle> {
        let listens = |address: &str| {
            let mut found = address.trim().to_socket_addrs().into_iter().flatten();
            found.any(|address| TcpStream::connect_timeout(&address, PROBE).is_ok())
        };
        settings.bootstrap.split(',').any(listens).then_some(Obstacle::HangUp)
    }

    pub(crate) fn error(self, settings: &Settings) -> Error {
        let (why, next) = match self {
            Obstacle::Credentials => (
                "it does not accept this user name and password",
                "correct username and password_file under [kafka.security]",
            ),
            Obstacle::Mechanism => (
                "its users do not log in in this way",
                "set mechanism under [kafka.security] to one that it offers, or leave the user out if it has none",
            ),
            Obstacle::Authority => (
                "its certificate comes from an authority that we do not know",
                "name the cluster's authority with ca_file under [kafka.security]",
            ),
            Obstacle::HostName => (
                "its certificate is for another host",
                "use the host name that the certificate has in bootstrap, or give the broker a certificate for this one",
            ),
            Obstacle::OurCertificate => {
                ("it asks for a certificate of ours", "set certificate_file and key_file under [kafka.security]")
            }
            Obstacle::HangUp => {
                // It may as well be starting, so this is no verdict.
                let advice = match (&settings.security.tls, &settings.security.login) {
                    (None, _) => {
                        "set tls = true under [kafka.security] if this port wants TLS, and name a user if it wants one"
                    }
                    (Some(_), None) => {
                        "set username and password_file under [kafka.security] if this port wants a user, or tls = false if it has no TLS"
                    }
                    (Some(_), Some(_)) => "name the port for TLS and users in bootstrap",
                };
                let detail = format!("it takes connections but does not answer; {advice}");
                return Error::Unreachable { log: settings.name(), detail };
            }
        };
        Error::Locked { log: settings.name(), why, next }
    }
}
