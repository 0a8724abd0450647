//! The system clock.

use onetape_memory::SystemClock;
use onetape_ports::WallClock;

#[test]
fn the_system_clock_tells_a_sane_time_and_never_goes_back() {
    let clock = SystemClock::new();
    assert!(clock.now().is_sane(), "{}", clock.now());
    let (before, after) = (clock.monotonic_micros(), clock.monotonic_micros());
    assert!(0 <= before && before <= after, "{before} then {after}");
    assert_eq!(clock.to_string(), "system clock");
}
