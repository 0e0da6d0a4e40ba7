//! One `run` per state directory.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why a state directory cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process works there.
    #[error("{} is in use by {holder}: wait for it or end it, or choose another directory with --state", directory.display())]
    Held {
        /// The directory.
        directory: PathBuf,
        /// `process <pid>`, as far as it says so.
        holder: String,
    },
    /// The system refused.
    #[error("{} cannot be used as a state directory: check the path and its rights, or choose another with --state", directory.display())]
    Unusable {
        /// The directory.
        directory: PathBuf,
        /// What it said.
        #[source]
        source: std::io::Error,
    },
}

/// A state directory taken by this process, until dropped or until the process ends, however it ends.
#[derive(Debug)]
pub struct StateLock {
    _file: File,
}

impl StateLock {
    /// Take a directory; it is made where there is none.
    ///
    /// # Errors
    /// Another process has it, or it cannot be made or written.
    pub fn acquire(directory: impl AsRef<Path>) -> Result<StateLock, LockError> {
        let directory = directory.as_ref();
        let unusable = |source| LockError::Unusable { directory: directory.to_owned(), source };
        std::fs::create_dir_all(directory).map_err(unusable)?;
        let path = directory.join("lock");
        let mut file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(unusable)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                // The holder may not have written its pid yet.
                let _ = file.read_to_string(&mut pid);
                let holder = match pid.trim().parse::<u32>() {
                    Ok(pid) => format!("process {pid}"),
                    Err(_) => "another process".to_owned(),
                };
                return Err(LockError::Held { directory: directory.to_owned(), holder });
            }
            Err(TryLockError::Error(source)) => return Err(unusable(source)),
        }
        let name_holder = |file: &mut File| {
            file.set_len(0)?;
            file.seek(SeekFrom::Start(0))?;
            writeln!(file, "{}", std::process::id())
        };
        name_holder(&mut file).map_err(unusable)?;
        Ok(StateLock { _file: file })
    }
}
