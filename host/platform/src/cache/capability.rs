//! `thali:platform/cache` as components import it.

use std::sync::Arc;
use std::time::Duration;

use thali_contract::name::InterfaceName;
use thali_runtime::{Capability, State};
use wasmtime::component::{HasSelf, Linker, Resource};

use super::bindings::thali::platform::cache as wit;
use super::{Cache, CacheError, Flight, Lookup, Value};

/// Lends every service its own [`Cache`], which is among the extensions of its revision. A service that
/// has none traps, which no deploy lets happen.
#[derive(Clone, Copy, Debug, Default)]
pub struct CacheCapability;

impl Capability for CacheCapability {
    fn interface(&self) -> InterfaceName {
        crate::interface("cache")
    }

    fn link(&self, linker: &mut Linker<State>) -> wasmtime::Result<()> {
        wit::add_to_linker::<State, HasSelf<State>>(linker, |state| state)
    }
}

fn cache(state: &State) -> wasmtime::Result<Arc<Cache>> {
    state.extension::<Cache>().ok_or_else(|| wasmtime::Error::msg("this service has no cache"))
}

/// Who asks is the request: one that comes back to the service by a call would wait for itself. The
/// lower half of its id is random enough to name it.
fn caller(state: &State) -> u64 {
    state.context().request_id.as_u64_pair().1
}

fn told(error: CacheError) -> wit::Error {
    let detail = error.to_string();
    match error {
        CacheError::Ttl => wit::Error::Invalid(detail),
        _ => wit::Error::TooLarge(detail),
    }
}

impl wit::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(cache(self)?.get(&key).map(|value| value.to_vec()))
    }

    async fn get_or_fill(&mut self, key: String) -> wasmtime::Result<wit::Lookup> {
        let (cache, caller) = (cache(self)?, caller(self));
        // The interface has no case for what is wrong here; it is the component's mistake, and traps.
        match cache.get_or_fill(&key, caller).await.map_err(wasmtime::Error::new)? {
            Lookup::Found(value) => Ok(wit::Lookup::Found(value.to_vec())),
            Lookup::Missing(flight) => {
                let flight = self.table().push(flight)?;
                self.hold();
                Ok(wit::Lookup::Missing(flight))
            }
        }
    }

    fn set(
        &mut self,
        key: String,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let kept = cache(self)?.set(&key, Value::from(value), Duration::from_millis(ttl_ms));
        Ok(kept.map_err(told))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        cache(self)?.delete(&key);
        Ok(())
    }
}

impl wit::HostFlight for State {
    fn fill(
        &mut self,
        flight: Resource<Flight>,
        value: Vec<u8>,
        ttl_ms: u64,
    ) -> wasmtime::Result<Result<(), wit::Error>> {
        let flight = self.table().delete(flight)?;
        self.let_go();
        let filled = flight.fill(Value::from(value), Duration::from_millis(ttl_ms));
        Ok(filled.map_err(told))
    }

    fn drop(&mut self, flight: Resource<Flight>) -> wasmtime::Result<()> {
        self.table().delete(flight)?;
        self.let_go();
        Ok(())
    }
}
