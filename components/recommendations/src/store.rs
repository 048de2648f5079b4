//! The statements: orders that were learnt from, and what was bought together.

use thali_support::sql::{Failed, Query, Row, Transaction, Value, read};

/// A product, and in how many orders it was bought together with what was asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pair {
    pub(crate) other_id: String,
    pub(crate) orders: u32,
}

/// Keeps an order, which must not be there.
pub(crate) fn insert_order(transaction: &dyn Transaction, id: &str) -> Result<(), Failed> {
    transaction.add("INSERT INTO orders (id) VALUES ($1)", &[id.into()], None)
}

/// Keeps what was bought, all of it in one statement.
pub(crate) fn insert_bought(
    transaction: &dyn Transaction,
    order_id: &str,
    user: &str,
    products: &[String],
) -> Result<(), Failed> {
    let mut sql = "INSERT INTO bought (order_id, user_id, product_id) VALUES ".to_owned();
    let mut params: Vec<Value> = vec![order_id.into(), user.into()];
    for product in products {
        sql.push_str(if params.len() == 2 { "($1, $2, $" } else { ", ($1, $2, $" });
        params.push(product.as_str().into());
        sql.push_str(&params.len().to_string());
        sql.push(')');
    }
    transaction.add(&sql, &params, None)
}

/// Counts every two products of an order as bought together once more.
pub(crate) fn count_pairs(transaction: &dyn Transaction, order_id: &str) -> Result<(), Failed> {
    let sql = "INSERT INTO pairs (product_id, other_id, orders) \
               SELECT a.product_id, b.product_id, 1 FROM bought a JOIN bought b \
               ON b.order_id = a.order_id AND b.product_id <> a.product_id WHERE a.order_id = $1 \
               ON CONFLICT (product_id, other_id) DO UPDATE SET orders = pairs.orders + 1";
    transaction.add(sql, &[order_id.into()], None)
}

/// What was bought together with a product most, `count` at most.
pub(crate) fn together(
    database: &dyn Query,
    product_id: &str,
    count: usize,
) -> Result<Vec<Pair>, Failed> {
    let count = count.to_string();
    let sql = [
        "SELECT other_id, orders FROM pairs WHERE product_id = $1 \
         ORDER BY orders DESC, other_id LIMIT ",
        &count,
    ]
    .concat();
    read(database, &sql, &[product_id.into()], read_pair)
}

/// What was bought together most with anything that a user has, and is not theirs, `count` at most.
pub(crate) fn together_with_history(
    database: &dyn Query,
    user: &str,
    count: usize,
) -> Result<Vec<Pair>, Failed> {
    let count = count.to_string();
    let sql = [
        "SELECT p.other_id, CAST(SUM(p.orders) AS BIGINT) FROM \
         (SELECT DISTINCT product_id FROM bought WHERE user_id = $1) h \
         JOIN pairs p ON p.product_id = h.product_id \
         WHERE NOT EXISTS (SELECT 1 FROM bought o WHERE o.user_id = $1 AND o.product_id = p.other_id) \
         GROUP BY p.other_id ORDER BY SUM(p.orders) DESC, p.other_id LIMIT ",
        &count,
    ]
    .concat();
    read(database, &sql, &[user.into()], read_pair)
}

/// What a user has bought, `count` at most.
pub(crate) fn history(
    database: &dyn Query,
    user: &str,
    count: usize,
) -> Result<Vec<String>, Failed> {
    let count = count.to_string();
    let sql = [
        "SELECT DISTINCT product_id FROM bought WHERE user_id = $1 ORDER BY product_id LIMIT ",
        &count,
    ]
    .concat();
    read(database, &sql, &[user.into()], Row::text)
}

fn read_pair(row: &mut Row) -> Result<Pair, Failed> {
    Ok(Pair { other_id: row.text()?, orders: row.integer()? })
}
