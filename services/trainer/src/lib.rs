//! The trainer service, and the worker that trains for it.
//!
//! [`TrainerService`] places runs on workers and watches over them, with a [`directory`] of who has free slots.
//! [`worker::WorkerService`] takes runs and trains them on threads of its own.

mod directory;
mod service;
pub mod worker;

pub use service::{CHECKPOINT, LEASE, TrainerService};

#[cfg(test)]
mod tests {
    use move37_events::inputs_of;
    use move37_runtime::{Service, role_of};

    use super::TrainerService;
    use super::worker::{Candle, WorkerService};

    #[test]
    fn both_read_what_the_table_says() {
        assert_eq!(TrainerService::INPUTS, inputs_of(role_of::<TrainerService>()));
        assert_eq!(WorkerService::<Candle>::INPUTS, inputs_of(role_of::<WorkerService<Candle>>()));
    }
}
