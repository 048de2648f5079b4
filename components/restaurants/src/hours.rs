//! Opening hours: stretches of the week, in a time zone.

use thali_support::check::Checks;

use crate::bindings::exports::thali::restaurants::catalog::{Opening, Weekday};
use crate::zone::Zone;

/// More stretches than this nobody needs.
pub(crate) const OPENINGS_MAX: usize = 50;

const DAY_MINUTES: u32 = 24 * 60;
const WEEK_MINUTES: u32 = 7 * DAY_MINUTES;

const DAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

/// When a restaurant is open, every week. Times are minutes since Monday 00:00.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Week(Vec<Stretch>);

/// From `from` until just before `to`, which may lie in the week after.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Stretch {
    from: u32,
    to: u32,
}

impl Week {
    /// Reads what a client sent. A wrong opening is noted in `checks`, and left out.
    pub(crate) fn from_openings(openings: &[Opening], checks: &mut Checks) -> Self {
        checks.count("/hours", openings.len(), 0..=OPENINGS_MAX);
        let mut week: Vec<Stretch> = Vec::with_capacity(openings.len().min(OPENINGS_MAX));
        for (i, opening) in openings.iter().take(OPENINGS_MAX).enumerate() {
            match Stretch::from_opening(opening) {
                Some(stretch) => {
                    week.insert(week.partition_point(|other| *other < stretch), stretch)
                }
                None => checks.rule(false, &format!("/hours/{i}"), WRONG_OPENING),
            }
        }
        Self(week)
    }

    /// The openings as clients see them.
    pub(crate) fn to_openings(&self) -> Vec<Opening> {
        self.0.iter().map(|stretch| stretch.to_opening()).collect()
    }

    /// Reads what [`Week::to_text`] wrote.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let stretches = text.split(',').filter(|part| !part.is_empty()).map(|part| {
            let (from, to) = part.split_once('-')?;
            Some(Stretch { from: from.parse().ok()?, to: to.parse().ok()? })
        });
        stretches.collect::<Option<_>>().map(Self)
    }

    /// How the database keeps it: `540-1020,1980-2460`.
    pub(crate) fn to_text(&self) -> String {
        let parts = self.0.iter().map(|stretch| format!("{}-{}", stretch.from, stretch.to));
        parts.collect::<Vec<_>>().join(",")
    }

    /// Whether it is open at this time in this zone.
    pub(crate) fn is_open(&self, zone: &Zone, now_ms: i64) -> bool {
        let utc_seconds = now_ms.div_euclid(1000);
        let local_minutes = (utc_seconds + zone.offset_seconds(utc_seconds)).div_euclid(60);
        // 1970-01-01 was a Thursday, three days into the week.
        let since_monday = local_minutes + i64::from(3 * DAY_MINUTES);
        let minute = since_monday.rem_euclid(i64::from(WEEK_MINUTES));
        u32::try_from(minute).is_ok_and(|minute| self.holds(minute))
    }

    fn holds(&self, minute: u32) -> bool {
        self.0.iter().any(|stretch| {
            let open = stretch.from..stretch.to;
            open.contains(&minute) || open.contains(&(minute + WEEK_MINUTES))
        })
    }
}

const WRONG_OPENING: &str =
    "must have from and to as HH:MM, from before 24:00, and not the same time twice";

impl Stretch {
    fn from_opening(opening: &Opening) -> Option<Self> {
        let day = DAYS.iter().zip(0..).find(|(day, _)| **day == opening.weekday)?.1 * DAY_MINUTES;
        let (from, to) = (minutes(&opening.from)?, minutes(&opening.to)?);
        if from == to || from == DAY_MINUTES {
            return None;
        }
        let to = if to < from { to + DAY_MINUTES } else { to };
        Some(Self { from: day + from, to: day + to })
    }

    fn to_opening(self) -> Opening {
        let day = self.from / DAY_MINUTES;
        let to = self.to.saturating_sub(day * DAY_MINUTES);
        let to = if to > DAY_MINUTES { to - DAY_MINUTES } else { to };
        Opening {
            weekday: DAYS.get(day as usize).copied().unwrap_or(Weekday::Sunday),
            from: clock(self.from % DAY_MINUTES),
            to: clock(to),
        }
    }
}

/// Reads `HH:MM`, up to `24:00`.
fn minutes(text: &str) -> Option<u32> {
    let &[h1, h0, b':', m1, m0] = text.as_bytes() else { return None };
    let two = |tens: u8, ones: u8| {
        let digits = tens.is_ascii_digit() && ones.is_ascii_digit();
        digits.then(|| u32::from(tens - b'0') * 10 + u32::from(ones - b'0'))
    };
    let (hour, minute) = (two(h1, h0)?, two(m1, m0)?);
    let total = hour * 60 + minute;
    (minute < 60 && total <= DAY_MINUTES).then_some(total)
}

fn clock(minutes: u32) -> String {
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday 2026-06-01 00:00 UTC.
    const MONDAY_MS: i64 = 1_780_272_000_000;

    fn opening(weekday: Weekday, from: &str, to: &str) -> Opening {
        Opening { weekday, from: from.into(), to: to.into() }
    }

    fn week(openings: &[Opening]) -> Result<Week, String> {
        let mut checks = Checks::new();
        let week = Week::from_openings(openings, &mut checks);
        checks.done().map(|()| week)
    }

    fn is_open(week: &Week, zone: &str, day: i64, hour: i64, minute: i64) -> bool {
        let ms = MONDAY_MS + ((day * 24 + hour) * 60 + minute) * 60_000;
        week.is_open(&Zone::find(zone).unwrap(), ms)
    }

    #[test]
    fn it_is_open_from_its_first_minute_until_just_before_its_last() {
        let week = week(&[opening(Weekday::Tuesday, "09:00", "17:30")]).unwrap();
        for (hour, minute, open) in [(8, 59, false), (9, 0, true), (17, 29, true), (17, 30, false)]
        {
            assert_eq!(is_open(&week, "UTC", 1, hour, minute), open, "{hour}:{minute}");
            assert!(!is_open(&week, "UTC", 0, hour, minute));
        }
    }

    #[test]
    fn it_counts_in_the_time_of_the_restaurant() {
        let week = week(&[opening(Weekday::Monday, "09:00", "10:00")]).unwrap();
        // In June Berlin is two hours ahead of UTC, Kathmandu 5:45, and Honolulu ten behind.
        assert!(
            is_open(&week, "Europe/Berlin", 0, 7, 0) && !is_open(&week, "Europe/Berlin", 0, 9, 0)
        );
        assert!(
            is_open(&week, "Asia/Kathmandu", 0, 3, 15)
                && !is_open(&week, "Asia/Kathmandu", 0, 3, 14)
        );
        assert!(is_open(&week, "Pacific/Honolulu", 0, 19, 0));
    }

    #[test]
    fn a_night_goes_on_after_midnight_and_after_the_week() {
        let week = week(&[opening(Weekday::Sunday, "18:00", "02:00")]).unwrap();
        assert!(is_open(&week, "UTC", 6, 18, 0) && is_open(&week, "UTC", 6, 23, 59));
        assert!(is_open(&week, "UTC", 0, 1, 59) && !is_open(&week, "UTC", 0, 2, 0));
    }

    #[test]
    fn a_whole_day_ends_at_24_00() {
        let week = week(&[opening(Weekday::Monday, "00:00", "24:00")]).unwrap();
        assert!(is_open(&week, "UTC", 0, 0, 0) && is_open(&week, "UTC", 0, 23, 59));
        assert!(!is_open(&week, "UTC", 1, 0, 0));
    }

    #[test]
    fn no_openings_are_never_open() {
        let never = week(&[]).unwrap();
        assert_eq!(Week::from_text(&never.to_text()), Some(never.clone()));
        assert!(!(0..7).any(|day| is_open(&never, "UTC", day, 12, 0)));
    }

    #[test]
    fn openings_come_back_as_they_were_in_the_order_of_the_week() {
        let night = opening(Weekday::Sunday, "18:00", "02:00");
        let day = opening(Weekday::Monday, "00:00", "24:00");
        let week = week(&[night.clone(), day.clone()]).unwrap();
        assert_eq!(Week::from_text(&week.to_text()).unwrap().to_openings(), [day, night]);
    }

    #[test]
    fn wrong_times_are_refused_each_by_its_place() {
        let wrong = [
            ("9:00", "17:00"),
            ("09:00", "25:00"),
            ("09:60", "10:00"),
            ("24:00", "01:00"),
            ("09:00", "09:00"),
            ("", ""),
            ("09:00", "24:01"),
            ("0a:00", "10:00"),
            ("٠٩:00", "10:00"),
        ];
        for (from, to) in wrong {
            let good = opening(Weekday::Friday, "09:00", "17:00");
            let broken = week(&[good, opening(Weekday::Friday, from, to)]).unwrap_err();
            assert!(broken.starts_with("/hours/1 "), "{from}-{to}: {broken}");
        }
        let many = vec![opening(Weekday::Friday, "09:00", "17:00"); OPENINGS_MAX + 1];
        assert_eq!(week(&many), Err("/hours must have 0 to 50 items".into()));
    }
}
