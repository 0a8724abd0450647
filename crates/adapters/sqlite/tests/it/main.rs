//! Integration tests.

mod conformance;
mod exact;
mod files;
mod imports;
mod maintain;
mod plans;
mod support;
