//! Learning from what is bought.

use thali_support::sql::{ConstraintKind, Database, Failed};

use crate::store;

/// Counts what was bought together in an order. An order that was learnt from is done: its event came twice.
pub(crate) fn learn(
    database: &dyn Database,
    order_id: &str,
    user: &str,
    mut products: Vec<String>,
) -> Result<(), Failed> {
    products.sort_unstable();
    products.dedup();
    if products.is_empty() {
        return Ok(());
    }
    let transaction = database.begin()?;
    store::insert_order(&*transaction, order_id)?;
    store::insert_bought(&*transaction, order_id, user, &products)?;
    store::count_pairs(&*transaction, order_id)?;
    match transaction.commit() {
        Err(Failed::Constraint(ConstraintKind::Unique)) => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Market;

    #[test]
    fn each_pair_of_an_order_counts_once_however_often_it_is_told() {
        let market = Market::new();
        for _ in 0..3 {
            market.buy("o-1", "ann", &["1", "2", "3", "2"]);
        }
        market.buy("o-2", "bob", &["2", "1"]);
        assert_eq!(market.pairs("1"), [("2".to_owned(), 2), ("3".to_owned(), 1)]);
        assert_eq!(market.pairs("2"), [("1".to_owned(), 2), ("3".to_owned(), 1)]);
        assert_eq!(market.pairs("3"), [("1".to_owned(), 1), ("2".to_owned(), 1)]);
    }

    #[test]
    fn what_is_bought_alone_or_not_at_all_makes_no_pairs() {
        let market = Market::new();
        market.buy("o-1", "ann", &["1"]);
        market.buy("o-2", "ann", &[]);
        assert_eq!(market.pairs("1"), []);
    }

    #[test]
    fn a_hundred_products_make_their_pairs_in_one_go() {
        let market = Market::new();
        let ids: Vec<String> = (0..100).map(|id| id.to_string()).collect();
        market.buy("o-1", "ann", &ids.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(market.pairs("7").len(), 99);
    }

    #[test]
    fn an_order_is_learnt_as_a_whole_or_not_at_all() {
        for steps in 0..5 {
            let market = Market::new();
            market.database.fail_after(steps);
            let products = vec!["1".to_owned(), "2".to_owned()];
            let failed = learn(&market.database, "o-1", "ann", products);
            assert_eq!(failed, Err(Failed::Unavailable), "{steps}");
            market.database.recover();
            assert_eq!(market.pairs("1"), [], "{steps}");
            market.buy("o-1", "ann", &["1", "2"]);
            assert_eq!(market.pairs("1"), [("2".to_owned(), 1)], "{steps}");
        }
    }
}
