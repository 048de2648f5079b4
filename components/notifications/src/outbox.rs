//! Messages on their way: kept, sent, tried again, given up.
//!
//! A message for the log is kept as sent. One for a real provider is kept as queued together with the event
//! that sends it, so that none is forgotten and none is sent that was not kept. The platform brings the
//! event again, with growing pauses, for as long as its handler fails.

use thali_support::sql::{Failed, Row, Statement, Value, read_one, statement};

use crate::bindings::exports::thali::notifications::notifying::{Channel, Status};
use crate::desk::Desk;
use crate::providers::Refusal;

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outgoing {
    /// Names it; another one of the same name is the same message.
    pub(crate) id: String,
    pub(crate) channel: Channel,
    pub(crate) recipient: String,
    pub(crate) text: String,
    pub(crate) subject: Option<String>,
}

/// How often sending was tried, and may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) max: u32,
}

const INSERT: &str = "\
    INSERT INTO notifications \
        (id, channel, recipient, message, subject, status, attempts, created_at, sent_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING";

/// Accepts messages, all or none of them. Those that were accepted before are passed over.
pub(crate) fn accept(desk: Desk<'_>, messages: &[Outgoing]) -> Result<(), Failed> {
    let logged = |message: &Outgoing| desk.providers.only_log(message.channel);
    if messages.iter().all(logged) {
        return log(desk, messages);
    }
    let transaction = desk.database.begin()?;
    let mut to_log = Vec::new();
    for message in messages {
        let is_logged = logged(message);
        let Statement { sql, params } = insert(desk, message, is_logged);
        if transaction.execute(&sql, &params)? == 0 {
            continue;
        }
        if is_logged {
            to_log.push(message);
        } else {
            desk.events.message_queued(&message.id)?;
        }
    }
    transaction.commit()?;
    to_log.into_iter().for_each(|message| write_log(desk, message));
    Ok(())
}

/// Keeps messages as sent, in one go, and writes them to the log.
fn log(desk: Desk<'_>, messages: &[Outgoing]) -> Result<(), Failed> {
    let rows: Vec<_> = messages.iter().map(|message| insert(desk, message, true)).collect();
    let kept = desk.database.batch(&rows)?;
    let new = messages.iter().zip(kept).filter(|(_, kept)| *kept > 0);
    new.for_each(|(message, _)| write_log(desk, message));
    Ok(())
}

fn write_log(desk: Desk<'_>, message: &Outgoing) {
    // It is in the history already; a log that takes no more lines changes nothing about that.
    let _ = desk.providers.send(message);
}

fn insert(desk: Desk<'_>, message: &Outgoing, is_sent: bool) -> Statement {
    let sent_at = if is_sent { Value::from(desk.now_ms) } else { Value::Null };
    let params = vec![
        message.id.as_str().into(),
        message.channel.as_str().into(),
        message.recipient.as_str().into(),
        message.text.as_str().into(),
        message.subject.as_deref().into(),
        if is_sent { Status::Sent } else { Status::Queued }.as_str().into(),
        u32::from(is_sent).into(),
        desk.now_ms.into(),
        sent_at,
    ];
    statement(INSERT, params)
}

/// Sends a message that is queued. One that is sent or given up stays as it is.
///
/// # Errors
///
/// When it was not sent and is to be tried again; the text says why.
pub(crate) fn send(desk: Desk<'_>, id: &str, attempt: Option<Attempt>) -> Result<(), String> {
    let Some(message) = queued(desk, id).map_err(|_| unavailable())? else { return Ok(()) };
    match desk.providers.send(&message) {
        Ok(()) => settle(desk, id, Status::Sent),
        Err(Refusal::Rejected(detail)) => {
            eprintln!("message {id} was rejected: {detail}");
            settle(desk, id, Status::Failed)
        }
        Err(Refusal::Unavailable(detail)) => {
            if attempt.is_some_and(|attempt| attempt.number >= attempt.max) {
                eprintln!("message {id} is given up: {detail}");
                return settle(desk, id, Status::Failed);
            }
            settle(desk, id, Status::Queued)?;
            Err(detail)
        }
    }
}

fn queued(desk: Desk<'_>, id: &str) -> Result<Option<Outgoing>, Failed> {
    let sql = "SELECT channel, recipient, message, subject FROM notifications \
               WHERE id = $1 AND status = 'queued'";
    read_one(desk.database, sql, &[id.into()], |row: &mut Row| {
        Ok(Outgoing {
            id: id.to_owned(),
            channel: Channel::from_text(&row.text()?).ok_or(Failed::Unavailable)?,
            recipient: row.text()?,
            text: row.text()?,
            subject: row.optional_text()?,
        })
    })
}

/// Keeps what became of an attempt.
fn settle(desk: Desk<'_>, id: &str, status: Status) -> Result<(), String> {
    let sql = "UPDATE notifications SET status = $2, attempts = attempts + 1, sent_at = $3 \
               WHERE id = $1 AND status = 'queued'";
    let sent_at = if status == Status::Sent { Value::from(desk.now_ms) } else { Value::Null };
    let params = [id.into(), status.as_str().into(), sent_at];
    desk.database.execute(sql, &params).map(drop).map_err(|_| unavailable())
}

/// Why an event is to come again although nothing is wrong with its message.
pub(crate) fn unavailable() -> String {
    "the database is unavailable".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Office, sms};

    fn attempt(number: u32) -> Option<Attempt> {
        Some(Attempt { number, max: 3 })
    }

    #[test]
    fn a_message_for_the_log_is_kept_as_sent_and_logged_once() {
        let office = Office::new();
        let events = office.events();
        for _ in 0..2 {
            accept(office.desk(&events), &[sms("m-1"), sms("m-2")]).unwrap();
        }
        assert_eq!(office.providers.sent(), ["m-1", "m-2"]);
        assert_eq!(office.stands("m-1"), (Status::Sent, 1, true));
        assert_eq!(events.published(), Vec::<String>::new());
    }

    #[test]
    fn a_message_for_a_provider_is_queued_with_its_event_and_then_sent() {
        let office = Office::with_provider();
        let events = office.events();
        for _ in 0..2 {
            accept(office.desk(&events), &[sms("m-1")]).unwrap();
            assert_eq!(events.published(), ["m-1"]);
            assert_eq!(office.stands("m-1"), (Status::Queued, 0, false));
        }
        for _ in 0..2 {
            send(office.desk(&events), "m-1", attempt(1)).unwrap();
            assert_eq!(office.stands("m-1"), (Status::Sent, 1, true));
            assert_eq!(office.providers.sent(), ["m-1"]);
        }
    }

    #[test]
    fn an_unavailable_provider_is_tried_again_and_given_up_in_the_end() {
        let office = Office::with_provider();
        let events = office.events();
        accept(office.desk(&events), &[sms("m-1")]).unwrap();
        office.providers.refuse(Refusal::Unavailable("busy".into()));
        for number in 1..3 {
            let again = send(office.desk(&events), "m-1", attempt(number));
            assert_eq!(again, Err("busy".into()));
            assert_eq!(office.stands("m-1"), (Status::Queued, number, false));
        }
        send(office.desk(&events), "m-1", attempt(3)).unwrap();
        assert_eq!(office.stands("m-1"), (Status::Failed, 3, false));
        office.providers.relent();
        send(office.desk(&events), "m-1", attempt(1)).unwrap();
        assert_eq!(office.stands("m-1"), (Status::Failed, 3, false));
    }

    #[test]
    fn a_provider_that_comes_back_sends_what_it_refused() {
        let office = Office::with_provider();
        let events = office.events();
        accept(office.desk(&events), &[sms("m-1")]).unwrap();
        office.providers.refuse(Refusal::Unavailable("busy".into()));
        assert!(send(office.desk(&events), "m-1", attempt(1)).is_err());
        office.providers.relent();
        send(office.desk(&events), "m-1", attempt(2)).unwrap();
        assert_eq!(office.stands("m-1"), (Status::Sent, 2, true));
    }

    #[test]
    fn a_rejected_message_is_given_up_at_once() {
        let office = Office::with_provider();
        let events = office.events();
        accept(office.desk(&events), &[sms("m-1")]).unwrap();
        office.providers.refuse(Refusal::Rejected("no such number".into()));
        send(office.desk(&events), "m-1", attempt(1)).unwrap();
        assert_eq!(office.stands("m-1"), (Status::Failed, 1, false));
    }

    #[test]
    fn a_message_that_cannot_be_kept_is_neither_queued_nor_sent() {
        for (office, steps) in [(Office::new(), 1), (Office::with_provider(), 6)] {
            for step in 0..steps {
                let events = office.events();
                let messages = [sms("m-1"), sms("m-2")];
                office.database.fail_after(step);
                assert_eq!(accept(office.desk(&events), &messages), Err(Failed::Unavailable));
                office.database.recover();
                assert_eq!(events.published(), Vec::<String>::new());
                assert_eq!((office.kept(), office.providers.sent().len()), (0, 0));
            }
        }
    }

    #[test]
    fn a_message_whose_sending_could_not_be_kept_is_sent_again_under_the_same_name() {
        let office = Office::with_provider();
        let events = office.events();
        accept(office.desk(&events), &[sms("m-1")]).unwrap();
        office.database.fail_after(1);
        assert!(send(office.desk(&events), "m-1", attempt(1)).is_err());
        office.database.recover();
        send(office.desk(&events), "m-1", attempt(2)).unwrap();
        assert_eq!(office.providers.sent(), ["m-1", "m-1"]);
        assert_eq!(office.stands("m-1"), (Status::Sent, 1, true));
    }

    #[test]
    fn a_message_that_nobody_knows_is_nothing_to_do() {
        let office = Office::with_provider();
        send(office.desk(&office.events()), "m-1", attempt(1)).unwrap();
    }
}
