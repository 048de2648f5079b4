//! The small HTTP client that checks answers and times deploys. Load comes from wrk.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;

/// One keep-alive client.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
}

impl Client {
    pub(crate) fn new(server: SocketAddr) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(60)))
            .build();
        Self { agent: config.into(), base: format!("http://{server}") }
    }

    /// Status and body.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, String)> {
        let mut answer = self.agent.get(format!("{}{path}", self.base)).call()?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// Status and body.
    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Result<(u16, String)> {
        let request = self.agent.post(format!("{}{path}", self.base)).content_type(kind);
        let mut answer = request.send(body)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_string()?))
    }

    /// The JSON of an answer that must be a success.
    pub(crate) fn json(&self, path: &str, body: Option<&[u8]>) -> Result<Value> {
        let (status, text) = match body {
            None => self.get(path)?,
            Some(body) => self.post(path, "application/json", body)?,
        };
        if !(200..300).contains(&status) {
            bail!("{}{path} answered {status}: {text}", self.base);
        }
        serde_json::from_str(&text).with_context(|| format!("{}{path} answered {text}", self.base))
    }
}
