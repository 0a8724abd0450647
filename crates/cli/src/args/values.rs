//! Values that the command line reads in a form of its own.

pub(crate) fn parse_duration(text: &str) -> Result<std::time::Duration, String> {
    let wrong = || format!("`{text}` is no duration: give a number with s, m, h or d, as in 90s or 5m");
    let split = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(split);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(seconds).map(std::time::Duration::from_secs).ok_or_else(wrong)
}

/// A pause between runs; none would be a loop without rest.
pub(crate) fn parse_pause(text: &str) -> Result<std::time::Duration, String> {
    let pause = parse_duration(text)?;
    if pause.is_zero() { Err("give at least 1s".to_owned()) } else { Ok(pause) }
}

/// Without an address it is the loopback interface's.
pub(crate) fn parse_listener(text: &str) -> Result<std::net::SocketAddr, String> {
    let port = text.parse().map(|port| (std::net::Ipv4Addr::LOCALHOST, port).into());
    port.or_else(|_: std::num::ParseIntError| text.parse())
        .map_err(|_| format!("`{text}` is neither a port nor ADDRESS:PORT, as in 9464 or 0.0.0.0:9464"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_served_to_this_machine_unless_an_address_is_given() {
        assert_eq!(parse_listener("9464").unwrap().to_string(), "127.0.0.1:9464");
        assert_eq!(parse_listener("[::]:9464").unwrap().to_string(), "[::]:9464");
        for wrong in ["", "localhost", "70000", ":9464", "127.0.0.1"] {
            assert!(parse_listener(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn durations_need_a_number_and_a_unit() {
        assert_eq!(parse_duration("5m"), Ok(std::time::Duration::from_secs(300)));
        for wrong in ["", "5", "m", "5w", "-5m", "99999999999999999999d"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }
}
