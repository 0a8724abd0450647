//! Tests of the legacy reader: the caches that pandas wrote, and files that are damaged or mean harm.

// Instrumented for fuzzing, every test binary needs the fuzzing engine's symbols.
use bolero as _;

mod cache;
mod feather;
mod harmful;
mod json;
mod layout;
mod lines;
mod pack;
mod pages;
mod python;
mod source;
mod support;
mod writer;
