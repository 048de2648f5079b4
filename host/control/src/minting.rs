//! Which services may make tokens: what is checked at a deploy.

use thali_contract::contract::{Contract, Origin};

use crate::control::Control;
use crate::error::DeployError;
use crate::inspect::Candidate;

/// Whether a component makes tokens. One that only hashes passwords does not import `mint`.
fn makes_tokens(contract: &Contract) -> bool {
    let mut imports = contract.imports.iter();
    imports.any(|import| {
        import.name.origin() == Origin::Platform
            && import.name.interface == "identity"
            && import.functions.iter().any(|function| function.name == "mint")
    })
}

impl Control {
    /// Refuses a component that makes tokens unless the host's file says that it may.
    pub(crate) fn check_minting(&self, candidate: &Candidate) -> Result<(), DeployError> {
        let name = candidate.name();
        if !makes_tokens(&candidate.contract) || self.backends.identity.may_mint(name) {
            return Ok(());
        }
        Err(DeployError::NotGranted(format!(
            "{name} makes tokens (mint of thali:platform/identity): add to thali.toml [identity] \
             mint = {{ {name} = [\"SCOPE\"] }} with the scopes that it may give, and \
             `thali auth reload`"
        )))
    }
}
