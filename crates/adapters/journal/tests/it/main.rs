//! The journal from outside: what comes back after a close, a cut, a flipped bit, a full disk.

mod damage;
mod disk;
mod entries;
mod life;
mod support;
