//! Who lives in the city: customers with accounts, who play in the evening.

use anyhow::{Result, bail};
use serde_json::json;

use crate::api::{Api, text};

/// A customer who is signed in.
pub(crate) struct Person {
    pub(crate) id: String,
    pub(crate) name: &'static str,
    pub(crate) phone: String,
    pub(crate) token: String,
}

const NAMES: [&str; 6] = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Linus"];
const PASSWORD: &str = "a password for one day";

/// Signs everybody up, or in who has an account from another day.
pub(crate) fn all(api: &Api) -> Result<Vec<Person>> {
    NAMES.iter().enumerate().map(|(n, name)| person(api, n, name)).collect()
}

fn person(api: &Api, number: usize, name: &'static str) -> Result<Person> {
    let email = format!("{}@demo.example", name.to_lowercase());
    let account = json!({"email": email, "name": name, "password": PASSWORD});
    let made = api.post_as(None, "/users", &account)?;
    if made.status != 201 && made.code() != "email_taken" {
        bail!("{name} could not sign up: {} {}", made.status, made.body);
    }
    let login = json!({"email": email, "password": PASSWORD});
    let session = api.post_as(None, "/users/login", &login)?.good("POST", "/users/login")?;
    let token = text(&session, "access_token").to_owned();
    let id = subject(api, &token)?;
    Ok(Person { id, name, phone: format!("+1555010{number}"), token })
}

fn subject(api: &Api, token: &str) -> Result<String> {
    let me = api.get_as(token, "/users/me")?;
    Ok(text(&me, "id").to_owned())
}
