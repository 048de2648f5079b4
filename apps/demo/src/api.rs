//! Asking the host.

use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use ureq::Agent;
use ureq::http::Request;

/// The services of one host.
pub(crate) struct Api {
    agent: Agent,
    url: String,
    staff: String,
}

/// An answer, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Api {
    pub(crate) fn new(url: &str, staff: &str) -> Self {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(10)))
            .build()
            .into();
        let url = url.trim_end_matches('/').to_owned();
        Self { agent, url, staff: staff.trim().to_owned() }
    }

    /// Whether the host wants requests, and knows us.
    pub(crate) fn is_ready(&self) -> Result<()> {
        let answer = self.agent.get(format!("{}/health/ready", self.url)).call();
        let answer = answer.with_context(|| {
            format!("no host answers at {}: start one with ./justw up, or give --url", self.url)
        })?;
        if answer.status() != 200 {
            bail!("the host at {} is not ready yet: try again in a moment", self.url);
        }
        match self.ask("GET", "/drivers?limit=1", Some(&self.staff), None)?.status {
            200 => Ok(()),
            401 | 403 => bail!(
                "the host does not take this token: give --token \"$(thali token --sub demo --scope admin --ttl 1h)\""
            ),
            404 => bail!("the host has no delivery service: `./justw up` runs all of them"),
            status => bail!("the drivers cannot be listed: {status}"),
        }
    }

    /// A request of the staff, which is answered well.
    pub(crate) fn staff(&self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let body = (method != "GET").then_some(body);
        self.ask(method, path, Some(&self.staff), body)?.good(method, path)
    }

    /// A request of anybody for something that is there.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.ask("GET", path, None, None)?.good("GET", path)
    }

    /// The same, of somebody who is signed in.
    pub(crate) fn get_as(&self, token: &str, path: &str) -> Result<Value> {
        self.ask("GET", path, Some(token), None)?.good("GET", path)
    }

    /// A request of a customer, who may be told no.
    pub(crate) fn post_as(&self, token: Option<&str>, path: &str, body: &Value) -> Result<Answer> {
        self.ask("POST", path, token, Some(body))
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Result<Answer> {
        let mut request =
            Request::builder().method(method).uri(format!("{}/api/v1{path}", self.url));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = match body {
            Some(body) => {
                let request = request.header("content-type", "application/json");
                self.agent.run(request.body(body.to_string())?)
            }
            None => self.agent.run(request.body(())?),
        };
        let mut answer = answer.with_context(|| format!("{method} {path}"))?;
        let status = answer.status().as_u16();
        let text =
            answer.body_mut().read_to_string().with_context(|| format!("{method} {path}"))?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok(Answer { status, body })
    }
}

impl Answer {
    /// The body of what went well.
    pub(crate) fn good(self, method: &str, path: &str) -> Result<Value> {
        match self.status {
            200..300 => Ok(self.body),
            status => Err(anyhow!("{method} {path}: {status} {}", self.body)),
        }
    }

    /// What the problem is called.
    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// The text of a member; empty when there is none.
pub(crate) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// `12.99 USD`
pub(crate) fn money(value: &Value) -> String {
    let amount = value["amount"].as_i64().unwrap_or_default();
    format!("{}.{:02} {}", amount / 100, amount % 100, text(value, "currency"))
}
