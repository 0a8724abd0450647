//! In-memory store and hot cache of onetape
