//! The Python package installer as a child process, so that the user's own configuration of it applies.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::error::FetchError;

/// How to call pip, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct Pip {
    /// Program and leading arguments.
    pub command: Vec<OsString>,
    /// After this it is ended.
    pub patience: Duration,
}

impl Default for Pip {
    fn default() -> Self {
        Self { command: ["python3", "-m", "pip"].map(OsString::from).to_vec(), patience: Duration::from_secs(180) }
    }
}

impl Pip {
    /// Download one source archive into an empty folder and read it. The digest (`sha256:..`) is checked by pip before it
    /// looks into the archive.
    pub(super) fn download(&self, requirement: &str, digest: &str, folder: &Path) -> Result<Vec<u8>, FetchError> {
        let unusable = |error: io::Error| FetchError::Archive(error.to_string());
        let requirements = folder.join("requirements.txt");
        let archives = folder.join("archives");
        fs::write(&requirements, format!("{requirement} --hash={digest}\n")).map_err(unusable)?;
        fs::create_dir(&archives).map_err(unusable)?;
        self.run(&requirements, &archives, &folder.join("errors.txt"))?;
        let mut files = fs::read_dir(&archives).map_err(unusable)?;
        match (files.next(), files.next()) {
            (Some(file), None) => fs::read(file.map_err(unusable)?.path()).map_err(unusable),
            _ => Err(FetchError::Archive("pip did not leave exactly one file".to_owned())),
        }
    }

    fn run(&self, requirements: &Path, archives: &Path, errors: &PathBuf) -> Result<(), FetchError> {
        let (program, leading) = self.command.split_first().ok_or(FetchError::Start {
            program: "pip".to_owned(),
            source: io::Error::from(io::ErrorKind::InvalidInput),
        })?;
        let start = || -> io::Result<Child> {
            Command::new(program)
                .args(leading)
                .args(["download", "--quiet", "--no-input", "--disable-pip-version-check", "--no-deps"])
                .args(["--no-binary", ":all:", "--requirement"])
                .arg(requirements)
                .arg("--dest")
                .arg(archives)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(File::create(errors)?)
                .spawn()
        };
        let mut child =
            start().map_err(|source| FetchError::Start { program: program.to_string_lossy().into_owned(), source })?;
        let status = self.wait(&mut child)?;
        match status.success() {
            true => Ok(()),
            false => Err(FetchError::Pip { status: status.to_string(), message: last_line(errors) }),
        }
    }

    fn wait(&self, child: &mut Child) -> Result<ExitStatus, FetchError> {
        let waiting = |source| FetchError::Start { program: "pip".to_owned(), source };
        let deadline = Instant::now() + self.patience;
        loop {
            if let Some(status) = child.try_wait().map_err(waiting)? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                child.kill().and_then(|()| child.wait()).map_err(waiting)?;
                return Err(FetchError::Timeout { seconds: self.patience.as_secs() });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The last line that names an error, or else the last that says something.
fn last_line(errors: &Path) -> String {
    let text = fs::read(errors).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let mut lines = text.lines().rev().map(str::trim).filter(|line| !line.is_empty());
    let last = lines.clone().next().unwrap_or("it said nothing");
    lines.find_map(|line| line.strip_prefix("ERROR: ")).unwrap_or(last).to_owned()
}
