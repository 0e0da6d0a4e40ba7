//! The devices of a worker: each training takes the one that has least to do.

use std::sync::{Arc, Mutex};

use move37_training::run::Compute;

/// Devices, shared by all trainings of a worker.
#[derive(Clone, Debug)]
pub struct Devices(Arc<Mutex<Vec<(Compute, usize)>>>);

/// A device that a training has, until it is dropped.
#[derive(Debug)]
pub(super) struct Taken {
    devices: Devices,
    place: usize,
    /// Which it is.
    pub(super) compute: Compute,
}

impl Default for Devices {
    fn default() -> Devices {
        Devices::of(&[])
    }
}

impl Devices {
    /// These devices; the CPU and our own kernels where none is named.
    pub fn of(named: &[Compute]) -> Devices {
        let named = if named.is_empty() { &[Compute::Own] } else { named };
        Devices(Arc::new(Mutex::new(named.iter().map(|compute| (*compute, 0)).collect())))
    }

    /// The device with the fewest trainings, the first of several.
    pub(super) fn take(&self) -> Taken {
        let mut devices = self.0.lock().expect("nobody panics with it");
        let place = (0..devices.len()).min_by_key(|place| devices[*place].1).expect("there is one device at least");
        devices[place].1 += 1;
        Taken { devices: self.clone(), place, compute: devices[place].0 }
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.devices.0.lock().expect("nobody panics with it")[self.place].1 -= 1;
    }
}

/// What a worker says of its devices: `cpu`, or their names.
pub fn in_words(named: &[Compute]) -> String {
    match named {
        [] => Compute::Own.to_string(),
        named => named.iter().map(Compute::to_string).collect::<Vec<_>>().join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trainings_are_spread_over_the_devices_and_give_them_back() {
        let cuda = |ordinal| Compute::Cuda { ordinal, half: false };
        let devices = Devices::of(&[cuda(0), cuda(1)]);
        let (first, second) = (devices.take(), devices.take());
        assert_eq!([first.compute, second.compute], [cuda(0), cuda(1)]);
        drop(second);
        assert_eq!(devices.take().compute, cuda(1));
        assert_eq!(Devices::default().take().compute, Compute::Own);
        assert_eq!(in_words(&[cuda(0), cuda(1)]), "cuda:0, cuda:1");
        assert_eq!(in_words(&[]), "cpu");
    }
}
