//! A provider behind an HTTP API.
//!
//! `POST {url}/charges` with the charge's id as `Idempotency-Key`, `GET {url}/charges/{id}` and
//! `POST {url}/charges/{id}/refund`. 2xx is done, 402 declined, 404 unknown; 400, 410 and 422 say that it never will
//! be done. Everything else is no answer.

use crate::bindings::thali::platform::http::{self, Request as HttpRequest};
use crate::provider::{Answer, Request};

const TIMEOUT_MS: u32 = 3_000;

/// Where the provider is.
pub(crate) struct Api {
    pub(crate) url: String,
    pub(crate) key: Option<String>,
}

impl Api {
    pub(crate) fn charge(&self, request: &Request<'_>) -> Answer {
        self.send("POST", "/charges", request.id, Some(body(request)))
    }

    pub(crate) fn find(&self, id: &str) -> Answer {
        self.send("GET", &["/charges/", id].concat(), id, None)
    }

    pub(crate) fn refund(&self, id: &str) -> Answer {
        let key = ["refund-", id].concat();
        self.send("POST", &["/charges/", id, "/refund"].concat(), &key, None)
    }

    fn send(&self, method: &str, path: &str, key: &str, body: Option<String>) -> Answer {
        let mut headers = vec![("idempotency-key".to_owned(), key.to_owned())];
        if let Some(secret) = &self.key {
            headers.push(("authorization".to_owned(), ["Bearer ", secret].concat()));
        }
        if body.is_some() {
            headers.push(("content-type".to_owned(), "application/json".to_owned()));
        }
        let request = HttpRequest {
            method: method.to_owned(),
            url: [self.url.trim_end_matches('/'), path].concat(),
            headers,
            body: body.map(String::into_bytes),
            timeout_ms: Some(TIMEOUT_MS),
        };
        match http::send(&request) {
            Ok(response) => answer(response.status),
            Err(_) => {
                eprintln!("the payment provider cannot be reached");
                Answer::Silence
            }
        }
    }
}

fn answer(status: u16) -> Answer {
    match status {
        200..=299 => Answer::Done,
        402 => Answer::Declined("the card was declined".to_owned()),
        400 | 410 | 422 => {
            eprintln!("the payment provider answered {status}");
            Answer::Declined("the payment was refused".to_owned())
        }
        404 => Answer::Unknown,
        _ => {
            eprintln!("the payment provider answered {status}");
            Answer::Silence
        }
    }
}

fn body(request: &Request<'_>) -> String {
    let Request { order_id, amount, token, card, .. } = request;
    let members = [
        ("order_id", quoted(order_id)),
        ("amount", amount.amount.to_string()),
        ("currency", quoted(&amount.currency)),
        ("token", quoted(token)),
        ("number", quoted(&card.number)),
        ("expiry", quoted(&card.expiry)),
        ("cvc", quoted(&card.cvc)),
    ];
    let members = members.map(|(name, value)| [&quoted(name), ":", &value].concat());
    ["{", &members.join(","), "}"].concat()
}

/// A JSON string. What comes here is visible ASCII, by the rules of this service.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            json.push('\\');
        }
        json.push(c);
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{GOOD, card, usd};

    #[test]
    fn a_charge_is_json_whatever_the_orders_id() {
        let request = Request {
            id: "c-1",
            order_id: "o\"\\1",
            amount: &usd(1299),
            token: "t",
            card: &card(GOOD),
        };
        assert_eq!(
            body(&request),
            r#"{"order_id":"o\"\\1","amount":1299,"currency":"USD","token":"t","number":"4242424242424242","expiry":"12/30","cvc":"123"}"#
        );
    }

    #[test]
    fn only_a_clear_answer_is_one() {
        assert_eq!(
            [answer(200), answer(201), answer(404)],
            [Answer::Done, Answer::Done, Answer::Unknown]
        );
        for status in [400, 402, 410, 422] {
            assert!(matches!(answer(status), Answer::Declined(_)), "{status}");
        }
        for status in [301, 401, 408, 409, 429, 500, 502, 503] {
            assert_eq!(answer(status), Answer::Silence, "{status}");
        }
    }
}
