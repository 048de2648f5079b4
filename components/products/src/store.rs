//! The statements: products in the database.

use thali_support::id;
use thali_support::sql::{Database, Failed, Query, Row, Value, exists, list, read, read_one};

use crate::bindings::exports::thali::products::catalog::Product;
use crate::bindings::thali::types::types::Money;

const SELECT: &str = "\
    SELECT id, name, description, category, price, currency, tags, weight_grams FROM products";

const INSERT: &str = "\
    INSERT INTO products \
    (id, name, description, category, price, currency, tags, weight_grams, category_key, search) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const REPLACE: &str = "\
    UPDATE products SET name = $2, description = $3, category = $4, price = $5, currency = $6, \
    tags = $7, weight_grams = $8, category_key = $9, search = $10 WHERE id = $1";

/// What stands between what is searched, so that no word is found across two of them.
const BREAK: &str = "\n";

fn read_product(row: &mut Row) -> Result<Product, Failed> {
    Ok(Product {
        id: row.text()?,
        name: row.text()?,
        description: row.text()?,
        category: row.text()?,
        price: Money { amount: row.integer()?, currency: row.text()? },
        tags: row.text()?.lines().map(Into::into).collect(),
        weight_grams: row.integer()?,
        stock: None,
        available: None,
    })
}

/// Which products a page shows.
#[derive(Clone, Copy, Default)]
pub(crate) struct Selection<'a> {
    /// All of these words occur in them.
    pub(crate) words: Option<&'a str>,
    pub(crate) category: Option<&'a str>,
    /// They follow the one with this id.
    pub(crate) after: Option<&'a str>,
}

/// Products by name.
pub(crate) fn page(
    database: &dyn Query,
    selection: Selection<'_>,
    limit: usize,
) -> Result<Vec<Product>, Failed> {
    let Selection { words, category, after } = selection;
    let (mut params, mut sql) = (Vec::new(), String::from(SELECT));
    let mut condition = |before: &str, param: Value, behind: &str| {
        params.push(param);
        let and = if params.len() == 1 { " WHERE " } else { " AND " };
        sql.extend([and, before, "$", &params.len().to_string(), behind]);
    };
    for word in words.unwrap_or_default().split_whitespace() {
        condition("search LIKE ", part(word).as_str().into(), " ESCAPE '!'");
    }
    if let Some(category) = category {
        condition("category_key = ", category.to_lowercase().as_str().into(), "");
    }
    if let Some(after) = after {
        let place = "(name, id) > (SELECT name, id FROM products WHERE id = ";
        condition(place, after.into(), ")");
    }
    sql.extend([" ORDER BY name, id LIMIT ", &limit.to_string()]);
    read(database, &sql, &params, read_product)
}

/// The pattern of a text that has this word as a part.
fn part(word: &str) -> String {
    let mut pattern = String::from("%");
    for c in word.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

/// Whether there is such a product.
pub(crate) fn is_known(database: &dyn Query, id: &str) -> Result<bool, Failed> {
    let sql = "SELECT 1 FROM products WHERE id = $1";
    Ok(id::is_plausible(id) && exists(database, sql, &[id.into()])?)
}

/// The product with this id.
pub(crate) fn find(database: &dyn Query, id: &str) -> Result<Option<Product>, Failed> {
    if !id::is_plausible(id) {
        return Ok(None);
    }
    read_one(database, &[SELECT, " WHERE id = $1"].concat(), &[id.into()], read_product)
}

/// The products with these ids, each once, by id.
pub(crate) fn find_many(database: &dyn Query, ids: &[String]) -> Result<Vec<Product>, Failed> {
    let ids = ids.iter().filter(|id| id::is_plausible(id));
    let params: Vec<Value> = ids.map(|id| id.as_str().into()).collect();
    if params.is_empty() {
        return Ok(Vec::new());
    }
    let sql = [SELECT, " WHERE id IN ", &list(params.len()), " ORDER BY id"].concat();
    read(database, &sql, &params, read_product)
}

/// Adds a product.
pub(crate) fn insert(database: &dyn Database, product: &Product) -> Result<(), Failed> {
    database.execute(INSERT, &described(product)).map(drop)
}

/// Replaces what is known about a product. Answers whether there is one.
pub(crate) fn replace(database: &dyn Database, product: &Product) -> Result<bool, Failed> {
    Ok(database.execute(REPLACE, &described(product))? > 0)
}

/// Takes a product away. Answers whether there was one.
pub(crate) fn delete(database: &dyn Database, id: &str) -> Result<bool, Failed> {
    let sql = "DELETE FROM products WHERE id = $1";
    Ok(id::is_plausible(id) && database.execute(sql, &[id.into()])? > 0)
}

fn described(product: &Product) -> Vec<Value> {
    let Product { id, name, description, category, price, tags, weight_grams, .. } = product;
    let tags = tags.join(BREAK);
    let search = [name.as_str(), description, category, &tags].join(BREAK).to_lowercase();
    vec![
        id.as_str().into(),
        name.as_str().into(),
        description.as_str().into(),
        category.as_str().into(),
        price.amount.into(),
        price.currency.as_str().into(),
        tags.as_str().into(),
        (*weight_grams).into(),
        category.to_lowercase().as_str().into(),
        search.as_str().into(),
    ]
}
