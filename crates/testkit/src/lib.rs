//! Conformance suite, fault injection and generators for onetape adapters
