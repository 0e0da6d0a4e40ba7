//! A typed stream of facts, from the beginning, from now or from a point, for analysis.
