//! Keeping the coupons, and what one of them takes off.

use thali_support::check::{Checks, UNKNOWN_CURSOR};
use thali_support::clock::{from_rfc3339, rfc3339};
use thali_support::sql::{Database, Failed, Query, Row, Value, exists, read, read_one};

use crate::bindings::exports::thali::pricing::coupons::{Coupon, Error, Filter, Page, Reduction};
use crate::bindings::thali::types::types::Money;
use crate::share::{PERCENT, share};

const AMOUNT_MAX: i64 = 100_000_000;

/// The code of what is taken off for many of one product. No coupon has it.
pub(crate) const QUANTITY: &str = "QUANTITY";

const SELECT: &str = "\
    SELECT code, percent, amount, currency, valid_from, valid_until, subtotal_min FROM coupons";

const INSERT: &str = "\
    INSERT INTO coupons (code, percent, amount, currency, valid_from, valid_until, subtotal_min) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (code) DO NOTHING";

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// What a coupon takes off, inside.
#[derive(Clone, Copy)]
enum Off {
    Percent(i64),
    Fixed(i64),
}

/// A coupon as the database keeps it.
pub(crate) struct Stored {
    pub(crate) code: String,
    off: Off,
    /// Of what is taken off, and of the minimum.
    currency: Option<String>,
    valid_from_ms: Option<i64>,
    valid_until_ms: Option<i64>,
    subtotal_min: Option<i64>,
}

impl Stored {
    fn read(row: &mut Row) -> Result<Self, Failed> {
        let code = row.text()?;
        let (percent, amount) = (row.optional_integer()?, row.optional_integer()?);
        let off =
            percent.map(Off::Percent).or(amount.map(Off::Fixed)).ok_or(Failed::Unavailable)?;
        Ok(Self {
            code,
            off,
            currency: row.optional_text()?,
            valid_from_ms: row.optional_integer()?,
            valid_until_ms: row.optional_integer()?,
            subtotal_min: row.optional_integer()?,
        })
    }

    fn params(&self) -> Vec<Value> {
        let integer = |number: Option<i64>| number.map_or(Value::Null, Value::from);
        let (percent, amount) = match self.off {
            Off::Percent(percent) => (Some(percent), None),
            Off::Fixed(amount) => (None, Some(amount)),
        };
        vec![
            self.code.as_str().into(),
            integer(percent),
            integer(amount),
            self.currency.as_deref().into(),
            integer(self.valid_from_ms),
            integer(self.valid_until_ms),
            integer(self.subtotal_min),
        ]
    }

    fn shown(self) -> Coupon {
        let currency = self.currency.unwrap_or_default();
        let money = |amount| Money { amount, currency: currency.clone() };
        Coupon {
            code: self.code,
            reduction: match self.off {
                Off::Percent(percent) => Reduction::Percent(u32::try_from(percent).unwrap_or(0)),
                Off::Fixed(amount) => Reduction::Fixed(money(amount)),
            },
            valid_from: self.valid_from_ms.map(rfc3339),
            valid_until: self.valid_until_ms.map(rfc3339),
            minimum_subtotal: self.subtotal_min.map(money),
        }
    }

    /// Why it cannot be used now for goods that cost so much.
    pub(crate) fn refusal(&self, subtotal: i64, currency: &str, now_ms: i64) -> Option<String> {
        if let Some(from) = self.valid_from_ms.filter(|from| now_ms < *from) {
            return Some(["it is good from ", &rfc3339(from), " on"].concat());
        }
        if let Some(until) = self.valid_until_ms.filter(|until| now_ms >= *until) {
            return Some(["it was good until ", &rfc3339(until)].concat());
        }
        if let Some(own) = self.currency.as_deref().filter(|own| *own != currency) {
            return Some(["it is for what is paid in ", own].concat());
        }
        let min = self.subtotal_min.filter(|min| subtotal < *min)?;
        Some(["it needs a subtotal of at least ", &min.to_string(), " minor units"].concat())
    }

    /// What it takes off from goods that cost so much.
    pub(crate) fn amount(&self, of: i64) -> i64 {
        match self.off {
            Off::Percent(percent) => share(of, percent * PERCENT),
            Off::Fixed(amount) => amount.min(of),
        }
    }
}

/// The coupon with this code, in any case.
pub(crate) fn find(database: &dyn Query, code: &str) -> Result<Option<Stored>, Failed> {
    let Some(code) = normalised(code) else { return Ok(None) };
    let sql = [SELECT, " WHERE code = $1"].concat();
    read_one(database, &sql, &[code.as_str().into()], Stored::read)
}

/// The one way a code is written. `None`: it cannot be one.
fn normalised(code: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    let is_code = (3..=32).contains(&code.len()) && code.bytes().all(allowed);
    is_code.then(|| code.to_ascii_uppercase())
}

/// A page of coupons, by code.
pub(crate) fn list(database: &dyn Query, filter: &Filter) -> Result<Page, Error> {
    let mut checks = Checks::new();
    let limit = checks.page(filter.limit, filter.cursor.as_deref());
    checks.done().map_err(Error::Invalid)?;
    let after: Vec<Value> = filter.cursor.iter().map(|code| code.as_str().into()).collect();
    let condition = if after.is_empty() { "" } else { " WHERE code > $1" };
    let sql = [SELECT, condition, " ORDER BY code LIMIT ", &(limit + 1).to_string()].concat();
    let mut found = read(database, &sql, &after, Stored::read)?;
    let is_known = |code| exists(database, "SELECT 1 FROM coupons WHERE code = $1", code);
    if found.is_empty() && !after.is_empty() && !is_known(&after)? {
        return Err(Error::Invalid(["cursor", UNKNOWN_CURSOR].join(" ")));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|coupon| coupon.code.clone());
    Ok(Page { items: found.into_iter().map(Stored::shown).collect(), next })
}

/// Adds a coupon.
pub(crate) fn create(database: &dyn Database, coupon: Coupon) -> Result<Coupon, Error> {
    let stored = checked(coupon)?;
    if database.execute(INSERT, &stored.params())? == 0 {
        return Err(Error::AlreadyExists);
    }
    Ok(stored.shown())
}

fn checked(coupon: Coupon) -> Result<Stored, Error> {
    let Coupon { code, reduction, valid_from, valid_until, minimum_subtotal } = coupon;
    let mut checks = Checks::new();
    let code = normalised(&code).filter(|code| code != QUANTITY);
    let detail = "must be 3 to 32 letters, digits, dashes and underscores, and not QUANTITY";
    checks.rule(code.is_some(), "/code", detail);
    let (off, fixed) = match reduction {
        Reduction::Percent(percent) => {
            let allowed = (1..=100).contains(&percent);
            checks.rule(allowed, "/reduction/percent", "must be 1 to 100");
            (Off::Percent(percent.into()), None)
        }
        Reduction::Fixed(money) => {
            check_money(&mut checks, "/reduction/fixed", &money);
            (Off::Fixed(money.amount), Some(money.currency))
        }
    };
    let valid_from_ms = time(&mut checks, "/valid_from", valid_from.as_deref());
    let valid_until_ms = time(&mut checks, "/valid_until", valid_until.as_deref());
    let ends = valid_from_ms.is_none_or(|from| valid_until_ms.is_none_or(|until| from < until));
    checks.rule(ends, "/valid_until", "must be after valid_from");
    let (subtotal_min, min_currency) = match minimum_subtotal {
        Some(money) => {
            check_money(&mut checks, "/minimum_subtotal", &money);
            (Some(money.amount), Some(money.currency))
        }
        None => (None, None),
    };
    let same = fixed.is_none() || min_currency.is_none() || fixed == min_currency;
    checks.rule(same, "/minimum_subtotal/currency", "must be the currency of the reduction");
    checks.done().map_err(Error::Invalid)?;
    let (code, currency) = (code.unwrap_or_default(), fixed.or(min_currency));
    Ok(Stored { code, off, currency, valid_from_ms, valid_until_ms, subtotal_min })
}

fn check_money(checks: &mut Checks, place: &str, Money { amount, currency }: &Money) {
    let allowed = (1..=AMOUNT_MAX).contains(amount);
    checks.rule(allowed, &[place, "/amount"].concat(), "must be 1 to 100000000");
    let is_code = currency.len() == 3 && currency.bytes().all(|byte| byte.is_ascii_uppercase());
    let detail = "must be three capital letters: USD";
    checks.rule(is_code, &[place, "/currency"].concat(), detail);
}

fn time(checks: &mut Checks, place: &str, text: Option<&str>) -> Option<i64> {
    let time = text.map(from_rfc3339);
    checks.rule(time != Some(None), place, "must be a time of RFC 3339: 2026-11-22T00:00:00Z");
    time.flatten()
}
