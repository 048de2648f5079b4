//! Accounts: the life of a user and of the tokens that come of signing in.

use serde_json::{Value, json};

use super::client::{Client, text};

/// Somebody who has signed up.
pub(super) struct User {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) access_token: String,
    pub(super) refresh_token: String,
}

pub(super) const PASSWORD: &str = "correct horse battery";

/// Signs somebody up, and in.
pub(super) fn sign_up(client: &Client, name: &str) -> User {
    let email = format!("{}@example.com", client.name(name));
    let account = json!({"email": email, "name": name, "password": PASSWORD});
    let made = client.nobody().create("/api/v1/users", &account);
    assert!(made.get("password").is_none(), "{made}");
    let login = json!({"email": email, "password": PASSWORD});
    let session = client.nobody().post("/api/v1/users/login", &login, 200);
    assert_eq!(text(&session, "token_type"), "Bearer");
    User {
        id: text(&made, "id").to_owned(),
        email,
        access_token: text(&session, "access_token").to_owned(),
        refresh_token: text(&session, "refresh_token").to_owned(),
    }
}

pub(super) fn accounts(client: &Client) {
    let (nobody, clerk) = (client.nobody(), client.staff("users:read"));
    let user = sign_up(client, "ada");
    let again = json!({"email": user.email.to_uppercase(), "name": "Ada", "password": PASSWORD});
    nobody.refused("POST /api/v1/users", &again, 409, "email_taken");
    nobody.refused("POST /api/v1/users", &json!({"email": "ada"}), 400, "bad_request");
    let login = json!({"email": user.email, "password": "wrong horse battery"});
    let wrong = nobody.refused("POST /api/v1/users/login", &login, 401, "bad_credentials");
    let login =
        json!({"email": format!("{}@example.com", client.name("nobody")), "password": PASSWORD});
    let unknown = nobody.refused("POST /api/v1/users/login", &login, 401, "bad_credentials");
    assert_eq!(wrong["detail"], unknown["detail"], "who has an account cannot be told");

    let me = client.bearer(&user.access_token);
    let account = me.get("/api/v1/users/me", 200);
    assert_eq!((&account["id"], &account["email"]), (&json!(user.id), &json!(user.email)));
    nobody.refused("GET /api/v1/users/me", &Value::Null, 401, "unauthenticated");
    client.bearer("not.a.token").refused(
        "GET /api/v1/users/me",
        &Value::Null,
        401,
        "invalid_token",
    );
    me.refused("GET /api/v1/users", &Value::Null, 403, "insufficient_scope");
    let path = format!("/api/v1/users/{}", user.id);
    me.refused(&format!("GET {path}"), &Value::Null, 403, "insufficient_scope");
    assert_eq!(clerk.get(&path, 200), account);
    clerk.refused("GET /api/v1/users/nothing", &Value::Null, 404, "not_found");
    let listed = clerk.get("/api/v1/users?limit=100", 200);
    assert!(listed["items"].as_array().unwrap().contains(&account), "{listed}");
    clerk.refused("GET /api/v1/users?limit=0", &Value::Null, 422, "invalid");

    let refresh = |token: &str| json!({"refresh_token": token});
    let next = nobody.post("/api/v1/users/refresh", &refresh(&user.refresh_token), 200);
    assert_eq!(client.bearer(text(&next, "access_token")).get("/api/v1/users/me", 200), account);
    // The old one again: it was stolen, or sent twice. All that came of it ends.
    for token in [&user.refresh_token, text(&next, "refresh_token")] {
        let line = "POST /api/v1/users/refresh";
        nobody.refused(line, &refresh(token), 401, "bad_refresh_token");
    }
    me.delete("/api/v1/users/me", 204);
    clerk.refused(&format!("GET {path}"), &Value::Null, 404, "not_found");
    let login = json!({"email": user.email, "password": PASSWORD});
    nobody.refused("POST /api/v1/users/login", &login, 401, "bad_credentials");
    me.refused("DELETE /api/v1/users/me", &Value::Null, 404, "not_found");
}
