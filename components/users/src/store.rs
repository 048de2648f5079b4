//! The statements: accounts, their sessions, and attempts to sign in.

use thali_support::clock::rfc3339;
use thali_support::sql::{
    Database, Failed, Query, Row, Transaction, Value, read, read_one, statement,
};

use crate::attempts::Attempts;
use crate::bindings::exports::thali::users::accounts::Account;

/// An account, and what only this service knows of it.
pub(crate) struct User {
    pub(crate) account: Account,
    pub(crate) password_hash: String,
}

/// What is kept of a refresh token.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) family: String,
    pub(crate) user_id: String,
    pub(crate) email: String,
    pub(crate) used: bool,
    /// Milliseconds since 1970 in UTC.
    pub(crate) expires_at: i64,
}

/// How many rows a change must change: the token that is as it has to be.
const ONE: Option<u64> = Some(1);

/// Keeps a new account.
pub(crate) fn insert(database: &dyn Database, user: &User, now_ms: i64) -> Result<(), Failed> {
    let sql = "INSERT INTO users (id, email, name, password_hash, created_at) \
               VALUES ($1, $2, $3, $4, $5)";
    let User { account, password_hash } = user;
    let params: [Value; 5] = [
        account.id.as_str().into(),
        account.email.as_str().into(),
        account.name.as_str().into(),
        password_hash.as_str().into(),
        now_ms.into(),
    ];
    database.execute(sql, &params).map(drop)
}

/// The account with this id.
pub(crate) fn by_id(database: &dyn Query, id: &str) -> Result<Option<Account>, Failed> {
    let sql = "SELECT id, email, name, created_at FROM users WHERE id = $1";
    read_one(database, sql, &[id.into()], read_account)
}

/// The account with this address.
pub(crate) fn by_email(database: &dyn Query, email: &str) -> Result<Option<User>, Failed> {
    let sql = "SELECT id, email, name, created_at, password_hash FROM users WHERE email = $1";
    read_one(database, sql, &[email.into()], |row| {
        Ok(User { account: read_account(row)?, password_hash: row.text()? })
    })
}

/// Accounts, the newest first, those after the one with the id `cursor`.
pub(crate) fn page(
    database: &dyn Query,
    cursor: Option<&str>,
    count: usize,
) -> Result<Vec<Account>, Failed> {
    let after = match cursor {
        Some(_) => "WHERE (created_at, id) < (SELECT created_at, id FROM users WHERE id = $1) ",
        None => "",
    };
    let count = count.to_string();
    let sql = [
        "SELECT id, email, name, created_at FROM users ",
        after,
        "ORDER BY created_at DESC, id DESC LIMIT ",
        &count,
    ]
    .concat();
    let params: Vec<Value> = cursor.map(Value::from).into_iter().collect();
    read(database, &sql, &params, read_account)
}

/// Removes an account with all that there is of it. Answers whether it was there.
pub(crate) fn remove(database: &dyn Database, account: &Account) -> Result<bool, Failed> {
    let (id, email) = (account.id.as_str(), account.email.as_str());
    let changed = database.batch(&[
        statement("DELETE FROM refresh_tokens WHERE user_id = $1", vec![id.into()]),
        statement("DELETE FROM attempts WHERE email = $1", vec![email.into()]),
        statement("DELETE FROM users WHERE id = $1", vec![id.into()]),
    ])?;
    Ok(changed.last().is_some_and(|rows| *rows > 0))
}

/// How often an address was tried in the window that is open.
pub(crate) fn attempts(
    database: &dyn Query,
    email: &str,
    now_ms: i64,
) -> Result<Option<Attempts>, Failed> {
    let sql = "SELECT count, until FROM attempts WHERE email = $1 AND until > $2";
    read_one(database, sql, &[email.into(), now_ms.into()], read_attempts)
}

/// Counts one more, in the window that is open or in a new one that ends at `until`.
pub(crate) fn count_attempt(
    transaction: &dyn Transaction,
    email: &str,
    now_ms: i64,
    until: i64,
) -> Result<Attempts, Failed> {
    let sql = "INSERT INTO attempts (email, count, until) VALUES ($1, 1, $3) \
               ON CONFLICT (email) DO UPDATE SET \
               count = CASE WHEN attempts.until > $2 THEN attempts.count + 1 ELSE 1 END, \
               until = CASE WHEN attempts.until > $2 THEN attempts.until ELSE $3 END \
               RETURNING count, until";
    let params = [email.into(), now_ms.into(), until.into()];
    read_one(transaction, sql, &params, read_attempts)?.ok_or(Failed::Unavailable)
}

/// Forgets the attempts with an address.
pub(crate) fn forget_attempts(transaction: &dyn Transaction, email: &str) -> Result<(), Failed> {
    transaction.add("DELETE FROM attempts WHERE email = $1", &[email.into()], None)
}

/// Keeps a new refresh token.
pub(crate) fn insert_token(
    transaction: &dyn Transaction,
    digest: &str,
    kept: &Kept,
) -> Result<(), Failed> {
    let sql = "INSERT INTO refresh_tokens (digest, family, user_id, used, expires_at) \
               VALUES ($1, $2, $3, $4, $5)";
    let params: [Value; 5] = [
        digest.into(),
        kept.family.as_str().into(),
        kept.user_id.as_str().into(),
        kept.used.into(),
        kept.expires_at.into(),
    ];
    transaction.add(sql, &params, None)
}

/// What is kept of the token with this digest.
pub(crate) fn kept(database: &dyn Query, digest: &str) -> Result<Option<Kept>, Failed> {
    let sql = "SELECT t.family, t.user_id, u.email, t.used, t.expires_at \
               FROM refresh_tokens t JOIN users u ON u.id = t.user_id WHERE t.digest = $1";
    read_one(database, sql, &[digest.into()], |row| {
        Ok(Kept {
            family: row.text()?,
            user_id: row.text()?,
            email: row.text()?,
            used: row.flag()?,
            expires_at: row.integer()?,
        })
    })
}

/// Uses a token up, which must not have been used.
pub(crate) fn use_up(transaction: &dyn Transaction, digest: &str) -> Result<(), Failed> {
    let sql = "UPDATE refresh_tokens SET used = $2 WHERE digest = $1 AND used = $3";
    transaction.add(sql, &[digest.into(), true.into(), false.into()], ONE)
}

/// Ends every session that came of the same sign-in.
pub(crate) fn end_family(database: &dyn Database, family: &str) -> Result<(), Failed> {
    database.execute("DELETE FROM refresh_tokens WHERE family = $1", &[family.into()]).map(drop)
}

/// Forgets tokens and attempts whose time is over.
pub(crate) fn sweep(database: &dyn Database, now_ms: i64) -> Result<(), Failed> {
    let statements = [
        statement("DELETE FROM refresh_tokens WHERE expires_at <= $1", vec![now_ms.into()]),
        statement("DELETE FROM attempts WHERE until <= $1", vec![now_ms.into()]),
    ];
    database.batch(&statements).map(drop)
}

fn read_account(row: &mut Row) -> Result<Account, Failed> {
    let (id, email, name) = (row.text()?, row.text()?, row.text()?);
    Ok(Account { id, email, name, created_at: rfc3339(row.integer()?) })
}

fn read_attempts(row: &mut Row) -> Result<Attempts, Failed> {
    Ok(Attempts { count: row.integer()?, until: row.integer()? })
}
