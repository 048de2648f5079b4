//! The variables of the OpenTelemetry specification that this host knows.
//!
//! The specification lets a program pass over what means nothing. A host that sends nothing because of a misspelt word
//! would be found out when its traces are needed, so it does not start.

use std::time::Duration;

use http::Uri;
use http::header::{HeaderName, HeaderValue};
use thali_runtime::trace::{Rule, Sampler};
use uuid::Uuid;

/// Where traces go, and how.
#[derive(Clone, Debug, PartialEq)]
pub struct OtlpConfig {
    /// The URL that batches are posted to.
    pub endpoint: String,
    /// How long one batch may take, attempts and pauses included.
    pub timeout: Duration,
    /// Which traces are sent.
    pub sampler: Sampler,
    /// Spans that wait at most.
    pub queue_max: usize,
    /// Spans in one batch.
    pub batch_max: usize,
    /// How long a span waits for others.
    pub delay: Duration,
    /// The longest that the host waits for one batch.
    pub export_timeout: Duration,
    /// What the host's own spans are called.
    pub service_name: Option<String>,
    /// What else is said of everything.
    pub resource: Vec<(String, String)>,
    /// Tells this run of the host from others.
    pub instance_id: String,
}

/// A variable that means nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}={value:?}: {why}")]
pub struct EnvError {
    /// The variable.
    pub name: &'static str,
    /// What it says; not of headers, which hold secrets.
    pub value: String,
    /// What it should say.
    pub why: String,
}

/// The longest time that can be asked for, in milliseconds: a minute is longer than anybody waits for a batch.
const MS_MAX: u64 = 60_000;

/// The most spans that can be asked to wait: some hundred megabytes.
const SPANS_MAX: u64 = 100_000;

/// Traces of a second that are sent when nobody has said which, besides those that the host keeps: half a
/// megabyte a second. All of a busy host are tens of megabytes, a third of its processors (`telemetry-all` in `bench/`), and more than
/// anybody looks at; rates and quantiles of all requests are metrics.
const SENT_PER_SECOND: u32 = 200;

/// What a path is put behind when the endpoint is not only for traces.
const PATH: &str = "v1/traces";

impl OtlpConfig {
    /// What the environment says, by `variable`; `None` when nothing is to be sent.
    ///
    /// # Errors
    ///
    /// [`EnvError`] names the first variable that means nothing.
    pub fn from_env(variable: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, EnvError> {
        let env = Env(&variable);
        let disabled = env.choice("OTEL_SDK_DISABLED", &["false", "true"])?;
        let exporter = env.choice("OTEL_TRACES_EXPORTER", &["otlp", "none"])?;
        env.choice("OTEL_EXPORTER_OTLP_PROTOCOL", &["http/protobuf"])?;
        env.choice("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", &["http/protobuf"])?;
        env.choice("OTEL_EXPORTER_OTLP_COMPRESSION", &["none"])?;
        env.choice("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", &["none"])?;
        env.unsupported("OTEL_EXPORTER_OTLP_CERTIFICATE")?;
        env.unsupported("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE")?;
        env.headers("OTEL_EXPORTER_OTLP_HEADERS")?;
        env.headers("OTEL_EXPORTER_OTLP_TRACES_HEADERS")?;
        let endpoint = env.endpoint()?;
        let sampler = env.sampler()?;
        let millis = |name, default| env.number(name, default, 1..=MS_MAX);
        let timeout = millis("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000)?;
        let timeout = millis("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", timeout)?;
        let delay = millis("OTEL_BSP_SCHEDULE_DELAY", 5000)?;
        let export_timeout = millis("OTEL_BSP_EXPORT_TIMEOUT", 30_000)?;
        let queue_max = env.number("OTEL_BSP_MAX_QUEUE_SIZE", 2048, 1..=SPANS_MAX)?;
        let batch_name = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE";
        let batch_max = env.number(batch_name, queue_max.min(512), 1..=queue_max)?;
        let resource = env.pairs("OTEL_RESOURCE_ATTRIBUTES")?;
        let is_off = disabled.as_deref() == Some("true") || exporter.as_deref() == Some("none");
        let Some(endpoint) = endpoint.filter(|_| !is_off) else { return Ok(None) };
        let size = |spans: u64| usize::try_from(spans).unwrap_or(usize::MAX);
        Ok(Some(Self {
            endpoint,
            timeout: Duration::from_millis(timeout),
            sampler,
            queue_max: size(queue_max),
            batch_max: size(batch_max),
            delay: Duration::from_millis(delay),
            export_timeout: Duration::from_millis(export_timeout),
            service_name: env.get("OTEL_SERVICE_NAME"),
            resource,
            instance_id: Uuid::now_v7().to_string(),
        }))
    }
}

struct Env<'e>(&'e dyn Fn(&str) -> Option<String>);

impl Env<'_> {
    /// An empty variable is none, by the specification.
    fn get(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// One of few words, in whatever case.
    fn choice(
        &self,
        name: &'static str,
        known: &[&'static str],
    ) -> Result<Option<String>, EnvError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let lower = value.to_ascii_lowercase();
        if known.contains(&lower.as_str()) {
            return Ok(Some(lower));
        }
        Err(EnvError { name, value, why: format!("expected {}", known.join(" or ")) })
    }

    fn unsupported(&self, name: &'static str) -> Result<(), EnvError> {
        let why = "it is not supported: add the authority to the certificates of the system";
        match self.get(name) {
            None => Ok(()),
            Some(value) => Err(EnvError { name, value, why: why.into() }),
        }
    }

    fn number(
        &self,
        name: &'static str,
        default: u64,
        range: std::ops::RangeInclusive<u64>,
    ) -> Result<u64, EnvError> {
        let Some(value) = self.get(name) else { return Ok(default) };
        let number = value.parse().ok().filter(|number| range.contains(number));
        let why = format!("expected a number from {} to {}", range.start(), range.end());
        number.ok_or(EnvError { name, value, why })
    }

    /// The endpoint for traces as it is, or the one for everything with the path of traces.
    fn endpoint(&self) -> Result<Option<String>, EnvError> {
        let traces = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
        if let Some(url) = self.get(traces) {
            return checked(traces, url).map(Some);
        }
        let all = "OTEL_EXPORTER_OTLP_ENDPOINT";
        let Some(url) = self.get(all) else { return Ok(None) };
        let url = checked(all, url)?;
        let slash = if url.ends_with('/') { "" } else { "/" };
        Ok(Some(format!("{url}{slash}{PATH}")))
    }

    /// `key=value,key=value`, with per cent signs for what cannot stand there.
    fn pairs(&self, name: &'static str) -> Result<Vec<(String, String)>, EnvError> {
        let Some(value) = self.get(name) else { return Ok(Vec::new()) };
        let pair = |pair: &str| {
            let (key, value) = pair.split_once('=')?;
            let value = percent_encoding::percent_decode_str(value.trim()).decode_utf8().ok()?;
            (!key.trim().is_empty()).then(|| (key.trim().to_owned(), value.into_owned()))
        };
        let pairs = value.split(',').map(str::trim).filter(|text| !text.is_empty());
        let pairs: Option<Vec<_>> = pairs.map(pair).collect();
        let why = "expected key=value,key=value".to_owned();
        pairs.ok_or(EnvError { name, value, why })
    }

    /// Headers are read by the exporter, which passes over those that cannot be sent.
    fn headers(&self, name: &'static str) -> Result<(), EnvError> {
        let refused = || EnvError {
            name,
            value: "(not shown)".into(),
            why: "expected name=value,name=value, each a header that can be sent".into(),
        };
        for (key, value) in self.pairs(name).map_err(|_| refused())? {
            let is_header =
                HeaderName::try_from(key).is_ok() && HeaderValue::try_from(value).is_ok();
            if !is_header {
                return Err(refused());
            }
        }
        Ok(())
    }

    fn sampler(&self) -> Result<Sampler, EnvError> {
        const NAMES: [&str; 6] = [
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ];
        let name = self.choice("OTEL_TRACES_SAMPLER", &NAMES)?;
        // Who says how to sample is taken at his word.
        let per_second = name.is_none().then_some(SENT_PER_SECOND);
        let name = name.as_deref().unwrap_or("parentbased_always_on");
        let ratio = self.ratio("OTEL_TRACES_SAMPLER_ARG")?;
        let (follows_parent, rule) = match name.strip_prefix("parentbased_") {
            Some(rule) => (true, rule),
            None => (false, name),
        };
        let rule = match rule {
            "always_off" => Rule::Never,
            "traceidratio" => Rule::Ratio(ratio),
            _ => Rule::Always,
        };
        Ok(Sampler { rule, follows_parent, per_second })
    }

    fn ratio(&self, name: &'static str) -> Result<f64, EnvError> {
        let Some(value) = self.get(name) else { return Ok(1.0) };
        let ratio = value.parse().ok().filter(|ratio| (0.0..=1.0).contains(ratio));
        ratio.ok_or(EnvError { name, value, why: "expected a number from 0 to 1".into() })
    }
}

fn checked(name: &'static str, url: String) -> Result<String, EnvError> {
    if url.contains('@') {
        let why =
            "a password does not belong into a URL: OTEL_EXPORTER_OTLP_HEADERS=authorization=..";
        return Err(EnvError { name, value: "(not shown)".into(), why: why.into() });
    }
    let uri = url.parse::<Uri>().ok();
    let is_url = uri.is_some_and(|uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    let why = "expected a URL such as http://127.0.0.1:4318".to_owned();
    if is_url { Ok(url) } else { Err(EnvError { name, value: url, why }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<OtlpConfig>, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
        };
        OtlpConfig::from_env(variable).map_err(|error| error.to_string())
    }

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");

    #[test]
    fn without_an_endpoint_or_when_it_is_switched_off_nothing_is_sent() {
        for variables in [
            &[][..],
            &[("OTEL_TRACES_SAMPLER", "always_on")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "TRUE")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
        ] {
            assert_eq!(read(variables), Ok(None), "{variables:?}");
        }
    }

    #[test]
    fn what_is_not_said_is_as_the_specification_says() {
        let config = read(&[ENDPOINT]).unwrap().unwrap();
        assert_eq!(config.endpoint, "http://127.0.0.1:4318/v1/traces");
        assert_eq!(
            config.sampler,
            Sampler { rule: Rule::Always, follows_parent: true, per_second: Some(200) }
        );
        assert_eq!((config.queue_max, config.batch_max), (2048, 512));
        assert_eq!(config.delay, Duration::from_secs(5));
        assert_eq!(config.timeout, Duration::from_secs(10));
        let config = read(&[
            ENDPOINT,
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://collector.example/custom"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "700"),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "100"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=a%20b, host.name=x"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20x"),
        ]);
        let config = config.unwrap().unwrap();
        assert_eq!(config.endpoint, "https://collector.example/custom");
        assert_eq!((config.timeout.as_millis(), config.batch_max), (700, 100));
        let pairs = [("deployment.environment.name", "a b"), ("host.name", "x")];
        assert_eq!(config.resource, pairs.map(|(key, value)| (key.into(), value.into())));
    }

    #[test]
    fn every_sampler_of_the_specification_is_known() {
        let sampler = |name, argument| {
            let given =
                [ENDPOINT, ("OTEL_TRACES_SAMPLER", name), ("OTEL_TRACES_SAMPLER_ARG", argument)];
            let Sampler { rule, follows_parent, per_second } =
                read(&given).unwrap().unwrap().sampler;
            assert_eq!(per_second, None, "who names a sampler means it");
            (rule, follows_parent)
        };
        assert_eq!(sampler("always_on", ""), (Rule::Always, false));
        assert_eq!(sampler("always_off", ""), (Rule::Never, false));
        assert_eq!(sampler("traceidratio", "0.25"), (Rule::Ratio(0.25), false));
        assert_eq!(sampler("parentbased_always_on", ""), (Rule::Always, true));
        assert_eq!(sampler("parentbased_always_off", ""), (Rule::Never, true));
        assert_eq!(sampler("parentbased_traceidratio", ""), (Rule::Ratio(1.0), true));
    }

    #[test]
    fn what_means_nothing_is_refused_and_secrets_are_not_repeated() {
        for (name, value, told) in [
            ("OTEL_SDK_DISABLED", "yes", "expected false or true"),
            ("OTEL_TRACES_EXPORTER", "zipkin", "expected otlp or none"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "expected http/protobuf"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4318", "expected a URL"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://me:geheim@collector", "does not belong"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "expected a number from 1 to 60000"),
            ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096", "expected a number from 1 to 2048"),
            ("OTEL_TRACES_SAMPLER", "sometimes", "expected always_on or"),
            ("OTEL_TRACES_SAMPLER_ARG", "1.5", "expected a number from 0 to 1"),
            ("OTEL_TRACES_SAMPLER_ARG", "NaN", "expected a number from 0 to 1"),
            ("OTEL_RESOURCE_ATTRIBUTES", "a", "expected key=value"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "geheim", "expected name=value"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "ca.pem", "it is not supported"),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.starts_with(name) && error.contains(told), "{error}");
            assert!(!error.contains("geheim"), "{error}");
        }
    }
}
