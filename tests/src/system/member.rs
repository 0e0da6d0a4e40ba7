//! A service or worker as a process.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{Owners, Signal};

/// How long a process may take to answer a question.
const ANSWER: Duration = Duration::from_secs(2);

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Samples and remembers.
    Memory,
    /// States hypotheses.
    Researcher,
    /// Writes programs.
    Engineer,
    /// Places trainings.
    Trainer,
    /// Scores and explains.
    Analyst,
    /// Trains.
    Worker,
}

impl Kind {
    /// The five services.
    pub const SERVICES: [Kind; 5] = [Kind::Memory, Kind::Researcher, Kind::Engineer, Kind::Trainer, Kind::Analyst];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Memory => "memory",
            Kind::Researcher => "researcher",
            Kind::Engineer => "engineer",
            Kind::Trainer => "trainer",
            Kind::Analyst => "analyst",
            Kind::Worker => "worker",
        }
    }
}

/// What `/readyz` says.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing: it does not run, hangs, or is starting.
    None,
    /// Not yet, with its own words.
    NotReady(String),
    /// It works; with the keys that have stopped.
    Ready(Vec<String>),
}

/// A process that is started again and again.
pub struct Member {
    /// Its name, also of its connections.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    http: u16,
    log: PathBuf,
    binary: PathBuf,
    environment: Vec<(String, String)>,
    child: Option<Child>,
    owners: Owners,
    /// When it was started last.
    pub started: Instant,
}

impl Member {
    /// A process of this kind, not started yet. `environment` is its configuration.
    pub fn new(
        name: &str,
        kind: Kind,
        http: u16,
        (binaries, logs): (&Path, &Path),
        environment: &[(String, String)],
        owners: &Owners,
    ) -> Member {
        let program = if kind == Kind::Worker { "trainer" } else { kind.name() };
        let mut environment = environment.to_vec();
        environment.push(("MOVE37_HTTP__LISTEN".to_owned(), format!("127.0.0.1:{http}")));
        Member {
            name: name.to_owned(),
            kind,
            http,
            log: logs.join(format!("{name}.log")),
            binary: binaries.join(program),
            environment,
            child: None,
            owners: owners.clone(),
            started: Instant::now(),
        }
    }

    /// Start it; its output is appended to its log.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(&mut self) -> Result<()> {
        let log: File = OpenOptions::new().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(&self.binary);
        if self.kind == Kind::Worker {
            command.arg("--worker");
        }
        let child = command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .with_context(|| format!("{} cannot be started", self.binary.display()))?;
        self.owners.add(child.id(), &self.name);
        self.child = Some(child);
        self.started = Instant::now();
        Ok(())
    }

    /// Its process, if it was not seen to end.
    pub fn process(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Send it a signal; false where it does not run.
    pub fn signal(&self, signal: Signal) -> bool {
        self.process().is_some_and(|process| signal.send(process))
    }

    /// Kill it and see it end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = (child.kill(), child.wait());
            self.owners.remove(child.id());
        }
    }

    /// How it ended by itself, told once.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        let status = self.child.as_mut()?.try_wait().ok().flatten()?;
        if let Some(child) = self.child.take() {
            self.owners.remove(child.id());
        }
        Some(status)
    }

    /// Wait for its end after [`Signal::Term`]; kill it when that takes too long.
    pub async fn end_within(&mut self, patience: Duration) -> Option<ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            self.child.as_ref()?;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.kill();
        None
    }

    /// Where its log is.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Where it answers.
    pub fn http(&self) -> u16 {
        self.http
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Answer {
    /// Ask the process at a port.
    pub async fn of(http: u16) -> Answer {
        match tokio::time::timeout(ANSWER, ask(http)).await {
            Ok(Ok(text)) => Answer::read(&text),
            Ok(Err(_)) | Err(_) => Answer::None,
        }
    }

    fn read(text: &str) -> Answer {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let body: Value = serde_json::from_str(body).unwrap_or_default();
        match head.split_whitespace().nth(1) {
            Some("200") => {
                let failures = body["failures"].as_array().cloned().unwrap_or_default();
                Answer::Ready(failures.iter().map(Value::to_string).collect())
            }
            Some(_) => Answer::NotReady(body["why"].as_str().unwrap_or_default().to_owned()),
            None => Answer::None,
        }
    }
}

async fn ask(http: u16) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", http)).await?;
    stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_a_status_and_what_it_says() {
        let ready = "HTTP/1.1 200 OK\r\nx: y\r\n\r\n{\"ready\":true,\"failures\":[\"c: it broke\"]}";
        assert_eq!(Answer::read(ready), Answer::Ready(vec!["\"c: it broke\"".to_owned()]));
        let waits = "HTTP/1.1 503 Service Unavailable\r\n\r\n{\"ready\":false,\"why\":\"no broker\"}";
        assert_eq!(Answer::read(waits), Answer::NotReady("no broker".to_owned()));
        assert_eq!(Answer::read(""), Answer::None);
    }
}
