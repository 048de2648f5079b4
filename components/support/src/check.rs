//! Checking what was sent against a service's rules: every broken rule is named at once.

use std::ops::RangeInclusive;

use crate::{contact, geo, id};

/// How long a page is when nobody says.
pub const PAGE_DEFAULT: u32 = 20;
/// The longest page.
pub const PAGE_MAX: u32 = 100;
/// Only so many broken rules are told; the rest of a text that breaks more helps nobody.
const BROKEN_MAX: usize = 20;

/// Collects broken rules. Each names its place as a JSON pointer.
#[derive(Debug, Default)]
pub struct Checks {
    broken: Vec<String>,
}

impl Checks {
    /// Nothing is broken yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A rule of the caller's: `detail` says what is wrong at `place` unless `holds`.
    pub fn rule(&mut self, holds: bool, place: &str, detail: &str) {
        if !holds && self.broken.len() < BROKEN_MAX {
            self.broken.push([place, detail].join(" "));
        }
    }

    /// A line of text: so many characters, not only spaces, no control characters.
    pub fn line(&mut self, place: &str, text: &str, chars: RangeInclusive<usize>) {
        self.length(place, text, chars);
        self.rule(!text.chars().any(char::is_control), place, "must not hold control characters");
    }

    /// A text of several lines: so many characters, not only spaces, of the control characters only
    /// tabs and line ends.
    pub fn text(&mut self, place: &str, text: &str, chars: RangeInclusive<usize>) {
        self.length(place, text, chars);
        let allowed = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t');
        self.rule(text.chars().all(allowed), place, "must not hold control characters");
    }

    fn length(&mut self, place: &str, text: &str, chars: RangeInclusive<usize>) {
        let (min, max) = (*chars.start(), *chars.end());
        // Counting the characters of a text that is far too long would be work for nothing.
        let fits = text.len() <= max * 4 && chars.contains(&text.chars().count());
        let blank = min > 0 && text.chars().all(char::is_whitespace);
        if !fits || blank {
            self.rule(false, place, &format!("must have {min} to {max} characters"));
        }
    }

    /// An id.
    pub fn id(&mut self, place: &str, text: &str) {
        let detail = "must be 1 to 64 visible ASCII characters";
        self.rule(id::is_plausible(text), place, detail);
    }

    /// A place on earth.
    pub fn location(&mut self, place: &str, lat: f64, lon: f64) {
        let detail = "must have lat from -90 to 90 and lon from -180 to 180";
        self.rule(geo::is_on_earth(lat, lon), place, detail);
    }

    /// A phone number, in the one way it is written.
    pub fn phone(&mut self, place: &str, text: &str) -> String {
        let number = contact::phone(text);
        self.rule(number.is_some(), place, "must be a phone number with country code: +15550100");
        number.unwrap_or_default()
    }

    /// An email address, in the one way it is written.
    pub fn email(&mut self, place: &str, text: &str) -> String {
        let address = contact::email(text);
        self.rule(address.is_some(), place, "must be an email address");
        address.unwrap_or_default()
    }

    /// The length of a list.
    pub fn count(&mut self, place: &str, count: usize, allowed: RangeInclusive<usize>) {
        if !allowed.contains(&count) {
            let (min, max) = (allowed.start(), allowed.end());
            self.rule(false, place, &format!("must have {min} to {max} items"));
        }
    }

    /// The length of a page that is asked for, and where it begins.
    pub fn page(&mut self, limit: Option<u32>, cursor: Option<&str>) -> usize {
        let limit = limit.unwrap_or(PAGE_DEFAULT);
        self.rule((1..=PAGE_MAX).contains(&limit), "limit", "must be 1 to 100");
        self.rule(cursor.is_none_or(id::is_plausible), "cursor", UNKNOWN_CURSOR);
        limit as usize
    }

    /// `Err` with every broken rule, when there is one.
    pub fn done(self) -> Result<(), String> {
        if self.broken.is_empty() { Ok(()) } else { Err(self.broken.join("; ")) }
    }
}

/// What is wrong with a cursor that no page gave out.
pub const UNKNOWN_CURSOR: &str = "must be `next` of the page before";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_broken_rule_is_named() {
        let mut checks = Checks::new();
        checks.line("/name", "", 1..=10);
        checks.line("/title", "a\nb", 1..=10);
        checks.location("/location", f64::NAN, 0.0);
        checks.count("/items", 0, 1..=3);
        checks.page(Some(0), Some(""));
        let broken = checks.done().unwrap_err();
        assert_eq!(
            broken,
            "/name must have 1 to 10 characters; /title must not hold control characters; \
             /location must have lat from -90 to 90 and lon from -180 to 180; \
             /items must have 1 to 3 items; limit must be 1 to 100; \
             cursor must be `next` of the page before"
        );
    }

    #[test]
    fn characters_count_not_bytes() {
        let mut checks = Checks::new();
        checks.line("/name", "ÄÖÜ", 3..=3);
        checks.text("/text", "a\nb", 1..=3);
        assert_eq!(checks.page(None, None), 20);
        assert_eq!(checks.done(), Ok(()));
        for text in [" ", "abcd", &"x".repeat(1_000_000)] {
            let mut checks = Checks::new();
            checks.line("/name", text, 1..=3);
            assert!(checks.done().is_err());
        }
    }

    #[test]
    fn a_thousand_broken_rules_do_not_make_a_long_answer() {
        let mut checks = Checks::new();
        (0..1000).for_each(|_| checks.rule(false, "/x", "is wrong"));
        assert!(checks.done().unwrap_err().len() < 500);
    }
}
