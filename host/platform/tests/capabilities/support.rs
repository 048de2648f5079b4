//! Components made of WIT and a few instructions, and the one way these tests run them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use semver::Version;
use thali_contract::name::Digest;
use thali_contract::read::read_contract;
use thali_runtime::{
    CacheKey, CallPolicies, Context, Extensions, Fault, HostLimits, Limits, RevisionSpec, Runtime,
    RuntimeConfig, Topology,
};
use wasmtime::component::Val;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// What every guest has: a memory of one page, and an allocator that only grows from 8192 on and starts
/// again with every instance. Results are written to 1024.
pub(crate) const PRELUDE: &str = r#"
    (memory (export "memory") 1)
    (global $next (mut i32) (i32.const 8192))
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
        (global.get $next)
        (global.set $next (i32.add (global.get $next) (local.get 3))))"#;

/// A component that exports `test:guest/api@1.0.0`, deployed as the service `guest`.
pub(crate) struct Guest {
    runtime: Arc<Runtime>,
    topology: Arc<Topology>,
}

impl Guest {
    /// A guest whose world imports `thali:platform/IMPORT`. `api` is the WIT of what it exports. `core`
    /// has its imports, before anything else, and its functions.
    pub(crate) fn new(import: &str, api: &str, imports: &str, core: &str) -> Self {
        Self::with(import, api, imports, core, Extensions::new())
    }

    /// The same, where the service owns something.
    pub(crate) fn with(
        import: &str,
        api: &str,
        imports: &str,
        core: &str,
        extensions: Extensions,
    ) -> Self {
        let import = format!("import thali:platform/{import}@1.0.0;");
        let core = format!("{imports} {PRELUDE} {core}");
        Self::of_world(&[], &import, api, &core, extensions, 1)
    }

    /// A guest of another world: `import` is the WIT of what it imports, from `packages` as well, and
    /// `core` what is between `(module` and `)`, after the imports with [`PRELUDE`]. An instance serves
    /// `reuse` calls.
    pub(crate) fn of_world(
        packages: &[&str],
        import: &str,
        api: &str,
        core: &str,
        extensions: Extensions,
        reuse: u32,
    ) -> Self {
        let limits = HostLimits { instances_max: 100, ..HostLimits::default() };
        let config = RuntimeConfig { cache_dir: None, cache_key: CacheKey([0; 32]), limits };
        let runtime = Runtime::new(config, thali_platform::CAPABILITIES).unwrap();
        let bytes = component(packages, import, api, &format!("(module {core})"));
        let digest = Digest::of(&bytes);
        let spec = RevisionSpec {
            service: "guest".parse().unwrap(),
            number: 1,
            digest,
            version: Version::new(1, 0, 0),
            contract: Arc::new(read_contract(&bytes).unwrap()),
            limits: Limits { timeout: Duration::from_secs(2), reuse, ..Limits::default() },
            optional: Vec::new(),
            calls: CallPolicies::default(),
            idempotent: Vec::new(),
            extensions,
        };
        let code = runtime.compile(&bytes, &digest).unwrap();
        let revision = runtime.prepare(&code, spec).unwrap();
        Self { runtime, topology: Arc::new(Topology::build(vec![revision])) }
    }

    /// Calls a function in a request of ten seconds.
    pub(crate) async fn call(&self, function: &str, params: &[Val]) -> Result<Option<Val>, Fault> {
        self.call_in(Context::root(Duration::from_secs(10)), function, params).await
    }

    /// Calls a function.
    pub(crate) async fn call_in(
        &self,
        context: Context,
        function: &str,
        params: &[Val],
    ) -> Result<Option<Val>, Fault> {
        let node = self.topology.node("guest").unwrap();
        let contract = Arc::clone(self.topology.revision(node).contract());
        let function = contract.find("api", function).expect("an exported function");
        self.runtime.invoke(&self.topology, node, function, params, context).await
    }
}

fn component(packages: &[&str], import: &str, api: &str, module: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/platform");
    resolve.push_dir(wit).unwrap();
    for (at, package) in packages.iter().enumerate() {
        resolve.push_str(format!("{at}.wit"), package).unwrap();
    }
    let text = format!(
        "package test:guest@1.0.0;
        interface api {{ {api} }}
        world guest {{ {import} export api; }}"
    );
    let package = resolve.push_str("guest.wit", &text).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut module = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    ComponentEncoder::default().module(&module).unwrap().encode().unwrap()
}

/// The text of a string, or of `some` with one.
pub(crate) fn text(value: &Val) -> &str {
    match value {
        Val::String(text) => text,
        Val::Option(Some(inner)) => text(inner),
        other => panic!("expected a string, got {other:?}"),
    }
}
