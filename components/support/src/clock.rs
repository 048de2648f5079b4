//! The time, and how it is written.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970 in UTC.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: i64,
    /// The month, 1 to 12.
    pub month: i64,
    /// The day of the month, 1 to 31.
    pub day: i64,
}

/// Days since 1970-01-01, before it too (Howard Hinnant's `days_from_civil`).
pub fn days_from_date(date: Date) -> i64 {
    let year = if date.month <= 2 { date.year - 1 } else { date.year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((date.month + 9) % 12) + 2) / 5 + date.day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The day that is so many days after 1970-01-01 (Howard Hinnant's `civil_from_days`).
pub fn date_from_days(days: i64) -> Date {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    Date {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month,
        day: day_of_year - (153 * shifted + 2) / 5 + 1,
    }
}

/// RFC 3339 in UTC with milliseconds: `2026-11-22T08:15:30.250Z`.
pub fn rfc3339(ms: i64) -> String {
    let Date { year, month, day } = date_from_days(ms.div_euclid(86_400_000));
    let ms = ms.rem_euclid(86_400_000);
    let (hour, minute, second) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60);
    let ms = ms % 1000;
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// Reads a time of RFC 3339, at any offset from UTC: milliseconds since 1970. What is finer is left out.
pub fn from_rfc3339(text: &str) -> Option<i64> {
    let mut reader = Reader(text.as_bytes());
    let year = reader.digits(4)?;
    reader.one_of(b"-")?;
    let month = reader.digits(2)?;
    reader.one_of(b"-")?;
    let date = Date { year, month, day: reader.digits(2)? };
    reader.one_of(b"Tt")?;
    let minutes = reader.minutes()?;
    reader.one_of(b":")?;
    let second = reader.digits(2)?;
    let ms = reader.fraction_ms()?;
    let offset = match reader.one_of(b"Zz+-")? {
        b'+' => reader.minutes()?,
        b'-' => -reader.minutes()?,
        _ => 0,
    };
    let days = days_from_date(date);
    let is_time = date_from_days(days) == date && second < 60 && reader.0.is_empty();
    is_time.then_some(((days * 1440 + minutes - offset) * 60 + second) * 1000 + ms)
}

/// What is left of a text that is read from its beginning.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn one_of(&mut self, allowed: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        allowed.contains(first).then_some(*first)
    }

    fn digits(&mut self, count: usize) -> Option<i64> {
        let (digits, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        let is_number = digits.iter().all(u8::is_ascii_digit);
        let number = digits.iter().fold(0, |sum, digit| sum * 10 + i64::from(digit & 15));
        is_number.then_some(number)
    }

    /// `HH:MM` of a day.
    fn minutes(&mut self) -> Option<i64> {
        let hours = self.digits(2)?;
        self.one_of(b":")?;
        let minutes = self.digits(2)?;
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    }

    /// What follows the second: nothing, or a point and 1 to 9 digits.
    fn fraction_ms(&mut self) -> Option<i64> {
        if self.0.first() != Some(&b'.') {
            return Some(0);
        }
        self.one_of(b".")?;
        let count = self.0.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let fraction = (1..=9).contains(&count).then(|| self.digits(count)).flatten()?;
        Some((count..9).fold(fraction, |sum, _| sum * 10) / 1_000_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(rfc3339(951_827_696_789), "2000-02-29T12:34:56.789Z");
        assert_eq!(rfc3339(-1), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn times_of_rfc_3339_are_read_at_any_offset() {
        for ms in [0, -1, 951_827_696_789, 253_402_300_799_999, -62_135_596_800_000] {
            assert_eq!(from_rfc3339(&rfc3339(ms)), Some(ms));
        }
        for text in [
            "2000-02-29T12:34:56Z",
            "2000-02-29t14:04:56+01:30",
            "2000-02-28T23:34:56.0009-13:00",
            "2000-02-29T12:34:56.000000000z",
        ] {
            assert_eq!(from_rfc3339(text), Some(951_827_696_000), "{text}");
        }
        assert_eq!(from_rfc3339("1970-01-01T00:00:00.25Z"), Some(250));
    }

    #[test]
    fn what_is_no_time_is_not_read() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T00:00:00",
            "2026-11-22 00:00:00Z",
            "2026-11-22T00:00Z",
            "2026-11-22T24:00:00Z",
            "2026-11-22T00:60:00Z",
            "2026-11-22T00:00:60Z",
            "2026-11-22T00:00:00.Z",
            "2026-11-22T00:00:00.1234567890Z",
            "2026-11-22T00:00:00+1:00",
            "2026-11-22T00:00:00Z ",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-01-00T00:00:00Z",
            "+026-01-01T00:00:00Z",
            "２026-01-01T00:00:00Z",
        ] {
            assert_eq!(from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn every_day_of_four_centuries_round_trips() {
        let mut previous = date_from_days(-1);
        for days in 0..146_097 {
            let date = date_from_days(days);
            assert_eq!(days_from_date(date), days);
            let next_day = date.day == previous.day + 1 && date.month == previous.month;
            assert!(next_day || date.day == 1, "{previous:?} {date:?}");
            previous = date;
        }
        assert_eq!(previous, Date { year: 2369, month: 12, day: 31 });
    }
}
