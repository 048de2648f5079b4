//! What a store carries: who is running, for which request, and what it may use.

use std::any::Any;
use std::sync::Arc;

use thali_contract::name::ServiceName;
use tokio::time::Instant;
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpHooks};

use crate::context::Context;
use crate::engine::Runtime;
use crate::extensions::Extensions;
use crate::http::HttpPart;
use crate::meter::Meter;
use crate::output::{Channel, Output, Severity, Stream};
use crate::revision::Revision;
use crate::topology::{Chain, NodeIndex, Topology};
use crate::trace::{Source, Span, SpanKind, Text};

/// Random bytes a guest may ask for in one call.
const RANDOM_BYTES_MAX: u64 = 64 << 10;

/// The data of every store.
pub struct State {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) scope: Scope,
    pub(crate) meter: Meter,
    pub(crate) output: Arc<Output>,
    wasi: WasiCtx,
    table: ResourceTable,
    held: u32,
    /// Shared by what ends somewhere else, such as a connection.
    guard: Option<Arc<Guard>>,
    http: Option<HttpPart>,
    locals: Extensions,
}

/// Keeps an instance from being used again for as long as it lives.
pub struct Guard(());

/// Which invocation a store is running now.
#[derive(Clone)]
pub(crate) struct Scope {
    pub(crate) topology: Arc<Topology>,
    pub(crate) node: NodeIndex,
    pub(crate) context: Context,
    pub(crate) chain: Chain,
}

impl State {
    pub(crate) fn new(runtime: &Arc<Runtime>, revision: &Revision, scope: Scope) -> Self {
        let host = runtime.limits();
        let output = Output::new(revision.speaker(), &scope.context, host.output_bytes_max);
        let wasi = WasiCtx::builder()
            .stdout(Stream::new(&output, Channel::Stdout))
            .stderr(Stream::new(&output, Channel::Stderr))
            .max_random_size(RANDOM_BYTES_MAX)
            .allow_tcp(false)
            .allow_udp(false)
            .build();
        let mut table = ResourceTable::new();
        table.set_max_capacity(host.handles_max);
        let limits = revision.limits();
        let usage = Arc::clone(revision.usage());
        let meter = Meter::new(usage, limits.memory_bytes, limits.table_elements);
        Self {
            runtime: Arc::clone(runtime),
            scope,
            meter,
            output,
            wasi,
            table,
            held: 0,
            guard: None,
            http: None,
            locals: Extensions::new(),
        }
    }

    /// Makes a store that served one invocation ready for the next.
    pub(crate) fn restart(&mut self, scope: Scope) {
        self.output.restart(&scope.context, self.runtime.limits().output_bytes_max);
        self.meter.restart();
        self.scope = scope;
    }

    /// Lets go of the request that was served.
    pub(crate) fn park(&mut self, nowhere: &Arc<Topology>) {
        self.output.finish();
        self.scope.topology = Arc::clone(nowhere);
        // Whoever holds a recording keeps its trace from being told.
        self.scope.context.recording = None;
        self.locals.clear();
        self.http = None;
    }

    /// Counts something that must end with the request, such as a transaction. An instance that still
    /// holds one when its function returns is not used again.
    pub fn hold(&mut self) {
        self.held += 1;
    }

    /// What was counted by [`State::hold`] has ended.
    pub fn let_go(&mut self) {
        self.held = self.held.saturating_sub(1);
    }

    /// Counts something that must end with the request and that may end outside of the store. What
    /// [`State::hold`] says of it holds for as long as a guard lives.
    pub fn guard(&mut self) -> Arc<Guard> {
        Arc::clone(self.guard.get_or_insert_with(|| Arc::new(Guard(()))))
    }

    pub(crate) fn holds_something(&self) -> bool {
        let guarded = self.guard.as_ref().is_some_and(|guard| Arc::strong_count(guard) > 1);
        self.held > 0 || guarded
    }

    /// What `wasi:http` works with. `hooks` makes what its requests go through, once per invocation.
    pub fn http(
        &mut self,
        hooks: impl FnOnce(&mut Self) -> Box<dyn WasiHttpHooks>,
    ) -> WasiHttpCtxView<'_> {
        let part = match self.http.take() {
            Some(part) => part,
            None => HttpPart::new(hooks(self)),
        };
        let part = self.http.insert(part);
        WasiHttpCtxView { ctx: &mut part.context, hooks: &mut *part.hooks, table: &mut self.table }
    }

    /// What capabilities keep for the invocation that runs, by type: gone when it ends.
    pub fn locals(&mut self) -> &mut Extensions {
        &mut self.locals
    }

    /// Resources that capabilities hand out, such as transactions.
    pub fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }

    /// Logs what the guest says, within what it may say. `context` is a name to group messages by.
    pub fn log(&self, severity: Severity, context: &str, message: &str) {
        self.output.message(severity, context, message);
    }

    /// What travels with the request.
    pub fn context(&self) -> &Context {
        &self.scope.context
    }

    /// Begins a span of what the running service does now.
    pub fn span(&self, kind: SpanKind, name: impl FnOnce() -> Text) -> Span {
        let context = self.context();
        match &context.recording {
            None => Span::NONE,
            Some(_) => context.span(kind, Some(self.source()), name),
        }
    }

    /// What the spans of the running service are about.
    pub fn source(&self) -> &Arc<Source> {
        self.revision().source()
    }

    /// When this invocation must be done.
    pub fn deadline(&self) -> Instant {
        self.scope.context.deadline
    }

    /// The revision that is running.
    pub(crate) fn revision(&self) -> &Revision {
        self.scope.topology.revision(self.scope.node)
    }

    /// The service that is running.
    pub fn service(&self) -> &ServiceName {
        self.revision().service()
    }

    /// What belongs to the running service, by type.
    pub fn extension<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.revision().extensions().get()
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}
