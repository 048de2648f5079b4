//! Times, as options have them.

use std::time::Duration;

/// The longest time that can be asked for.
const DURATION_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// `30s`, `500ms`, `2m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let expected = || format!("{text:?} is not a time: write 500ms, 30s or 2m");
    let number: u64 = number.parse().map_err(|_| expected())?;
    let time = match unit {
        "ms" => Duration::from_millis(number),
        "s" => Duration::from_secs(number),
        "m" => Duration::from_secs(number.saturating_mul(60)),
        _ => return Err(expected()),
    };
    if time > DURATION_MAX { Err(format!("{text:?} is longer than a day")) } else { Ok(time) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit() {
        assert_eq!(duration("250ms").unwrap(), Duration::from_millis(250));
        assert_eq!(duration("30s").unwrap(), Duration::from_secs(30));
        assert_eq!(duration("2m").unwrap(), Duration::from_secs(120));
        for bad in ["", "30", "s", "-1s", "1h", "1.5s", "18446744073709551615s"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
