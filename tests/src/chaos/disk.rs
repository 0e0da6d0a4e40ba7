//! A broker's disk that can be full: a file system of limited size in memory, and a file that takes the rest of it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

/// Size of the disk in MiB.
const SIZE: u32 = 768;

/// A disk; it is unmounted with its handle.
pub struct Disk {
    mounted: PathBuf,
}

impl Disk {
    /// Mount one at this folder; takes the right to mount.
    ///
    /// # Errors
    /// It cannot be mounted.
    pub fn mount(at: &Path) -> Result<Disk> {
        fs::create_dir_all(at)?;
        let size = format!("size={SIZE}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(at).output()?;
        if !mounted.status.success() {
            bail!("{}", String::from_utf8_lossy(&mounted.stderr).trim());
        }
        Ok(Disk { mounted: at.to_owned() })
    }

    fn ballast(&self) -> PathBuf {
        self.mounted.join("ballast")
    }

    /// Leave no room.
    ///
    /// # Errors
    /// It fails for another reason than that there is no room.
    pub fn fill(&self) -> Result<()> {
        let mut file = fs::File::create(self.ballast())?;
        // To the last byte: smaller pieces, once larger ones do not fit.
        for size in [1 << 20, 1 << 12, 1] {
            let piece = vec![0; size];
            loop {
                match file.write(&piece) {
                    Ok(written) if written > 0 => {}
                    Ok(_) => break,
                    Err(error) if error.kind() == std::io::ErrorKind::StorageFull => break,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(())
    }

    /// Make room again.
    pub fn free(&self) {
        // It may not be there.
        let _ = fs::remove_file(self.ballast());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // A broker that has just been killed may hold it for a moment.
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).status();
    }
}
