//! What somebody may have meant who named a service that is not there.

use serde_json::Value;

use crate::client::Admin;
use crate::error::{CliError, Refusal};
use crate::table::cell;

/// A name of so many letters may have one slip; a longer one has one for each so many.
const LETTERS_PER_SLIP: usize = 3;

/// The same error, with the service that is there and has nearly the name that was given.
pub(crate) fn with_service(error: CliError, admin: &Admin, named: Option<&str>) -> CliError {
    let CliError::Refused(Refusal(problem)) = error else { return error };
    let is_unknown = problem.get("status").and_then(Value::as_u64) == Some(404);
    let Some(named) = named.filter(|_| is_unknown) else {
        return CliError::Refused(Refusal(problem));
    };
    let Ok(services) = admin.get("/services") else { return CliError::Refused(Refusal(problem)) };
    let items = services.body.get("items").and_then(Value::as_array).into_iter().flatten();
    let names: Vec<_> = items.map(|service| cell(service, "name")).collect();
    // It is something else of the service that is not there.
    if names.iter().any(|name| name == named) {
        return CliError::Refused(Refusal(problem));
    }
    let help = match closest(&names, named) {
        Some(name) => format!("did you mean {name:?}? `thali services` lists those that are there"),
        None if names.is_empty() => {
            "no service is deployed: `thali deploy FILE` changes that".into()
        }
        None => "`thali services` lists those that are there".into(),
    };
    CliError::NotFound { refusal: Refusal(problem), help }
}

/// The name that `named` is most likely a slip of, if any is near enough.
fn closest<'a>(names: &'a [String], named: &str) -> Option<&'a str> {
    let slips_max = (named.chars().count() / LETTERS_PER_SLIP).max(1);
    names
        .iter()
        .map(|name| (strsim::damerau_levenshtein(name, named), name.as_str()))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_understood_and_another_name_is_not() {
        let names = ["orders", "payments", "users"].map(str::to_owned);
        assert_eq!(closest(&names, "ordres"), Some("orders"));
        assert_eq!(closest(&names, "payment"), Some("payments"));
        assert_eq!(closest(&names, "delivery"), None);
    }
}
