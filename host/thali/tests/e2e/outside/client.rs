//! Who asks: an HTTP client that knows nothing of the host but its address, and remembers what it was told.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{Request, Response};

use crate::support::{Answer, TestHost};

/// Names that were given out, by all clients: several tell stories to one host.
static NAMES: AtomicU64 = AtomicU64::new(0);

/// The clients of one host.
pub(super) struct Client<'h> {
    host: &'h TestHost,
    agent: Agent,
    tokens: Mutex<HashMap<(String, String), String>>,
    /// Where they come from, for a host behind a proxy.
    address: AtomicU32,
    /// Which statuses each path has answered.
    seen: Mutex<BTreeMap<(String, String), BTreeSet<u16>>>,
}

/// Somebody with a token, or without one.
pub(super) struct Caller<'c, 'h> {
    client: &'c Client<'h>,
    token: Option<String>,
}

/// One server-sent event.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) data: Value,
}

impl<'h> Client<'h> {
    pub(super) fn of(host: &'h TestHost) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(30)))
            .build()
            .into();
        let client = Self {
            host,
            agent,
            tokens: Mutex::default(),
            address: AtomicU32::new(0),
            seen: Mutex::default(),
        };
        client.comes_from_elsewhere();
        client
    }

    pub(super) fn host(&self) -> &'h TestHost {
        self.host
    }

    pub(super) fn nobody(&self) -> Caller<'_, 'h> {
        Caller { client: self, token: None }
    }

    /// Somebody whose token was given out by the service for users.
    pub(super) fn bearer(&self, token: &str) -> Caller<'_, 'h> {
        Caller { client: self, token: Some(token.to_owned()) }
    }

    /// Staff, with these scopes.
    pub(super) fn staff(&self, scopes: &str) -> Caller<'_, 'h> {
        self.person("staff", scopes)
    }

    /// Somebody with this name and these scopes, signed in with the development key.
    pub(super) fn person(&self, subject: &str, scopes: &str) -> Caller<'_, 'h> {
        let mut tokens = self.tokens.lock().unwrap();
        let token = tokens
            .entry((subject.to_owned(), scopes.to_owned()))
            .or_insert_with(|| self.host.token_of(subject, scopes));
        self.bearer(token)
    }

    /// A name that nobody else has in this run.
    pub(super) fn name(&self, of: &str) -> String {
        format!("{of}-{}", NAMES.fetch_add(1, Ordering::Relaxed))
    }

    /// What was answered to an operation, as OpenAPI writes it: `GET /api/v1/orders/{id}`.
    pub(super) fn statuses_of(&self, operation: &str) -> BTreeSet<u16> {
        let (method, template) = operation.split_once(' ').unwrap();
        let seen = self.seen.lock().unwrap();
        let asked = seen.iter().filter(|((m, path), _)| m == method && fits(template, path));
        asked.flat_map(|(_, statuses)| statuses).copied().collect()
    }

    /// From now on these are clients of another address, as far as a proxy can be believed.
    pub(super) fn comes_from_elsewhere(&self) {
        let next = NAMES.fetch_add(1, Ordering::Relaxed);
        let next = u32::try_from(next & 0x00ff_ffff).unwrap();
        self.address.store(0x0a00_0000 | next, Ordering::Relaxed);
    }

    fn remember(&self, method: &str, path: &str, status: u16) {
        let path = path.split('?').next().unwrap_or(path).to_owned();
        self.seen.lock().unwrap().entry((method.into(), path)).or_default().insert(status);
    }
}

/// Whether a path is one of a template's. What is written out goes before a parameter: `/drivers/near` is not
/// `/drivers/{id}` when there is a route of its own, but then the first would have answered.
fn fits(template: &str, path: &str) -> bool {
    let (mut templates, mut parts) = (template.split('/'), path.split('/'));
    loop {
        match (templates.next(), parts.next()) {
            (None, None) => return true,
            (Some(template), Some(part)) if template.starts_with('{') || template == part => {}
            _ => return false,
        }
    }
}

impl Caller<'_, '_> {
    /// Sends a request and answers what came, whatever it is.
    pub(super) fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Answer {
        let mut answer = self.send(method, path, headers, body);
        let text = answer.body_mut().read_to_string().unwrap();
        Answer {
            status: answer.status().as_u16(),
            headers: answer.headers().clone(),
            body: serde_json::from_str(&text).unwrap_or(Value::String(text)),
        }
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Response<ureq::Body> {
        let url = format!("http://{}{path}", self.client.host.gateway_address());
        let address = Ipv4Addr::from(self.client.address.load(Ordering::Relaxed));
        let mut request = Request::builder().method(method).uri(url);
        request = request.header("x-forwarded-for", address.to_string());
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.client.agent.run(request.body(body.to_string()).unwrap())
            }
            None => self.client.agent.run(request.body(()).unwrap()),
        };
        let answer = answer.unwrap_or_else(|error| panic!("{method} {path}: {error}"));
        self.client.remember(method, path, answer.status().as_u16());
        answer
    }

    fn expect(&self, method: &str, path: &str, body: Option<&Value>, status: u16) -> Answer {
        let answer = self.ask(method, path, &[], body);
        assert_eq!(answer.status, status, "{method} {path} {body:?}: {:?}", answer.body);
        answer
    }

    pub(super) fn get(&self, path: &str, status: u16) -> Value {
        self.expect("GET", path, None, status).body
    }

    pub(super) fn post(&self, path: &str, body: &Value, status: u16) -> Value {
        self.expect("POST", path, Some(body), status).body
    }

    /// A `POST` that says where what it made is.
    pub(super) fn create(&self, path: &str, body: &Value) -> Value {
        let answer = self.expect("POST", path, Some(body), 201);
        assert!(answer.header("location").starts_with("/api/v1/"), "{:?}", answer.headers);
        answer.body
    }

    pub(super) fn put(&self, path: &str, body: &Value, status: u16) -> Value {
        self.expect("PUT", path, Some(body), status).body
    }

    pub(super) fn delete(&self, path: &str, status: u16) {
        self.expect("DELETE", path, None, status);
    }

    /// A request that is refused with this status, and this code in its problem document.
    pub(super) fn refused(&self, line: &str, body: &Value, status: u16, code: &str) -> Value {
        let (method, path) = line.split_once(' ').unwrap();
        let takes_body = !matches!(method, "GET" | "DELETE");
        let answer = self.expect(method, path, takes_body.then_some(body), status);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{line}");
        assert_eq!(answer.body["code"], code, "{line}: {:?}", answer.body);
        assert_eq!(answer.body["request_id"], answer.header("x-request-id"), "{line}");
        answer.body
    }

    /// Reads a stream until `is_last` says so, or to its end.
    pub(super) fn follow(
        &self,
        path: &str,
        last_id: Option<&str>,
        mut is_last: impl FnMut(&Event) -> bool,
    ) -> Vec<Event> {
        let last_id = last_id.map(|id| ("last-event-id", id));
        let headers: Vec<_> =
            last_id.into_iter().chain([("accept", "text/event-stream")]).collect();
        let answer = self.send("GET", path, &headers, None);
        assert_eq!(answer.status(), 200, "{path}");
        let mut events = Vec::new();
        let (mut id, mut kind) = (String::new(), String::new());
        for line in BufReader::new(answer.into_body().into_reader()).lines() {
            let line = line.unwrap();
            match line.split_once(": ") {
                Some(("id", value)) => value.clone_into(&mut id),
                Some(("event", value)) => value.clone_into(&mut kind),
                Some(("data", value)) => {
                    let data = serde_json::from_str(value).unwrap();
                    let event = Event { id: id.clone(), kind: kind.clone(), data };
                    let last = is_last(&event);
                    events.push(event);
                    if last {
                        break;
                    }
                }
                _ => {}
            }
        }
        events
    }
}

/// The text of a member.
pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("no {name} in {value}"))
}
