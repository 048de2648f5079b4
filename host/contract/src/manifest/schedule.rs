//! `[schedule]`: functions that run by the clock.

use std::time::Duration;

use super::entries::{Entry, Keys, Reader, quoted};
use super::http::parse_call;
use super::{SettingKey, units};

const SCHEDULE: Keys =
    Keys { known: &["call", "cron", "timezone", "jitter", "missed", "name"], later: &[] };

/// The longest jitter.
const JITTER_MAX: Duration = Duration::from_secs(60 * 60);

/// One entry of `[schedule]`. The time and its zone are read by who runs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSpec {
    /// Names it within the service: by default the function's name.
    pub name: String,
    /// When: second, minute, hour, day of the month, month, day of the week.
    pub cron: String,
    /// The IANA time zone that the times are in; `UTC` by default.
    pub timezone: String,
    /// The interface of the function: its last name, or in full.
    pub interface: String,
    /// The function, kebab-case.
    pub function: String,
    /// Each run begins so much later at most, by chance.
    pub jitter: Duration,
    /// What becomes of runs that were due while the host was down.
    pub missed: Missed,
    /// The line in the file, from 1.
    pub line: u32,
}

/// What becomes of runs that were due while nobody could run them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// They are passed over.
    #[default]
    Skip,
    /// One run makes up for all of them, as soon as it can.
    Once,
}

/// What may stand beside the time.
#[derive(Default)]
struct Details {
    call: Option<(String, String)>,
    cron: Option<String>,
    timezone: Option<String>,
    jitter: Duration,
    missed: Missed,
    name: Option<String>,
}

/// `"CRON" = "interface.function"`, `"CRON" = { call = .. }` or `NAME = { cron = .., call = .. }`.
pub(super) fn schedules(reader: &mut Reader<'_>, section: Entry<'_>) -> Vec<ScheduleSpec> {
    let mut schedules: Vec<ScheduleSpec> = Vec::new();
    for entry in reader.table(section).unwrap_or_default() {
        let Some(schedule) = schedule(reader, entry) else { continue };
        if schedules.iter().any(|other| other.name == schedule.name) {
            let name = quoted(&schedule.name);
            reader
                .mistake(entry.at, format!("two schedules are called {name}: give one a \"name\""));
        } else {
            schedules.push(schedule);
        }
    }
    schedules
}

fn schedule(reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<ScheduleSpec> {
    let mut details = Details::default();
    if entry.is_str() {
        details.call = Some(reader.parsed(entry, parse_call)?);
    } else {
        details.read(reader, entry)?;
    }
    let Some((interface, function)) = details.call else {
        let example = "call = \"interface.function\"";
        reader.mistake(entry.at, format!("the schedule {} needs {example}", quoted(entry.key)));
        return None;
    };
    // With a cron of its own the key is the name.
    let (key_is_name, name, cron) = match details.cron {
        Some(cron) => (true, details.name.unwrap_or_else(|| entry.key.to_owned()), cron),
        None => (false, details.name.unwrap_or_else(|| function.clone()), entry.key.to_owned()),
    };
    if name.parse::<SettingKey>().is_err() {
        let what = "must be lower-case words joined by hyphens";
        reader.mistake(entry.at, format!("the name of a schedule {what}, got {}", quoted(&name)));
        return None;
    }
    if !key_is_name && cron.parse::<SettingKey>().is_ok() {
        let example = "cron = \"0 */5 * * * *\"";
        reader.mistake(entry.at, format!("the schedule {} needs {example}", quoted(&cron)));
        return None;
    }
    Some(ScheduleSpec {
        name,
        cron,
        timezone: details.timezone.unwrap_or_else(|| "UTC".to_owned()),
        interface,
        function,
        jitter: details.jitter,
        missed: details.missed,
        line: reader.line(entry.at),
    })
}

impl Details {
    fn read(&mut self, reader: &mut Reader<'_>, entry: Entry<'_>) -> Option<()> {
        let mut is_whole = true;
        for member in reader.table_or(entry, "a string or a table")? {
            is_whole &= match member.key {
                "call" => keep(&mut self.call, reader.parsed(member, parse_call)),
                "cron" => keep(&mut self.cron, reader.str(member).map(str::to_owned)),
                "timezone" => keep(&mut self.timezone, reader.str(member).map(str::to_owned)),
                "name" => keep(&mut self.name, reader.str(member).map(str::to_owned)),
                "jitter" => set(&mut self.jitter, reader.parsed(member, jitter)),
                "missed" => set(&mut self.missed, reader.parsed(member, missed)),
                _ => {
                    reader.unknown(member, &SCHEDULE);
                    true
                }
            };
        }
        is_whole.then_some(())
    }
}

fn keep<T>(slot: &mut Option<T>, value: Option<T>) -> bool {
    *slot = value;
    slot.is_some()
}

fn set<T>(slot: &mut T, value: Option<T>) -> bool {
    value.map(|value| *slot = value).is_some()
}

fn jitter(text: &str) -> Result<Duration, String> {
    let time = units::duration(text).filter(|time| *time <= JITTER_MAX);
    time.ok_or_else(|| format!("{} is not a time of at most an hour: write \"5s\"", quoted(text)))
}

fn missed(text: &str) -> Result<Missed, String> {
    match text {
        "skip" => Ok(Missed::Skip),
        "once" => Ok(Missed::Once),
        _ => Err(format!("{} is not \"skip\" or \"once\"", quoted(text))),
    }
}
