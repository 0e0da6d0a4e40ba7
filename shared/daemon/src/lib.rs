//! A service as a process: its configuration, health, metrics, and its leaving in good order.
