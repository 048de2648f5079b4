//! Compiling in one process what another one runs.
//!
//! The compiler is handed what strangers upload, so it can be let die: a host starts it as a process of
//! its own, with a [`Compiler`] in it, and takes the code back with [`Runtime::accept`].

use thali_contract::name::Digest;
use wasmtime::{Engine, InstanceAllocationStrategy, Precompiled};

use crate::cache::engine_hash;
use crate::engine::{Runtime, engine_config};
use crate::limits::HostLimits;
use crate::revision::{Code, CompileError, compile_error};

/// An engine that compiles and runs nothing.
pub struct Compiler {
    engine: Engine,
}

impl Compiler {
    /// A compiler for hosts whose guests have a stack of `stack_bytes`.
    ///
    /// # Errors
    ///
    /// When the engine does not start.
    pub fn new(stack_bytes: usize) -> Result<Self, CompileError> {
        let mut config = engine_config(&HostLimits { stack_bytes, ..HostLimits::default() });
        // No pool: it would only reserve address space, and decides nothing about the code.
        config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        Ok(Self { engine: Engine::new(&config).map_err(compile_error)? })
    }

    /// Tells engines apart whose code differs.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.engine)
    }

    /// Compiles a component into what [`Runtime::accept`] takes.
    ///
    /// # Errors
    ///
    /// When the bytes are not a component that the engine takes.
    pub fn compile(&self, bytes: &[u8]) -> Result<Vec<u8>, CompileError> {
        self.engine.precompile_component(bytes).map_err(compile_error)
    }
}

impl Runtime {
    /// What a [`Compiler`] must have in common with this host.
    pub fn fingerprint(&self) -> String {
        fingerprint(self.engine())
    }

    /// The code of a component that was compiled before.
    pub fn compiled(&self, digest: &Digest) -> Option<Code> {
        let component = self.cache()?.load(self.engine(), digest)?;
        Some(Code::new(component, true))
    }

    /// Takes the code that a [`Compiler`] has made of the component `digest`.
    ///
    /// The bytes are run: they must come from a process of this very program that this host has started,
    /// and never from anywhere else.
    ///
    /// # Errors
    ///
    /// When they are no code, or it cannot be kept or loaded.
    pub fn accept(&self, digest: &Digest, code: &[u8]) -> Result<Code, CompileError> {
        if Engine::detect_precompiled(code) != Some(Precompiled::Component) {
            return Err(CompileError("the compiler's output is not compiled code".into()));
        }
        let Some(cache) = self.cache() else {
            return Err(CompileError("there is no cache to load compiled code from".into()));
        };
        let kept = cache.store(digest, code);
        kept.map_err(|error| CompileError(format!("compiled code cannot be kept: {error}")))?;
        let component = cache.try_load(self.engine(), digest).map_err(compile_error)?;
        let gone = || CompileError("compiled code cannot be read again".into());
        Ok(Code::new(component.ok_or_else(gone)?, false))
    }
}

fn fingerprint(engine: &Engine) -> String {
    engine_hash(engine).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::CacheKey;
    use crate::engine::RuntimeConfig;

    #[test]
    fn what_a_compiler_has_made_runs_on_a_host_with_a_pool_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let limits = HostLimits { instances_max: 16, ..HostLimits::default() };
        let compiler = Compiler::new(limits.stack_bytes).unwrap();
        let config = RuntimeConfig {
            cache_dir: Some(folder.path().into()),
            cache_key: CacheKey([7; 32]),
            limits,
        };
        let runtime = Runtime::new(config, &[]).unwrap();
        assert!(runtime.report().pool_instances > 0);
        assert_eq!(compiler.fingerprint(), runtime.fingerprint());

        let bytes = wat::parse_str("(component)").unwrap();
        let digest = Digest::of(&bytes);
        assert!(runtime.compiled(&digest).is_none());
        assert!(runtime.accept(&digest, b"\x7fELF and more").is_err());
        assert!(runtime.accept(&digest, &bytes).is_err(), "a component is not compiled code");
        assert!(runtime.compiled(&digest).is_none());
        let code = compiler.compile(&bytes).unwrap();
        assert!(!runtime.accept(&digest, &code).unwrap().cached());
        assert!(runtime.compiled(&digest).unwrap().cached());
        assert!(compiler.compile(b"\0asm").is_err());
    }
}
