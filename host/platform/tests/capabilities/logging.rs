//! What a component logs by `wasi:logging`.

use std::fmt::Debug;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use thali_runtime::{Context, Extensions};
use tracing::field::{Field, Visit};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber, span};
use uuid::Uuid;

use crate::support::{Guest, PRELUDE};

const WIT: &str = "interface logging {
    enum level { trace, debug, info, warn, error, critical }
    log: func(level: level, context: string, message: string);
}";

/// Logs "refused" with the context "pay" as a warning, and "down" as critical with none.
fn guest(version: &str) -> Guest {
    let package = format!("package wasi:logging{version}; {WIT}");
    let import = format!("import wasi:logging/logging{version};");
    let core = format!(
        r#"(import "wasi:logging/logging{version}" "log" (func $log (param i32 i32 i32 i32 i32)))
        {PRELUDE}
        (data (i32.const 16) "payrefused\0adown")
        (func (export "test:guest/api@1.0.0#run")
            (call $log (i32.const 3) (i32.const 16) (i32.const 3) (i32.const 19) (i32.const 8))
            (call $log (i32.const 5) (i32.const 16) (i32.const 0) (i32.const 27) (i32.const 4)))"#
    );
    Guest::of_world(&[&package], &import, "run: func();", &core, Extensions::new(), 1)
}

/// What is logged on this thread while it lives.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<Fields>>>);

#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.push((field.name().to_owned(), format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name().to_owned(), value.to_owned()));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "guest"
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        fields.0.push(("level".into(), event.metadata().level().to_string()));
        event.record(&mut fields);
        self.0.lock().unwrap().push(fields);
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}
    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

impl Log {
    fn begin() -> (Self, DefaultGuard) {
        let log = Self::default();
        (log.clone(), tracing::subscriber::set_default(log))
    }
}

#[tokio::test]
async fn a_message_is_logged_with_its_level_its_request_and_its_trace() {
    for version in ["@0.1.0-draft", ""] {
        let guest = guest(version);
        let (log, _guard) = Log::begin();
        let request_id = Uuid::now_v7();
        let trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap();
        let context = Context::new(request_id, trace, Duration::from_secs(10));
        guest.call_in(context, "run", &[]).await.unwrap();
        let said = log.0.lock().unwrap();
        let [refused, down] = &said[..] else { panic!("{} messages", said.len()) };
        for (name, value) in [
            ("level", "WARN"),
            ("service", "guest"),
            ("revision", "1"),
            ("request_id", &request_id.to_string()),
            ("trace_id", "0af7651916cd43dd8448eb211c80319c"),
            ("context", "pay"),
            ("message", "refused\n"),
        ] {
            assert_eq!(refused.get(name), Some(value), "{name}");
        }
        assert_eq!((down.get("level"), down.get("critical")), (Some("ERROR"), Some("true")));
        assert_eq!((down.get("message"), down.get("context")), (Some("down"), None));
    }
}
