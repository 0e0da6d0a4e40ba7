//! Candidates: ordinary PyTorch text, understood without running Python, proved before it is trained.
//!
//! The text flows one way: [`language`] parses and traces it into the typed tensor graph of [`ir`]; [`gate`] proves
//! what can be proved about that graph. Numbers are computed elsewhere (`move37-tensor`); this crate knows no candle.

pub mod cost;
pub mod finding;
pub mod gate;
pub mod ir;
pub mod language;
pub mod taint;
