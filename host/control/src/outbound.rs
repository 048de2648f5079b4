//! Where a service may send HTTP requests to: what is checked at a deploy, and what is shown.

use std::sync::Arc;

use serde::Serialize;
use thali_contract::contract::{Contract, Origin};
use thali_contract::manifest::{Manifest, pointer};
use thali_contract::origin::HttpOrigin;
use thali_contract::problem::Mistake;
use thali_platform::config::Settings;
use thali_platform::outbound::{Client, Grants, OutboundCounts};
use thali_runtime::Revision;

use crate::control::Control;
use crate::error::DeployError;
use crate::inspect::Candidate;

/// What a service may send requests to, and what became of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OutboundStatus {
    /// Where its requests may go.
    pub allow: Vec<GrantStatus>,
    /// What became of the requests of the live revision.
    pub requests: OutboundCounts,
}

/// An origin that a service may call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GrantStatus {
    /// The origin.
    pub origin: HttpOrigin,
    /// `manifest`, or the setting that names it: `config:provider-url`.
    pub granted_by: String,
    /// Whether an operator lets it have an address that is not public.
    pub private: bool,
}

/// Whether a component sends HTTP requests of its own.
fn sends_requests(contract: &Contract) -> bool {
    let mut imports = contract.imports.iter().map(|import| &import.name);
    imports.any(|name| match name.origin() {
        Origin::Platform => name.interface == "http",
        Origin::Wasi => name.package == "http" && name.interface == "outgoing-handler",
        Origin::Service => false,
    })
}

/// A component that sends requests has to say where to.
pub(crate) fn check_manifest(manifest: &Manifest, contract: &Contract) -> Result<(), DeployError> {
    match sends_requests(contract) && manifest.outbound.is_none() {
        false => Ok(()),
        true => Err(DeployError::NotGranted(
            "the component sends HTTP requests, and its manifest does not say where to: add \
             [outbound] allow = [\"https://api.example\"] to service.toml"
                .into(),
        )),
    }
}

impl Control {
    /// Refuses addresses that only an operator can grant. Reads the service's settings, so keep it off
    /// the async threads.
    pub(crate) fn check_outbound(&self, candidate: &Candidate) -> Result<(), DeployError> {
        let Some(section) = &candidate.manifest.outbound else { return Ok(()) };
        let settings = self.words.load().overrides.settings(&candidate.manifest);
        let grants = Grants::of(section, &settings, self.backends.outbound.private());
        let pointer = pointer(section.line);
        let mistakes = grants.ungranted.iter();
        let mistakes = mistakes.map(|asked| Mistake::new(pointer.clone(), asked.detail()));
        let mistakes: Vec<_> = mistakes.collect();
        match mistakes.is_empty() {
            true => Ok(()),
            false => Err(DeployError::OutboundNotGranted(mistakes)),
        }
    }

    /// What sends the requests of one revision; `None` when it may send none.
    pub(crate) fn outbound(
        &self,
        candidate: &Candidate,
        settings: &Settings,
    ) -> Option<Arc<Client>> {
        let section = candidate.manifest.outbound.as_ref()?;
        let host = &self.backends.outbound;
        let grants = Grants::of(section, settings, host.private());
        for asked in &grants.ungranted {
            tracing::warn!(service = %candidate.name(), "{}", asked.detail());
        }
        Some(Arc::new(Client::new(candidate.name().clone(), host, grants)))
    }
}

impl Candidate {
    /// What a manifest says of requests that the component never sends.
    pub(crate) fn idle_outbound(&self) -> Option<String> {
        let idle = self.manifest.outbound.is_some() && !sends_requests(&self.contract);
        idle.then(|| {
            "[outbound] means nothing: the component imports neither \
             thali:platform/http nor wasi:http/outgoing-handler"
                .into()
        })
    }
}

impl OutboundStatus {
    pub(crate) fn of(revision: &Revision) -> Option<Self> {
        let client = revision.extensions().get::<Client>()?;
        let grants = client.grants().iter().map(|grant| GrantStatus {
            origin: grant.origin.clone(),
            granted_by: match &grant.setting {
                Some(key) => format!("config:{key}"),
                None => "manifest".into(),
            },
            private: grant.any_address,
        });
        Some(Self { allow: grants.collect(), requests: client.snapshot() })
    }
}
