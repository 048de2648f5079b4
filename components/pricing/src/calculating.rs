//! What a basket costs.

use thali_support::sql::Failed;

use crate::basket::{self, Priced};
use crate::bindings::exports::thali::pricing::calculating::{
    Basket, Destination, Discount, Error, Quote, Tax,
};
use crate::bindings::thali::types::types::Money;
use crate::coupons::{self, QUANTITY, Stored};
use crate::desk::Desk;
use crate::share::{WHOLE, share};
use crate::tables::{self, Breaks, Parcel};

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// Prices a basket.
pub(crate) fn calculate(desk: Desk<'_>, basket: Basket) -> Result<Quote, Error> {
    let Basket { lines, coupon, destination } = basket::checked(basket)?;
    let coupon = match coupon {
        Some(code) => Some(coupons::find(desk.database, &code)?.ok_or(Error::UnknownCoupon)?),
        None => None,
    };
    let priced = basket::priced(desk.catalogue, lines)?;
    let discounts = discounts(desk, &priced, coupon.as_ref())?;
    quote(desk, priced, discounts, &destination)
}

/// What is taken off: for many of one product, and then by the coupon.
fn discounts(
    desk: Desk<'_>,
    priced: &Priced,
    coupon: Option<&Stored>,
) -> Result<Vec<(String, i64)>, Error> {
    let mut discounts = Vec::new();
    let breaks = Breaks::read(desk.database)?;
    let off = |product_id: &str, total| share(total, breaks.rate(priced.quantity(product_id)));
    let quantity = priced.lines.iter().map(|line| off(&line.product_id, line.total.amount)).sum();
    if quantity > 0 {
        discounts.push((QUANTITY.to_owned(), quantity));
    }
    if let Some(coupon) = coupon {
        let refusal = coupon.refusal(priced.subtotal, &priced.currency, desk.now_ms);
        if let Some(reason) = refusal {
            return Err(Error::CouponNotApplicable(reason));
        }
        discounts.push((coupon.code.clone(), coupon.amount(priced.subtotal - quantity)));
    }
    Ok(discounts)
}

#[expect(clippy::cast_precision_loss, reason = "a rate has at most six digits")]
fn quote(
    desk: Desk<'_>,
    priced: Priced,
    discounts: Vec<(String, i64)>,
    to: &Destination,
) -> Result<Quote, Error> {
    let Priced { lines, currency, subtotal, grams } = priced;
    let goods = subtotal - discounts.iter().map(|(_, amount)| amount).sum::<i64>();
    let rate = tables::tax_rate(desk.database, to)?;
    let tax = share(goods, rate);
    let parcel = Parcel { country: &to.country, currency: &currency, grams, worth: goods };
    let shipping = tables::shipping(desk.database, &parcel)?.ok_or(Error::NotDeliverable)?;
    let money = |amount| Money { amount, currency: currency.clone() };
    let discount = |(code, amount)| Discount { code, amount: money(amount) };
    Ok(Quote {
        lines,
        subtotal: money(subtotal),
        discounts: discounts.into_iter().map(discount).collect(),
        tax: Tax { rate: rate as f64 / WHOLE as f64, amount: money(tax) },
        shipping: money(shipping),
        total: money(goods + tax + shipping),
    })
}
