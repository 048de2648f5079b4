//! The admin API, seen from the command line.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use serde_json::Value;
use thali_platform::config::Secret;
use ureq::typestate::WithoutBody;
use ureq::{Agent, RequestBuilder};

use crate::error::{CliError, Refusal};

/// How long the host may take for one command. A deploy compiles, which may queue.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The longest answer that is read at once: the results of a shell, as JSON.
const ANSWER_BYTES_MAX: u64 = 128 << 20;

/// How long a host may take to begin a stream.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a database may take on its way.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(600);

/// The admin API of one host.
pub(crate) struct Admin {
    base: String,
    agent: Agent,
    /// The value of the `Authorization` header, when there is a token.
    authorization: Option<String>,
}

/// A status and a JSON body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

impl Admin {
    pub(crate) fn new(url: &str, token: Option<&Secret>) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .build();
        let authorization = token.map(|token| format!("Bearer {}", token.expose()));
        let base = format!("{}/admin/v1", url.trim_end_matches('/'));
        Self { base, agent: config.into(), authorization }
    }

    pub(crate) fn get(&self, path: &str) -> Result<Answer, CliError> {
        self.answer(self.signed(self.agent.get(self.url(path))).call())
    }

    pub(crate) fn post(&self, path: &str, kind: &str, body: &[u8]) -> Result<Answer, CliError> {
        self.answer(self.signed(self.agent.post(self.url(path))).content_type(kind).send(body))
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Answer, CliError> {
        let request = self.signed(self.agent.put(self.url(path))).content_type("application/json");
        self.answer(request.send(body.to_string().as_bytes()))
    }

    /// Begins to read a large answer; answers how many bytes it will have, if that is known.
    pub(crate) fn download(
        &self,
        path: &str,
    ) -> Result<(impl Read + use<>, Option<u64>), CliError> {
        let body = self.open(self.agent.get(self.url(path)), None)?;
        let length = body.content_length();
        Ok((body.into_reader(), length))
    }

    /// Begins to read what goes on and on, after the event with the id `last`. It breaks off after some minutes, so that
    /// a host that went without a word is noticed.
    pub(crate) fn follow(
        &self,
        path: &str,
        last: Option<&str>,
    ) -> Result<impl Read + use<>, CliError> {
        let request = self.agent.get(self.url(path));
        let request = match last {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        Ok(self.open(request, Some(HEAD_TIMEOUT))?.into_reader())
    }

    fn open(
        &self,
        request: RequestBuilder<WithoutBody>,
        head: Option<Duration>,
    ) -> Result<ureq::Body, CliError> {
        let request = self.signed(request).config();
        let request = request.timeout_recv_response(head);
        let sent = request.timeout_global(Some(TRANSFER_TIMEOUT)).build().call();
        let response = sent.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(self.answer(Ok(response)).err().unwrap_or_else(|| {
                CliError::Broken("the host refused, and did not say why".into())
            }));
        }
        Ok(response.into_body())
    }

    /// Sends a large file.
    pub(crate) fn upload(&self, path: &str, file: File) -> Result<Answer, CliError> {
        let request = self.signed(self.agent.put(self.url(path))).config();
        self.answer(request.timeout_global(Some(TRANSFER_TIMEOUT)).build().send(file))
    }

    pub(crate) fn delete(&self, path: &str) -> Result<Answer, CliError> {
        self.answer(self.signed(self.agent.delete(self.url(path))).call())
    }

    fn signed<B>(&self, request: RequestBuilder<B>) -> RequestBuilder<B> {
        match &self.authorization {
            Some(value) => request.header("authorization", value),
            None => request,
        }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn unreachable(&self, error: &ureq::Error) -> CliError {
        CliError::Unreachable { url: self.base.clone(), reason: error.to_string() }
    }

    fn answer(
        &self,
        sent: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Answer, CliError> {
        let unreachable = |error: ureq::Error| self.unreachable(&error);
        let mut response = sent.map_err(unreachable)?;
        let status = response.status().as_u16();
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let text = body.read_to_string().map_err(|error| match error {
            ureq::Error::BodyExceedsLimit(_) => {
                let most = ANSWER_BYTES_MAX >> 20;
                CliError::Broken(format!("the answer is larger than {most} MiB: ask for less"))
            }
            error => self.unreachable(&error),
        })?;
        let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
        if (200..300).contains(&status) {
            Ok(Answer { status, body })
        } else {
            Err(CliError::Refused(Refusal(body)))
        }
    }
}
