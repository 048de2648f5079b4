//! The rules for a card, and what of it may be kept.

use thali_support::check::Checks;
use thali_support::clock::{Date, days_from_date};

use crate::bindings::thali::types::types::Card;

const DAY_MS: i64 = 86_400_000;

/// The card with its number as digits only.
pub(crate) fn checked(checks: &mut Checks, place: &str, mut card: Card, now_ms: i64) -> Card {
    card.number.retain(|c| c != ' ');
    let rules = [
        (is_number(&card.number), "/number", "must be a card number"),
        (expires_after(&card.expiry, now_ms), "/expiry", "must be MM/YY, and not over"),
        (is_digits(&card.cvc, 3, 4), "/cvc", "must be 3 or 4 digits"),
    ];
    for (holds, member, detail) in rules {
        checks.rule(holds, &[place, member].concat(), detail);
    }
    card
}

/// What may be kept of a number.
pub(crate) fn last4(number: &str) -> String {
    number.get(number.len().saturating_sub(4)..).unwrap_or_default().to_owned()
}

fn is_digits(text: &str, min: usize, max: usize) -> bool {
    (min..=max).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Digits whose check digit is right (ISO/IEC 7812-1, annex B: Luhn's formula).
fn is_number(text: &str) -> bool {
    let weighed = text.bytes().rev().enumerate().map(|(at, byte)| {
        let digit = u32::from(byte.wrapping_sub(b'0'));
        match (at % 2, digit) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        }
    });
    is_digits(text, 12, 19) && weighed.sum::<u32>() % 10 == 0
}

/// Whether `MM/YY` is a month that is not over everywhere on earth.
fn expires_after(expiry: &str, now_ms: i64) -> bool {
    let Some((month, year)) = expiry.split_once('/') else { return false };
    if !is_digits(month, 2, 2) || !is_digits(year, 2, 2) {
        return false;
    }
    let (Ok(month), Ok(year)) = (month.parse::<i64>(), year.parse::<i64>()) else { return false };
    let next = match month {
        1..=11 => Date { year: 2000 + year, month: month + 1, day: 1 },
        12 => Date { year: 2001 + year, month: 1, day: 1 },
        _ => return false,
    };
    // The day after, for those west of Greenwich.
    now_ms < (days_from_date(next) + 1) * DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{GOOD, NOW_MS, card};

    fn broken(card: Card) -> Option<String> {
        let mut checks = Checks::new();
        checked(&mut checks, "/card", card, NOW_MS);
        checks.done().err()
    }

    #[test]
    fn a_good_card_is_taken_with_spaces_in_its_number() {
        assert_eq!(broken(card(GOOD)), None);
        assert_eq!(broken(card("4242 4242 4242 4242")), None);
        assert_eq!(last4("4242424242424242"), "4242");
    }

    #[test]
    fn every_broken_rule_is_named_and_the_number_is_not() {
        let wrong =
            Card { number: "4242424242424243".into(), expiry: "13/30".into(), cvc: "12".into() };
        let detail = broken(wrong).unwrap();
        for place in ["/card/number", "/card/expiry", "/card/cvc"] {
            assert!(detail.contains(place), "{place} in {detail}");
        }
        assert!(!detail.contains("4242"), "{detail}");
    }

    #[test]
    fn a_card_is_good_to_the_end_of_its_month() {
        // 2026-11-22
        for (expiry, good) in [
            ("11/26", true),
            ("10/26", false),
            ("12/26", true),
            ("01/27", true),
            ("1/27", false),
            ("+1/27", false),
        ] {
            let card = Card { expiry: expiry.into(), ..card(GOOD) };
            assert_eq!(broken(card).is_none(), good, "{expiry}");
        }
    }
}
