//! What the service does by itself: forgetting.

use thali_support::sql::Failed;

use crate::desk::Desk;
use crate::store;

/// Forgets what is over.
pub(crate) fn sweep(desk: &Desk<'_>) -> Result<(), Failed> {
    store::sweep(desk.database, desk.now_ms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Office, PASSWORD};

    #[test]
    fn what_is_over_is_forgotten_and_nothing_else() {
        let office = Office::new();
        office.register("ada@example.org");
        let first = office.login("ada@example.org", PASSWORD).unwrap();
        office.login("nobody@example.org", "wrong").unwrap_err();
        office.refresh(&first).unwrap();
        sweep(&office.desk()).unwrap();
        assert_eq!((office.count("refresh_tokens"), office.count("attempts")), (2, 1));
        office.pass(900_000);
        sweep(&office.desk()).unwrap();
        assert_eq!((office.count("refresh_tokens"), office.count("attempts")), (2, 0));
        office.pass(30 * 86_400_000);
        sweep(&office.desk()).unwrap();
        assert_eq!((office.count("refresh_tokens"), office.count("users")), (0, 1));
    }
}
