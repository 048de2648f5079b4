//! How many streams there may be.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use thali_contract::problem::Problem;

use crate::client::network;
use crate::limits::GatewayLimits;
use crate::reply;

/// Seconds until a client with too many streams may have closed one.
const RETRY_SECONDS: u32 = 5;

/// The places for streams.
pub(crate) struct Slots {
    max: usize,
    per_client_max: usize,
    taken: Mutex<Taken>,
}

#[derive(Default)]
struct Taken {
    all: usize,
    by_client: HashMap<IpAddr, usize>,
}

/// The place of one stream.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    client: IpAddr,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    Host,
    Client,
}

impl Slots {
    pub(crate) fn new(limits: &GatewayLimits) -> Arc<Self> {
        Arc::new(Self {
            max: limits.streams_max,
            per_client_max: limits.streams_per_client_max,
            taken: Mutex::default(),
        })
    }

    /// Places that are taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken.lock().all
    }

    pub(crate) fn take(self: &Arc<Self>, client: IpAddr) -> Result<Slot, Full> {
        let client = network(client);
        let mut taken = self.taken.lock();
        if taken.all >= self.max {
            return Err(Full::Host);
        }
        let of_client = taken.by_client.entry(client).or_default();
        if *of_client >= self.per_client_max {
            return Err(Full::Client);
        }
        *of_client += 1;
        taken.all += 1;
        Ok(Slot { slots: Arc::clone(self), client })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock();
        taken.all = taken.all.saturating_sub(1);
        if let Some(count) = taken.by_client.get_mut(&self.client) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.by_client.remove(&self.client);
            }
        }
    }
}

impl Full {
    pub(crate) fn problem(self) -> Problem {
        match self {
            Self::Host => reply::overloaded(),
            Self::Client => Problem::new(
                429,
                "too_many_streams",
                "The client has as many streams open as it may have",
            )
            .retry_after(RETRY_SECONDS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_by_client_and_over_all() {
        let limits = GatewayLimits::default().with(|l| {
            l.streams_max = 3;
            l.streams_per_client_max = 2;
        });
        let slots = Slots::new(&limits);
        let take = |client: &str| slots.take(client.parse().unwrap());
        let (first, _second) = (take("10.0.0.1").unwrap(), take("10.0.0.1").unwrap());
        assert_eq!(take("10.0.0.1").err(), Some(Full::Client));
        assert_eq!(take("::ffff:10.0.0.1").err(), Some(Full::Client), "the same client");
        let _third = take("2001:db8::1").unwrap();
        assert_eq!(take("10.0.0.2").err(), Some(Full::Host));
        drop(first);
        let _fourth = take("2001:db8::2").unwrap();
        assert_eq!(take("2001:db8::3").err(), Some(Full::Host));
        assert_eq!(slots.taken.lock().by_client.len(), 2, "the last two share a network");
    }
}
