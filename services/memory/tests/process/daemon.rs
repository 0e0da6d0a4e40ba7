//! The binary as a process, and questions to it.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running process; killed with its handle.
pub struct Daemon {
    child: Child,
    log: NamedTempFile,
    address: String,
}

fn command(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_memory"));
    // What the tests themselves are run with is not part of them.
    for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("MOVE37_")) {
        command.env_remove(name);
    }
    command.args(arguments).envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// Run it to its end: the exit code, and what it said.
pub fn run(arguments: &[&str], environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let ended = command(arguments, environment).env("MOVE37_LOG__FILTER", "error").output().unwrap();
    let said = String::from_utf8([ended.stdout, ended.stderr].concat()).unwrap();
    (ended.status.code(), said)
}

impl Daemon {
    /// Start it and wait until it answers.
    pub fn start(environment: &[(&str, &str)]) -> Daemon {
        let log = NamedTempFile::new().unwrap();
        let mut command = command(&[], environment);
        command.env("MOVE37_HTTP__LISTEN", "127.0.0.1:0").env("MOVE37_LOG__FORMAT", "json");
        let child = command.stderr(log.reopen().unwrap()).spawn().unwrap();
        let mut daemon = Daemon { child, log, address: String::new() };
        wait("it says where it listens", || {
            let log = daemon.log();
            let (_, rest) = log.split_once("\"address\":\"")?;
            daemon.address = rest.split_once('"')?.0.to_owned();
            Some(())
        });
        daemon
    }

    /// What it has told.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Ask for a path; the status and the body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    /// Ask for a path until the answer is as it should be.
    pub fn until(&mut self, path: &str, is_right: impl Fn(u16, &str) -> bool) {
        let begun = Instant::now();
        loop {
            assert!(self.child.try_wait().unwrap().is_none(), "it ended: {}", self.log());
            let last = self.get(path);
            if is_right(last.0, &last.1) {
                return;
            }
            assert!(begun.elapsed() < PATIENCE, "{path} stays at {last:?}; {}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ask it to end, and wait for its exit code.
    pub fn terminate(&mut self) -> Option<i32> {
        assert!(Command::new("kill").arg(self.child.id().to_string()).status().unwrap().success());
        let mut ended = None;
        wait("it ends", || {
            ended = self.child.try_wait().unwrap();
            ended.map(|_| ())
        });
        ended?.code()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn wait(what: &str, mut reached: impl FnMut() -> Option<()>) {
    let begun = Instant::now();
    while reached().is_none() {
        assert!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
