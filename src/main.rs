//! The `defender-relay` program.

fn main() {}
