//! Tokens and passwords: what signs them, who may ask for them, and `thali:platform/identity`. The gateway
//! checks tokens.
//!
//! A key never leaves the host: a component that may make tokens says for whom, and gets the token.

mod algorithm;
mod bindings;
mod capability;
mod minting;
mod passwords;
mod signer;

pub use algorithm::TokenAlgorithm;
pub use capability::IdentityCapability;
pub use minting::{Identity, MintError, MintGrants};
pub use passwords::{PasswordError, Passwords};
pub use signer::{SignError, Signer, SigningKey, SigningKeyError, TTL_MAX, Token};

/// The longest subject of a token, in bytes.
pub const SUBJECT_BYTES_MAX: usize = 255;

/// Whether a text can be the subject of a token: 1 to [`SUBJECT_BYTES_MAX`] bytes without control
/// characters, because subjects are stored and shown.
pub fn is_subject(text: &str) -> bool {
    (1..=SUBJECT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control)
}
