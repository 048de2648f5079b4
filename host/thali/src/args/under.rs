//! What `thali.toml` says instead of a flag.

use std::time::Duration;

use serde_json::{Value, json};

use super::{LogFormat, UpArgs};
use crate::host_file::HostFile;
use crate::settings::Given;

impl UpArgs {
    /// Takes from the file what neither the command line nor the environment gives.
    pub(crate) fn take(&mut self, file: &HostFile, given: &Given) {
        let (host, logs, gateway) = (&file.host, &file.logs, &file.gateway);
        let take = |flag| !given.has(flag);
        put(&mut self.listen, gateway.listen.filter(|_| take("--listen")));
        put(&mut self.admin, file.admin.listen.filter(|_| take("--admin")));
        put(&mut self.data, host.data.clone().filter(|_| take("--data")));
        put(&mut self.watch, host.watch.filter(|_| take("--watch")));
        put(&mut self.seed, host.seed.filter(|_| take("--seed")));
        put(&mut self.dev, host.dev.filter(|_| take("--dev")));
        put(&mut self.drain, host.drain.filter(|_| take("--drain")));
        put(&mut self.drain_delay, host.drain_delay.filter(|_| take("--drain-delay")));
        let implied = host.implied_routes.filter(|_| take("--no-implied-routes"));
        put(&mut self.no_implied_routes, implied.map(|implied| !implied));
        let access = logs.access.filter(|_| take("--no-access-log"));
        put(&mut self.no_access_log, access.map(|access| !access));
        put(&mut self.log_format, logs.format.filter(|_| take("--log-format")));
        put(&mut self.log, logs.filter.clone().filter(|_| take("--log")));
        self.components = self.components.take().or_else(|| host.components.clone());
        self.site = self.site.take().or_else(|| gateway.site.clone());
        self.addr_file = self.addr_file.take().or_else(|| host.addr_file.clone());
    }

    /// Its settings by key, as the file would have them.
    pub(crate) fn settings(&self) -> Vec<(&'static str, Value)> {
        vec![
            ("gateway.listen", json!(self.listen)),
            ("gateway.site", json!(self.site)),
            ("admin.listen", json!(self.admin)),
            ("host.data", json!(self.data)),
            ("host.components", json!(self.components)),
            ("host.watch", json!(self.watch)),
            ("host.seed", json!(self.seed)),
            ("host.dev", json!(self.dev)),
            ("host.drain", json!(time(self.drain))),
            ("host.drain-delay", json!(time(self.drain_delay))),
            ("host.implied-routes", json!(!self.no_implied_routes)),
            ("host.addr-file", json!(self.addr_file)),
            ("logs.filter", json!(self.log)),
            ("logs.format", json!(self.log_format.name())),
            ("logs.access", json!(!self.no_access_log)),
        ]
    }
}

impl LogFormat {
    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

fn put<T>(place: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *place = value;
    }
}

/// `30s`, or `500ms`.
fn time(time: Duration) -> String {
    match time.subsec_millis() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}
