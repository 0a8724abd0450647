//! The `onetape` binary.
fn main() {}
