//! Recommending: what was bought together most, then the same category.
//!
//! What was bought together is known here. The catalogue says what there still is and what it is called; while it
//! does not answer, what is known here is answered without.

use thali_support::check::Checks;
use thali_support::id;
use thali_support::sql::{Database, Failed};

use crate::bindings::exports::thali::recommendations::recommending::{
    Error, Reason, Recommendation, Recommendations,
};
use crate::bindings::thali::products::lookup::Item;
use crate::caller::Caller;
use crate::catalogue::Catalogue;
use crate::store::{self, Pair};

/// As many products as the catalogue is asked about at once.
const FIND_MAX: usize = 100;

/// The categories of a user's history that are looked at.
const CATEGORIES_MAX: usize = 5;

/// The longest subject of a token, in bytes.
const USER_BYTES_MAX: usize = 255;

/// Everything around this service.
pub(crate) struct Desk<'a> {
    pub(crate) database: &'a dyn Database,
    pub(crate) catalogue: &'a dyn Catalogue,
    pub(crate) caller: &'a dyn Caller,
}

impl From<Failed> for Error {
    fn from(_: Failed) -> Self {
        Self::Unavailable
    }
}

/// What goes with a product.
pub(crate) fn related(
    desk: &Desk<'_>,
    product_id: &str,
    limit: Option<u32>,
) -> Result<Recommendations, Error> {
    let limit = checked(limit)?;
    if !id::is_plausible(product_id) {
        return Err(Error::NotFound);
    }
    let pairs = store::together(desk.database, product_id, FIND_MAX - 1)?;
    let own = [product_id.to_owned()];
    let Some(known) = desk.catalogue.find(&ids(&own, &pairs)) else {
        return Ok(without_catalogue(pairs, limit));
    };
    let product = known.iter().find(|item| item.id == product_id).ok_or(Error::NotFound)?;
    let mut list = List::new(limit, &own);
    list.add_pairs(&pairs, &known);
    list.add_category(desk, &product.category);
    Ok(list.done())
}

/// What goes with what a user has bought.
pub(crate) fn for_user(
    desk: &Desk<'_>,
    user: &str,
    limit: Option<u32>,
) -> Result<Recommendations, Error> {
    let limit = checked(limit)?;
    let plausible = user.len() <= USER_BYTES_MAX && !user.chars().any(char::is_control);
    if !plausible || !desk.caller.may_read(user) {
        return Err(Error::NotFound);
    }
    let history = store::history(desk.database, user, FIND_MAX)?;
    if history.is_empty() {
        return Ok(Recommendations { items: vec![] });
    }
    let pairs = store::together_with_history(desk.database, user, FIND_MAX)?;
    let others: Vec<_> = pairs.iter().map(|pair| pair.other_id.clone()).collect();
    let Some(known) = desk.catalogue.find(&others) else {
        return Ok(without_catalogue(pairs, limit));
    };
    let mut list = List::new(limit, &history);
    list.add_pairs(&pairs, &known);
    if !list.is_full() {
        for category in categories(desk, &history) {
            list.add_category(desk, &category);
        }
    }
    Ok(list.done())
}

fn checked(limit: Option<u32>) -> Result<usize, Error> {
    let mut checks = Checks::new();
    let limit = checks.page(limit, None);
    checks.done().map_err(Error::Invalid)?;
    Ok(limit)
}

fn ids(own: &[String], pairs: &[Pair]) -> Vec<String> {
    own.iter().chain(pairs.iter().map(|pair| &pair.other_id)).cloned().collect()
}

/// The categories of what a user has, each once.
fn categories(desk: &Desk<'_>, history: &[String]) -> Vec<String> {
    let known = desk.catalogue.find(history).unwrap_or_default();
    let mut categories: Vec<_> = known.into_iter().map(|item| item.category).collect();
    categories.sort_unstable();
    categories.dedup();
    categories.truncate(CATEGORIES_MAX);
    categories
}

/// What is known without the catalogue: no names, and maybe what is not sold any more.
fn without_catalogue(pairs: Vec<Pair>, limit: usize) -> Recommendations {
    let item = |pair: Pair| Recommendation {
        product_id: pair.other_id,
        reason: Reason::BoughtTogether,
        orders: pair.orders,
        name: None,
        price: None,
    };
    Recommendations { items: pairs.into_iter().take(limit).map(item).collect() }
}

/// Recommendations, none twice, and nothing of what somebody has.
struct List<'a> {
    limit: usize,
    own: &'a [String],
    items: Vec<Recommendation>,
}

impl<'a> List<'a> {
    fn new(limit: usize, own: &'a [String]) -> Self {
        Self { limit, own, items: Vec::new() }
    }

    fn is_full(&self) -> bool {
        self.items.len() >= self.limit
    }

    fn add(&mut self, item: &Item, reason: Reason, orders: u32) {
        let is_there = self.items.iter().any(|there| there.product_id == item.id);
        if self.is_full() || is_there || self.own.contains(&item.id) {
            return;
        }
        self.items.push(Recommendation {
            product_id: item.id.clone(),
            reason,
            orders,
            name: Some(item.name.clone()),
            price: Some(item.price.clone()),
        });
    }

    /// What there still is of these.
    fn add_pairs(&mut self, pairs: &[Pair], known: &[Item]) {
        for pair in pairs {
            if let Some(item) = known.iter().find(|item| item.id == pair.other_id) {
                self.add(item, Reason::BoughtTogether, pair.orders);
            }
        }
    }

    /// So many of a category that what is left out leaves enough.
    fn add_category(&mut self, desk: &Desk<'_>, category: &str) {
        if self.is_full() {
            return;
        }
        let count = (self.limit + self.own.len()).min(FIND_MAX);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        for item in desk.catalogue.in_category(category, count).unwrap_or_default() {
            self.add(&item, Reason::SameCategory, 0);
        }
    }

    fn done(self) -> Recommendations {
        Recommendations { items: self.items }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Market;

    fn told(recommended: Result<Recommendations, Error>) -> Vec<(String, Reason, u32)> {
        let items = recommended.unwrap().items.into_iter();
        items.map(|item| (item.product_id, item.reason, item.orders)).collect()
    }

    fn together(id: &str, orders: u32) -> (String, Reason, u32) {
        (id.into(), Reason::BoughtTogether, orders)
    }

    fn same(id: &str) -> (String, Reason, u32) {
        (id.into(), Reason::SameCategory, 0)
    }

    /// Mugs are 1 to 3, shirts 4 and 5. Somebody has bought 1 with 4 twice, and with 5 once.
    fn market() -> Market {
        let market = Market::new();
        for (id, category) in
            [("1", "mugs"), ("2", "mugs"), ("3", "mugs"), ("4", "shirts"), ("5", "shirts")]
        {
            market.sell(id, category);
        }
        market.buy("o-1", "ann", &["1", "4"]);
        market.buy("o-2", "bob", &["1", "4", "5"]);
        market
    }

    #[test]
    fn what_was_bought_together_most_comes_first_then_the_same_category() {
        let market = market();
        let related = |id, limit| told(related(&market.desk(), id, limit));
        let all = [together("4", 2), together("5", 1), same("2"), same("3")];
        assert_eq!(related("1", None), all);
        assert_eq!(related("1", Some(3)), all[..3]);
        assert_eq!(related("2", None), [same("1"), same("3")]);
        assert_eq!(related("4", None), [together("1", 2), together("5", 1)]);
    }

    #[test]
    fn names_and_prices_come_from_the_catalogue_as_they_are_now() {
        let market = market();
        let first = related(&market.desk(), "1", Some(1)).unwrap().items.remove(0);
        assert_eq!(first.name.as_deref(), Some("product 4"));
        assert_eq!(first.price.unwrap().amount, 1999);
    }

    #[test]
    fn what_is_not_sold_any_more_is_not_recommended() {
        let market = market();
        market.withdraw("4");
        let items = told(related(&market.desk(), "1", None));
        assert_eq!(items, [together("5", 1), same("2"), same("3")]);
        assert_eq!(related(&market.desk(), "4", None), Err(Error::NotFound));
    }

    #[test]
    fn without_the_catalogue_there_is_what_was_bought_together() {
        let market = market();
        market.close();
        let items = related(&market.desk(), "1", None).unwrap().items;
        assert!(items.iter().all(|item| item.name.is_none() && item.price.is_none()));
        let items = told(related(&market.desk(), "1", None));
        assert_eq!(items, [together("4", 2), together("5", 1)]);
        assert_eq!(told(related(&market.desk(), "2", None)), []);
        market.sign_in("ann");
        assert_eq!(told(for_user(&market.desk(), "ann", None)), [together("5", 2)]);
    }

    #[test]
    fn a_user_is_recommended_what_goes_with_the_history_and_is_not_owned() {
        let market = market();
        market.sign_in("ann");
        let items = told(for_user(&market.desk(), "ann", None));
        assert_eq!(items, [together("5", 2), same("2"), same("3")], "with 1 and with 4");
        assert_eq!(told(for_user(&market.desk(), "ann", Some(1))), [together("5", 2)]);
        market.sign_in("bob");
        assert_eq!(told(for_user(&market.desk(), "bob", None)), [same("2"), same("3")]);
        market.sign_in("eve");
        assert_eq!(told(for_user(&market.desk(), "eve", None)), []);
    }

    #[test]
    fn what_is_recommended_to_others_is_as_if_it_were_not_there() {
        let market = market();
        for other in ["bob", ""] {
            market.sign_in(other);
            for user in ["ann", "nobody", "a\0b"] {
                assert_eq!(for_user(&market.desk(), user, None), Err(Error::NotFound));
            }
        }
    }

    #[test]
    fn a_list_is_never_longer_than_it_may_be() {
        let market = Market::new();
        for id in 0..150 {
            market.sell(&id.to_string(), "mugs");
        }
        let ids: Vec<String> = (0..90).map(|id| id.to_string()).collect();
        market.buy("o-1", "ann", &ids.iter().map(String::as_str).collect::<Vec<_>>());
        let count = told(related(&market.desk(), "7", Some(100))).len();
        assert_eq!(count, 99, "the catalogue answers 100 of a category, this product among them");
        assert_eq!(told(related(&market.desk(), "7", None)).len(), 20);
        for limit in [0, 101] {
            let refused = related(&market.desk(), "7", Some(limit));
            assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
        }
        for id in ["", "a\0b", &"x".repeat(10_000)] {
            assert_eq!(related(&market.desk(), id, None), Err(Error::NotFound));
        }
    }
}
