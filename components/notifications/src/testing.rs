//! An office that sends messages: providers that answer as they are told.

use std::cell::RefCell;

use thali_support::sql::{Failed, Query as _};
use thali_support::testing::{Memory, Recorder};

use crate::bindings::exports::thali::notifications::history::Filter;
use crate::bindings::exports::thali::notifications::notifying::{Channel, Status};
use crate::desk::Desk;
use crate::events::Events;
use crate::history;
use crate::outbox::Outgoing;
use crate::providers::{Providers, Refusal};

pub(crate) struct Office {
    pub(crate) database: Memory,
    pub(crate) providers: Double,
    pub(crate) no_events: Unheard,
}

impl Office {
    /// The provider is the log.
    pub(crate) fn new() -> Self {
        let database = Memory::new(&[
            include_str!("../migrations/0001_init.sql"),
            include_str!("../migrations/0002_events.sql"),
        ]);
        Self { database, providers: Double::default(), no_events: Unheard }
    }

    /// There are real providers.
    pub(crate) fn with_provider() -> Self {
        let providers = Double { is_real: true, ..Double::default() };
        Self { providers, ..Self::new() }
    }

    /// The events from now on: the ids of the messages that are queued.
    pub(crate) fn events(&self) -> Recorder<'_, String> {
        Recorder::new(&self.database)
    }

    pub(crate) fn desk<'a>(&'a self, events: &'a dyn Events) -> Desk<'a> {
        Desk { database: &self.database, events, providers: &self.providers, now_ms: 0 }
    }

    /// Status, attempts, and whether it says when it was sent.
    pub(crate) fn stands(&self, id: &str) -> (Status, u32, bool) {
        let message = history::get(&self.database, id).unwrap();
        (message.status, message.attempts, message.sent_at.is_some())
    }

    pub(crate) fn texts_to(&self, recipient: &str) -> Vec<String> {
        let filter = Filter { recipient: recipient.into(), limit: None, cursor: None };
        let page = history::list(&self.database, filter).unwrap();
        page.items.into_iter().map(|item| item.message).collect()
    }

    /// How many messages are kept.
    pub(crate) fn kept(&self) -> usize {
        self.database.query("SELECT id FROM notifications", &[]).unwrap().rows.len()
    }
}

/// Nobody listens.
pub(crate) struct Unheard;

impl Events for Unheard {
    fn message_queued(&self, _: &str) -> Result<(), Failed> {
        Ok(())
    }
}

impl Events for Recorder<'_, String> {
    fn message_queued(&self, id: &str) -> Result<(), Failed> {
        self.publish(id.to_owned())
    }
}

/// Providers that remember the ids of what they sent.
#[derive(Default)]
pub(crate) struct Double {
    is_real: bool,
    refusal: RefCell<Option<Refusal>>,
    sent: RefCell<Vec<String>>,
}

impl Double {
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.refusal.replace(Some(refusal));
    }

    pub(crate) fn relent(&self) {
        self.refusal.take();
    }

    pub(crate) fn sent(&self) -> Vec<String> {
        self.sent.borrow().clone()
    }
}

impl Providers for Double {
    fn only_log(&self, _: Channel) -> bool {
        !self.is_real
    }

    fn send(&self, message: &Outgoing) -> Result<(), Refusal> {
        if let Some(refusal) = self.refusal.borrow().clone() {
            return Err(refusal);
        }
        self.sent.borrow_mut().push(message.id.clone());
        Ok(())
    }
}

pub(crate) fn sms(id: &str) -> Outgoing {
    Outgoing {
        id: id.into(),
        channel: Channel::Sms,
        recipient: "+15550100".into(),
        text: "Hello".into(),
        subject: None,
    }
}
