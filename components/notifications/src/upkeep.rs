//! What keeps the tables small.

use thali_support::sql::{Database, Failed};

const DAY_MS: i64 = 86_400_000;

/// No order is on its way for so long.
const CONTACT_MS: i64 = 7 * DAY_MS;

/// What nobody could send for so long is no news any more. The attempts end long before; this is for a
/// message whose last attempt was cut off.
const MESSAGE_MS: i64 = DAY_MS;

/// So many rows are deleted in one statement, which keeps other writers waiting, and so many statements
/// are run at a time.
const ROWS: u32 = 1_000;
const STATEMENTS_MAX: u32 = 100;

/// Forgets contacts, and gives messages up.
pub(crate) fn tidy(database: &dyn Database, now_ms: i64) -> Result<(), Failed> {
    let sql = "UPDATE notifications SET status = 'failed' \
               WHERE status = 'queued' AND created_at < $1";
    database.execute(sql, &[(now_ms - MESSAGE_MS).into()])?;
    let sql = format!(
        "DELETE FROM contacts WHERE order_id IN \
         (SELECT order_id FROM contacts WHERE created_at < $1 ORDER BY created_at LIMIT {ROWS})"
    );
    for _ in 0..STATEMENTS_MAX {
        if database.execute(&sql, &[(now_ms - CONTACT_MS).into()])? < u64::from(ROWS) {
            break;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use thali_support::sql::{Query as _, Value};

    use super::*;
    use crate::bindings::exports::thali::notifications::notifying::Status;
    use crate::outbox;
    use crate::testing::{Office, sms};

    #[test]
    fn contacts_of_orders_that_are_long_over_are_forgotten_however_many() {
        let office = Office::new();
        let sql = "INSERT INTO contacts (order_id, restaurant, phone, created_at) \
                   WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 2500) \
                   SELECT 'o-' || n, 'Pizza Paradise', '+15550100', n FROM n";
        office.database.execute(sql, &[]).unwrap();
        tidy(&office.database, CONTACT_MS + 2401).unwrap();
        let left = office.database.query("SELECT MIN(created_at) FROM contacts", &[]).unwrap();
        assert!(matches!(left.rows[0][..], [Value::Integer(2401)]), "{left:?}");
    }

    #[test]
    fn only_messages_that_wait_for_a_day_are_given_up() {
        let office = Office::with_provider();
        outbox::accept(office.desk(&office.no_events), &[sms("m-1")]).unwrap();
        tidy(&office.database, MESSAGE_MS).unwrap();
        assert_eq!(office.stands("m-1").0, Status::Queued);
        tidy(&office.database, MESSAGE_MS + 1).unwrap();
        assert_eq!(office.stands("m-1").0, Status::Failed);
    }
}
