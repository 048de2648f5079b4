//! Names to addresses.

use std::future::Future;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

/// Look-ups of one host at the same time. Each takes a thread while it lasts, and a server that does not
/// answer keeps it for many seconds.
const LOOKUPS_MAX: usize = 32;

/// The addresses of a name, or why there are none.
pub type Answer = Pin<Box<dyn Future<Output = std::io::Result<Vec<IpAddr>>> + Send>>;

/// Asks for the addresses of names.
pub trait Resolve: Send + Sync {
    /// The addresses of `name`, in the order in which to try them.
    fn resolve(&self, name: &str) -> Answer;
}

/// The resolver of the operating system (`getaddrinfo`), which reads `/etc/hosts` as well.
pub struct SystemResolver {
    turns: Arc<Semaphore>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(LOOKUPS_MAX)) }
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> Answer {
        let (turns, name) = (Arc::clone(&self.turns), name.to_owned());
        Box::pin(async move {
            let turn = turns.acquire_owned().await.map_err(std::io::Error::other)?;
            let lookup = spawn_blocking(move || {
                // Kept until the thread is free again, though nobody may wait for it any more.
                let _turn = turn;
                let addresses = (name.as_str(), 0_u16).to_socket_addrs()?;
                Ok(addresses.map(|address| address.ip()).collect())
            });
            lookup.await.map_err(std::io::Error::other)?
        })
    }
}
