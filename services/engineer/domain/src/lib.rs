//! The pure rules of the engineer.

pub mod render;
