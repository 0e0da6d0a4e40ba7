//! The state of a run under way, in a file of the state directory: a run that was interrupted or killed goes on from it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use move37_training::run::{Checkpoint, JobSpec, State};

use crate::failure::Failure;

/// One job's file.
pub struct Keep {
    path: PathBuf,
    every: Duration,
    last: Instant,
    /// Step of the state that the file has.
    step: Option<u32>,
}

impl Keep {
    /// Of this job, whatever started it; what is kept under its digest belongs to no other.
    pub fn new(root: &Path, job: &JobSpec, every: Duration) -> Keep {
        let path = root.join("checkpoints").join(format!("{}.safetensors", job.digest()));
        Keep { path, every, last: Instant::now(), step: None }
    }

    /// What an earlier process kept, if it did.
    ///
    /// # Errors
    /// It cannot be read, or is no checkpoint.
    pub fn found(&mut self) -> Result<Option<Checkpoint>, Failure> {
        let refuse = |why: String| {
            Failure::failed(format!("{} cannot be used ({why}): start anew with --fresh", self.path.display()))
        };
        let bytes = match std::fs::read(&self.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(refuse(error.to_string())),
        };
        let checkpoint = Checkpoint::read(&bytes).map_err(|error| refuse(error.to_string()))?;
        self.step = Some(checkpoint.step());
        Ok(Some(checkpoint))
    }

    /// Keep the state if it is time.
    pub fn now_and_then(&mut self, run: &dyn State) {
        if self.last.elapsed() >= self.every {
            self.keep(run);
        }
    }

    /// Keep the state, unless the file has it. Who reads it sees the old one or the new one whole.
    pub fn keep(&mut self, run: &dyn State) {
        self.last = Instant::now();
        if run.step() == 0 || self.step == Some(run.step()) {
            return;
        }
        match run.bytes().map_err(Failure::from).and_then(|bytes| Ok(self.write(&bytes)?)) {
            Ok(()) => self.step = Some(run.step()),
            Err(failure) => eprintln!("warning: the state after step {} is not kept: {failure}", run.step()),
        }
    }

    /// Step of the state that the file has.
    pub fn step(&self) -> Option<u32> {
        self.step
    }

    /// The run is over: nobody goes on from its state.
    pub fn forget(&self) {
        // Where it cannot be removed, the same job goes on from its end.
        let _ = std::fs::remove_file(&self.path);
    }

    fn write(&self, bytes: &[u8]) -> std::io::Result<()> {
        let folder = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let part = self.path.with_extension(format!("part-{}", std::process::id()));
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&part, &self.path)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use move37_training::profile::LAPTOP;
    use move37_training::run::{self, Cancel, Observer, RunOutcome, Training};
    use move37_training::task::TaskSpec;

    use super::*;
    use crate::seeds;

    fn job() -> JobSpec {
        JobSpec {
            source: seeds::published("decay_linear_attention").unwrap().source,
            layer: run::Layer::default(),
            dims: LAPTOP.dims,
            task: TaskSpec::Mqar { vocabulary: 16, length: 8, pairs: 2 },
            training: Training { steps: 6, batch: 2, validation: 2, ..LAPTOP.training },
            seed: 1,
            threads: 1,
            compute: Default::default(),
            measure_test: false,
        }
    }

    /// Keeps every state, and dies without a word after this step.
    struct Dying<'a>(&'a mut Keep, u32);

    impl Observer for Dying<'_> {
        fn step(&mut self, _: u32, _: f32, _: Duration) {}
        fn between(&mut self, run: &dyn State) {
            self.0.now_and_then(run);
            assert!(run.step() < self.1, "killed");
        }
    }

    fn trained(root: &Path, last: u32) -> (Option<u32>, RunOutcome) {
        let mut keep = Keep::new(root, &job(), Duration::ZERO);
        let from = keep.found().unwrap();
        let mut observer = Dying(&mut keep, last);
        let outcome = run::run(&job(), root, from.as_ref(), &mut observer, &Cancel::default()).unwrap();
        keep.forget();
        (from.map(|from| from.step()), RunOutcome { seconds: 0.0, ..outcome })
    }

    #[test]
    fn what_was_killed_goes_on_from_its_file_with_the_same_curve_and_leaves_none() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let whole = trained(here.path(), u32::MAX);
        assert_eq!(whole.0, None);
        let killed = std::panic::AssertUnwindSafe(|| trained(there.path(), 4));
        assert!(std::panic::catch_unwind(killed).is_err());
        let rest = trained(there.path(), u32::MAX);
        assert_eq!(rest, (Some(4), whole.1));
        assert_eq!(std::fs::read_dir(there.path().join("checkpoints")).unwrap().count(), 0);
    }

    #[test]
    fn a_file_that_is_no_checkpoint_is_refused_with_the_next_step() {
        let root = tempfile::tempdir().unwrap();
        let mut keep = Keep::new(root.path(), &job(), Duration::ZERO);
        keep.write(b"torn").unwrap();
        assert!(keep.found().unwrap_err().to_string().contains("start anew with --fresh"));
    }
}
