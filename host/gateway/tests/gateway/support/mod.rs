//! What the tests share.

pub mod guest;
pub mod host;
pub mod listener;
pub mod raw;

pub use guest::{caller, counter, keeper, keeper_with};
pub use host::TestHost;
pub use listener::TestListener;
pub use raw::{Answer, Raw};
