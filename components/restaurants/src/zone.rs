//! Time zones: the offset from UTC that each has now.
//!
//! The whole time zone database is history that opening hours never ask for. What holds now fits into
//! one POSIX rule per zone, and `zones.txt` has those: a rule, then the zones that follow it. The test
//! `tests/zones.rs` makes the table from the IANA data and checks every zone against it, nine years ahead.

use thali_support::clock::{Date, date_from_days, days_from_date};

const TABLE: &str = include_str!("zones.txt");

const HOUR_SECONDS: i64 = 3600;
const DAY_SECONDS: i64 = 24 * HOUR_SECONDS;

/// A time zone's rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    /// Seconds ahead of UTC in standard time.
    standard: i64,
    summer: Option<Summer>,
}

/// Summer time: how far ahead of UTC it is, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Summer {
    offset: i64,
    begins: Switch,
    ends: Switch,
}

/// A moment of every year: `M3.5.0/2` is the last Sunday of March at two.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Switch {
    month: i64,
    /// 1 to 4 count from the first such day of the month, 5 is the last one.
    week: i64,
    /// 0 is Sunday.
    weekday: i64,
    /// Seconds after midnight; may be negative, or days long.
    time: i64,
}

impl Zone {
    /// The zone with this IANA name.
    pub fn find(name: &str) -> Option<Self> {
        TABLE.lines().find_map(|line| {
            let (rule, zones) = line.split_once(' ')?;
            zones.split(' ').any(|zone| zone == name).then(|| Self::parse(rule))?
        })
    }

    /// Reads a POSIX rule, such as `CET-1CEST,M3.5.0,M10.5.0/3`.
    fn parse(rule: &str) -> Option<Self> {
        let mut parts = rule.split(',');
        let mut names = Reader(parts.next()?.as_bytes());
        names.abbreviation()?;
        // POSIX counts westwards.
        let standard = -names.time()?;
        if names.0.is_empty() {
            return Some(Self { standard, summer: None });
        }
        names.abbreviation()?;
        let offset = if names.0.is_empty() { standard + HOUR_SECONDS } else { -names.time()? };
        let (begins, ends) = (Switch::parse(parts.next()?)?, Switch::parse(parts.next()?)?);
        Some(Self { standard, summer: Some(Summer { offset, begins, ends }) })
    }

    /// Seconds ahead of UTC at this time.
    pub fn offset_seconds(&self, unix_seconds: i64) -> i64 {
        let Some(summer) = &self.summer else { return self.standard };
        let year = date_from_days((unix_seconds + self.standard).div_euclid(DAY_SECONDS)).year;
        let begins = summer.begins.local_seconds(year) - self.standard;
        let ends = summer.ends.local_seconds(year) - summer.offset;
        let is_summer = if begins < ends {
            (begins..ends).contains(&unix_seconds)
        } else {
            // South of the equator summer goes on over the turn of the year.
            !(ends..begins).contains(&unix_seconds)
        };
        if is_summer { summer.offset } else { self.standard }
    }
}

impl Switch {
    fn parse(rule: &str) -> Option<Self> {
        let mut reader = Reader(rule.as_bytes());
        reader.skip(b'M').then_some(())?;
        let month = reader.number()?;
        reader.skip(b'.').then_some(())?;
        let week = reader.number()?;
        reader.skip(b'.').then_some(())?;
        let weekday = reader.number()?;
        let time = if reader.skip(b'/') { reader.time()? } else { 2 * HOUR_SECONDS };
        reader.0.is_empty().then_some(Self { month, week, weekday, time })
    }

    /// When it is in this year, in seconds of the clock on the wall.
    fn local_seconds(&self, year: i64) -> i64 {
        let first = days_from_date(Date { year, month: self.month, day: 1 });
        let next_month = if self.month == 12 {
            days_from_date(Date { year: year + 1, month: 1, day: 1 })
        } else {
            days_from_date(Date { year, month: self.month + 1, day: 1 })
        };
        // 1970-01-01 was a Thursday.
        let first_weekday = (first + 4).rem_euclid(7);
        let mut day = first + (self.weekday - first_weekday).rem_euclid(7) + 7 * (self.week - 1);
        while day >= next_month {
            day -= 7;
        }
        day * DAY_SECONDS + self.time
    }
}

/// What is left of a rule to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn skip(&mut self, byte: u8) -> bool {
        let rest = self.0.strip_prefix(&[byte]);
        if let Some(rest) = rest {
            self.0 = rest;
        }
        rest.is_some()
    }

    fn take_while(&mut self, wanted: impl Fn(&u8) -> bool) -> &[u8] {
        let end = self.0.iter().position(|byte| !wanted(byte)).unwrap_or(self.0.len());
        let (taken, rest) = self.0.split_at(end);
        self.0 = rest;
        taken
    }

    /// `CET` or `<+03>`: only skipped.
    fn abbreviation(&mut self) -> Option<()> {
        if self.skip(b'<') {
            self.take_while(|&byte| byte != b'>');
            return self.skip(b'>').then_some(());
        }
        (!self.take_while(u8::is_ascii_alphabetic).is_empty()).then_some(())
    }

    fn number(&mut self) -> Option<i64> {
        let digits = self.take_while(u8::is_ascii_digit);
        std::str::from_utf8(digits).ok()?.parse().ok()
    }

    /// `[+-]hh[:mm[:ss]]` in seconds.
    fn time(&mut self) -> Option<i64> {
        let sign = if self.skip(b'-') { -1 } else { 1 };
        self.skip(b'+');
        let mut seconds = self.number()? * HOUR_SECONDS;
        if self.skip(b':') {
            seconds += self.number()? * 60;
            if self.skip(b':') {
                seconds += self.number()?;
            }
        }
        Some(sign * seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_of_the_table_can_be_read() {
        for line in TABLE.lines() {
            let (rule, zones) = line.split_once(' ').unwrap();
            assert!(Zone::parse(rule).is_some(), "{rule}");
            assert!(!zones.is_empty());
        }
    }

    #[test]
    fn unknown_zones_are_not_found() {
        for name in ["", "Europe", "Europe/Berlin ", "europe/berlin", "Mars/Base", "CET-1", "UTC+1"]
        {
            assert_eq!(Zone::find(name), None, "{name:?}");
        }
        assert_eq!(Zone::find("UTC").unwrap().offset_seconds(0), 0);
    }

    #[test]
    fn rules_that_are_no_rules_are_refused() {
        for rule in
            ["", "CET", "CET-1CEST", "CET-1CEST,M3.5.0", "CET-1CEST,J60,J300", "<CET-1", "1"]
        {
            assert_eq!(Zone::parse(rule), None, "{rule:?}");
        }
    }

    #[test]
    fn berlin_changes_on_the_last_sundays_of_march_and_october() {
        let berlin = Zone::find("Europe/Berlin").unwrap();
        let march_29_2026_at_1_utc = 1_774_746_000;
        assert_eq!(berlin.offset_seconds(march_29_2026_at_1_utc - 1), 3600);
        assert_eq!(berlin.offset_seconds(march_29_2026_at_1_utc), 7200);
        let october_25_2026_at_1_utc = 1_792_890_000;
        assert_eq!(berlin.offset_seconds(october_25_2026_at_1_utc - 1), 7200);
        assert_eq!(berlin.offset_seconds(october_25_2026_at_1_utc), 3600);
    }
}
