//! Sizes and durations, as manifests write them.

use std::time::Duration;

/// `32MiB` in bytes.
pub fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor).filter(|bytes| *bytes > 0)
}

/// `800ms`, `3s`, `2m` or `24h`.
pub fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let factor: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(factor).filter(|ms| *ms > 0).map(Duration::from_millis)
}

/// The number and what follows it.
fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_durations_need_a_number_and_a_unit() {
        assert_eq!(bytes("32MiB"), Some(32 << 20));
        assert_eq!(bytes("64 KiB"), Some(64 << 10));
        assert_eq!(duration("800ms"), Some(Duration::from_millis(800)));
        assert_eq!(duration("3s"), Some(Duration::from_secs(3)));
        assert_eq!(duration("24h"), Some(Duration::from_secs(86_400)));
        for bad in
            ["", "0MiB", "32", "MiB", "-1MiB", "32MB", "1.5MiB", "18446744073709551615GiB", "é"]
        {
            assert_eq!(bytes(bad), None, "{bad:?}");
        }
        assert_eq!(duration("24h"), Some(Duration::from_secs(86_400)));
        for bad in ["", "0s", "3", "s", "3d", "99999999999999999999s", "18446744073709551615m"] {
            assert_eq!(duration(bad), None, "{bad:?}");
        }
    }
}
