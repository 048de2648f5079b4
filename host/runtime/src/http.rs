//! The part of a store that `wasi:http` needs.
//!
//! Its headers and bodies live in the store's resource table, so the store has to have their context.
//! What becomes of a request is for the capability whose [`WasiHttpHooks`] are in it.

use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpHooks};

/// Names and values of one set of headers, in bytes, with what they take in memory. A store may hold as
/// many sets as its resource table has entries, so this is no more than one request may send.
const FIELD_BYTES_MAX: usize = 24 << 10;

/// The context of `wasi:http` in one store, made when it is first used.
pub(crate) struct HttpPart {
    pub(crate) context: WasiHttpCtx,
    pub(crate) hooks: Box<dyn WasiHttpHooks>,
}

impl HttpPart {
    pub(crate) fn new(hooks: Box<dyn WasiHttpHooks>) -> Self {
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELD_BYTES_MAX);
        Self { context, hooks }
    }
}
