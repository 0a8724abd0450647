//! Integration tests.

mod conformance;
mod exact;
mod files;
mod maintain;
mod plans;
mod support;
