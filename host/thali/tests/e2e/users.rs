//! Accounts: signing in with a password, and what the tokens open.

use serde_json::{Value, json};

use crate::support::{Answer, TestHost, component, eventually, with_manifest};

const PASSWORD: &str = "correct horse battery staple";
const ROOT: &str = "root@example.org";

fn host() -> TestHost {
    let host = TestHost::with_environment(&[], &[("THALI_CONFIG_USERS__ADMIN_EMAIL", ROOT)]);
    // The limit for one address, which all of these tests come from, is not what they are about.
    let users = with_manifest(&component("users"), |manifest| {
        let limit = "limit = 120, per = \"1m\", burst = 60";
        assert!(manifest.contains(limit), "{manifest}");
        manifest.replace(limit, "limit = 1000000, per = \"1m\"")
    });
    assert_eq!(host.deploy(&users).status, 201);
    for name in ["restaurants", "orders"] {
        assert_eq!(host.deploy(&component(name)).status, 201, "{name}");
    }
    host
}

fn send(host: &TestHost, token: Option<&str>, method: &str, path: &str, body: Value) -> Answer {
    host.send_as(token, method, &format!("/api/v1{path}"), &body)
}

fn register(host: &TestHost, token: Option<&str>, email: &str) -> Answer {
    let body = json!({"email": email, "name": "Somebody", "password": PASSWORD});
    send(host, token, "POST", "/users", body)
}

fn login(host: &TestHost, email: &str, password: &str) -> Answer {
    send(host, None, "POST", "/users/login", json!({"email": email, "password": password}))
}

fn text(answer: &Answer, member: &str) -> String {
    answer.body[member].as_str().unwrap_or_else(|| panic!("{member} in {answer:?}")).to_owned()
}

#[test]
fn an_account_signs_in_and_its_token_opens_what_is_its_own() {
    let host = host();
    let account = register(&host, None, "Ada@Example.org");
    assert_eq!(account.status, 201, "{account:?}");
    assert_eq!(account.header("location"), format!("/api/v1/users/{}", text(&account, "id")));
    assert_eq!(register(&host, None, "ada@example.ORG").status, 409);
    let session = login(&host, "ada@example.org", PASSWORD);
    assert_eq!(session.status, 200, "{session:?}");
    let access = text(&session, "access_token");
    let me = send(&host, Some(&access), "GET", "/users/me", Value::Null);
    assert_eq!((me.status, &me.body), (200, &account.body));
    // Another service knows the token too, and this one gives no scopes.
    assert_eq!(send(&host, Some(&access), "GET", "/orders", Value::Null).status, 200);
    assert_eq!(send(&host, Some(&access), "GET", "/users", Value::Null).status, 403);
    let refresh =
        |token: &str| send(&host, None, "POST", "/users/refresh", json!({"refresh_token": token}));
    let (first, second) =
        (text(&session, "refresh_token"), refresh(&text(&session, "refresh_token")));
    assert_eq!(second.status, 200);
    assert_eq!(refresh(&first).status, 401, "it is good once");
    assert_eq!(refresh(&text(&second, "refresh_token")).status, 401, "and the family ends");
    let other = text(&login(&host, "ada@example.org", PASSWORD), "refresh_token");
    assert_eq!(send(&host, Some(&access), "DELETE", "/users/me", Value::Null).status, 204);
    assert_eq!(refresh(&other).status, 401);
    assert_eq!(login(&host, "ada@example.org", PASSWORD).status, 401);
    for secret in [PASSWORD, &access, &first] {
        assert!(!host.log().contains(secret), "no secret is logged");
    }
}

#[test]
fn the_administrators_account_is_made_by_who_has_the_keys_and_may_do_everything() {
    let host = host();
    assert_eq!(register(&host, None, ROOT).status, 403);
    let bob = host.token_of("bob", "users:read orders:write");
    assert_eq!(register(&host, Some(&bob), ROOT).body["code"], "reserved");
    let operator = host.token_of("operator", "admin");
    assert_eq!(register(&host, Some(&operator), ROOT).status, 201);
    let access = text(&login(&host, ROOT, PASSWORD), "access_token");
    let list = send(&host, Some(&access), "GET", "/users", Value::Null);
    assert_eq!((list.status, &list.body["items"][0]["email"]), (200, &json!(ROOT)));
}

#[test]
fn an_address_can_be_tried_ten_times_however_many_try_at_once() {
    let host = host();
    for registered in [true, false] {
        let email = if registered { "ada@example.org" } else { "nobody@example.org" };
        if registered {
            assert_eq!(register(&host, None, email).status, 201);
        }
        let statuses: Vec<u16> = std::thread::scope(|scope| {
            // While the host is too busy, the same is sent again.
            let told = || {
                eventually("the host has time for it", || {
                    let status = login(&host, email, "wrong").status;
                    (status != 503).then_some(status)
                })
            };
            let attempt = || scope.spawn(told);
            let attempts: Vec<_> = (0..25).map(|_| attempt()).collect();
            attempts.into_iter().map(|attempt| attempt.join().unwrap()).collect()
        });
        let refused = statuses.iter().filter(|status| **status == 401).count();
        let limited = statuses.iter().filter(|status| **status == 429).count();
        // One that was counted may have been cut off before it was answered, and came again.
        assert!((1..=10).contains(&refused) && refused + limited == 25, "{statuses:?}");
        let answer = login(&host, email, PASSWORD);
        assert_eq!((answer.status, &answer.body["code"]), (429, &json!("too_many_attempts")));
        assert_eq!(answer.header("retry-after"), answer.body["retry_after_seconds"].to_string());
    }
}
