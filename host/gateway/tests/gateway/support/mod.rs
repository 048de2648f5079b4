//! What the tests share.

pub mod follow;
pub mod guest;
pub mod host;
pub mod listener;
pub mod raw;
pub mod tokens;

pub use follow::{Event, Follower};
pub use guest::{
    bulk, caller, caller_with, counter, counter_with, fronted, injector, keeper, keeper_with,
    listener_of_ann, prober, prober_that_falls_ill, publisher, publisher_with, talker, whoami,
    wrong_prober,
};
pub use host::TestHost;
pub use listener::TestListener;
pub use raw::{Answer, Raw};
