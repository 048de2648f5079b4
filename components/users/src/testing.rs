//! An office that keeps accounts: an identity that answers as it is told, and a clock that is moved by hand.

use std::cell::{Cell, RefCell};

use thali_support::sql::{Query as _, Value};
use thali_support::testing::Memory;

use crate::bindings::exports::thali::users::accounts::{Account, Error, NewAccount, Session};
use crate::desk::{Caller, Desk};
use crate::identity::{Access, Identity};
use crate::{accounts, sessions};

pub(crate) const PASSWORD: &str = "correct horse battery staple";
pub(crate) const ADMIN_EMAIL: &str = "root@example.org";

/// 2026-11-22
const NOW_MS: i64 = 1_795_305_600_000;

pub(crate) fn new_account(email: &str) -> NewAccount {
    NewAccount { email: email.into(), name: "Ada".into(), password: PASSWORD.into() }
}

/// This service with a host around it.
pub(crate) struct Office {
    pub(crate) database: Memory,
    now_ms: Cell<i64>,
    subject: RefCell<Option<String>>,
    admin: Cell<bool>,
    silent: Cell<bool>,
    hashed: Cell<u32>,
    verified: Cell<u32>,
    meanwhile: RefCell<Option<String>>,
}

impl Office {
    pub(crate) fn new() -> Self {
        Self {
            database: Memory::new(&[include_str!("../migrations/0001_init.sql")]),
            now_ms: Cell::new(NOW_MS),
            subject: RefCell::default(),
            admin: Cell::default(),
            silent: Cell::default(),
            hashed: Cell::default(),
            verified: Cell::default(),
            meanwhile: RefCell::default(),
        }
    }

    pub(crate) fn desk(&self) -> Desk<'_> {
        Desk {
            database: &self.database,
            identity: self,
            caller: self,
            admin_email: Some(ADMIN_EMAIL.into()),
            now_ms: self.now_ms.get(),
        }
    }

    pub(crate) fn register(&self, email: &str) -> Account {
        accounts::create(&self.desk(), new_account(email)).unwrap()
    }

    pub(crate) fn register_as_admin(&self, email: &str) -> Account {
        self.admin.set(true);
        let account = self.register(email);
        self.admin.set(false);
        account
    }

    /// Somebody else gets the account while the next password is hashed.
    pub(crate) fn register_while_hashing(&self, email: &str) {
        self.meanwhile.replace(Some(email.to_owned()));
    }

    pub(crate) fn login(&self, email: &str, password: &str) -> Result<Session, Error> {
        sessions::login(&self.desk(), email, password)
    }

    pub(crate) fn refresh(&self, session: &Session) -> Result<Session, Error> {
        sessions::refresh(&self.desk(), &session.refresh_token)
    }

    /// Requests are this account's from now on.
    pub(crate) fn sign_in_as(&self, id: &str) {
        self.subject.replace(Some(id.to_owned()));
    }

    /// Time passes.
    pub(crate) fn pass(&self, ms: i64) {
        self.now_ms.set(self.now_ms.get() + ms);
    }

    pub(crate) fn silence(&self) {
        self.silent.set(true);
    }

    pub(crate) fn speak(&self) {
        self.silent.set(false);
    }

    /// How many passwords were hashed.
    pub(crate) fn hashed(&self) -> u32 {
        self.hashed.get()
    }

    /// How many passwords were looked at.
    pub(crate) fn verified(&self) -> u32 {
        self.verified.get()
    }

    /// How many rows a table has.
    pub(crate) fn count(&self, table: &str) -> i64 {
        let sql = ["SELECT COUNT(*) FROM ", table].concat();
        let rows = self.database.query(&sql, &[]).unwrap().rows;
        let Value::Integer(count) = rows[0][0] else { panic!("a count is an integer") };
        count
    }

    fn answer<T>(&self, value: T) -> Result<T, Error> {
        if self.silent.get() { Err(Error::Unavailable) } else { Ok(value) }
    }
}

impl Caller for Office {
    fn subject(&self) -> Option<String> {
        self.subject.borrow().clone()
    }

    fn is_admin(&self) -> bool {
        self.admin.get()
    }
}

impl Identity for Office {
    fn hash(&self, password: &str) -> Result<String, Error> {
        if let Some(email) = self.meanwhile.take() {
            self.register(&email);
        }
        self.hashed.set(self.hashed.get() + 1);
        self.answer(["hash of ", password].concat())
    }

    fn verify(&self, hash: Option<&str>, password: &str) -> Result<bool, Error> {
        self.verified.set(self.verified.get() + 1);
        self.answer(hash.is_some_and(|hash| hash == ["hash of ", password].concat()))
    }

    fn mint(&self, subject: &str, scopes: &[&str]) -> Result<Access, Error> {
        let text = ["token of ", subject, " for ", &scopes.join(" ")].concat();
        self.answer(Access { text, expires_in_seconds: 900 })
    }
}
