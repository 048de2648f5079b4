//! When a schedule is due.

use croner::Cron;
use croner::parser::{CronParser, Seconds, Year};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use thiserror::Error;

/// When a schedule is due: a cron expression with seconds, in a time zone.
///
/// Where clocks go forward, a fixed time that does not exist is due at the end of the gap, and a
/// repeating one (`*`, `*/5`) passes it over. Where they go back, a fixed time that is there twice is due
/// the first time only, and a repeating one goes on.
#[derive(Clone, Debug)]
pub struct Timetable {
    cron: Cron,
    zone: TimeZone,
}

/// Why something is no [`Timetable`].
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum TimetableError {
    /// The expression.
    #[error(
        "{cron:?} is not a time ({reason}): write second, minute, hour, day, month and day of the \
         week, such as \"0 30 3 * * *\" for 3:30 every day"
    )]
    Cron {
        /// What was given.
        cron: String,
        /// Why it is none.
        reason: String,
    },
    /// There is no such time.
    #[error("{0:?} never comes")]
    Never(String),
    /// The zone.
    #[error("{0:?} is not a time zone: write one of the IANA database, such as \"Europe/Berlin\"")]
    Zone(String),
}

impl Timetable {
    /// Reads an expression and the name of a zone.
    ///
    /// # Errors
    ///
    /// When one of them cannot be read, or the time never comes.
    pub fn parse(cron: &str, zone: &str) -> Result<Self, TimetableError> {
        let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed);
        let wrong = |reason: String| TimetableError::Cron { cron: cron.to_owned(), reason };
        let parsed = parser.build().parse(cron).map_err(|error| wrong(error.to_string()))?;
        let zone = TimeZone::get(zone).map_err(|_| TimetableError::Zone(zone.to_owned()))?;
        let timetable = Self { cron: parsed, zone };
        match timetable.after(Timestamp::UNIX_EPOCH) {
            Some(_) => Ok(timetable),
            None => Err(TimetableError::Never(cron.to_owned())),
        }
    }

    /// The first time after `time`.
    pub fn after(&self, time: Timestamp) -> Option<Timestamp> {
        let time = time.to_zoned(self.zone.clone());
        let next = self.cron.find_next_occurrence(&time, false).ok()?;
        Some(next.timestamp())
    }

    /// The expression as it was given.
    pub fn cron(&self) -> &str {
        self.cron.as_str()
    }

    /// The name of the zone.
    pub fn zone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times after `from`, in the zone of the timetable.
    fn times(cron: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
        let timetable = Timetable::parse(cron, zone).unwrap();
        let mut time: Timestamp = from.parse().unwrap();
        let mut times = Vec::new();
        for _ in 0..count {
            time = timetable.after(time).unwrap();
            times.push(time.to_string());
        }
        times
    }

    #[test]
    fn times_are_in_their_zone_to_the_second() {
        let utc = times("*/30 * * * * *", "UTC", "2026-11-22T12:00:00Z", 3);
        assert_eq!(utc, ["2026-11-22T12:00:30Z", "2026-11-22T12:01:00Z", "2026-11-22T12:01:30Z"]);
        let berlin = times("15 30 3 * * MON", "Europe/Berlin", "2026-11-22T12:00:00Z", 1);
        assert_eq!(berlin, ["2026-11-23T02:30:15Z"]);
    }

    #[test]
    fn a_fixed_time_that_does_not_exist_is_due_after_the_gap() {
        // 2:00 becomes 3:00 on 29 March 2026, at 1:00 UTC.
        let fixed = times("0 30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z", 3);
        assert_eq!(fixed, ["2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"]);
        let repeating = times("0 */30 * * * *", "Europe/Berlin", "2026-03-29T00:00:00Z", 3);
        assert_eq!(
            repeating,
            ["2026-03-29T00:30:00Z", "2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z"]
        );
    }

    #[test]
    fn a_fixed_time_that_is_there_twice_is_due_once() {
        // 3:00 becomes 2:00 on 25 October 2026, at 1:00 UTC.
        let fixed = times("0 30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2);
        assert_eq!(fixed, ["2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"]);
        let repeating = times("0 */30 * * * *", "Europe/Berlin", "2026-10-24T23:45:00Z", 6);
        assert_eq!(repeating[0], "2026-10-25T00:00:00Z");
        assert_eq!(repeating[5], "2026-10-25T02:30:00Z", "no half hour is left out: {repeating:?}");
    }

    #[test]
    fn what_is_not_a_time_is_told_why() {
        for wrong in ["", "* * * * *", "60 * * * * *", "x", "* * * * * * *", "0 0 25 * * *"] {
            let error = Timetable::parse(wrong, "UTC").unwrap_err();
            assert!(matches!(error, TimetableError::Cron { .. }), "{wrong}: {error}");
        }
        let never = Timetable::parse("0 0 0 30 2 *", "UTC").unwrap_err();
        assert_eq!(never, TimetableError::Never("0 0 0 30 2 *".into()));
        let nowhere = Timetable::parse("0 0 0 * * *", "Europe/Paderborn").unwrap_err();
        assert!(matches!(nowhere, TimetableError::Zone(_)));
    }
}
