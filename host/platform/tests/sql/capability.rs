//! The same, as a component meets it.

use std::sync::Arc;
use std::time::Duration;

use semver::Version;
use thali_contract::contract::FunctionRef;
use thali_contract::name::Digest;
use thali_contract::read::read_contract;
use thali_platform::sql::{Database, SqlCapability};
use thali_runtime::{
    CacheKey, CallPolicies, Context, Extensions, Fault, HostLimits, Limits, RevisionSpec, Runtime,
    RuntimeConfig, Topology,
};
use wasmtime::component::Val;

use crate::{Fixture, Speak, int};

/// What a guest may import, with each function lowered under a short name of its own.
const IMPORTS: &str = r#"
    (import "thali:platform/sql@1.0.0" (instance $sql
        (type $value' (variant (case "null") (case "boolean" bool) (case "integer" s64)
            (case "real" f64) (case "text" string) (case "blob" (list u8))))
        (export "value" (type $value (eq $value')))
        (type $rows' (record (field "columns" (list string)) (field "rows" (list (list $value)))))
        (export "rows" (type $rows (eq $rows')))
        (type $kind' (enum "unique" "foreign-key" "check" "not-null" "other"))
        (export "constraint-kind" (type $kind (eq $kind')))
        (type $violation' (record (field "kind" $kind) (field "name" string)))
        (export "constraint-violation" (type $violation (eq $violation')))
        (type $error' (variant (case "constraint" $violation) (case "busy")
            (case "invalid" string) (case "unavailable" string) (case "too-large" string)))
        (export "error" (type $error (eq $error')))
        (export "transaction" (type $transaction (sub resource)))
        (export "query" (func (param "sql" string) (param "params" (list $value))
            (result (result $rows (error $error)))))
        (export "execute" (func (param "sql" string) (param "params" (list $value))
            (result (result u64 (error $error)))))
        (export "[static]transaction.begin" (func (result (result (own $transaction) (error $error)))))
        (export "[method]transaction.execute" (func (param "self" (borrow $transaction))
            (param "sql" string) (param "params" (list $value)) (result (result u64 (error $error)))))
        (export "[static]transaction.commit" (func (param "tx" (own $transaction))
            (result (result (error $error)))))))
    (alias export $sql "transaction" (type $transaction))
    (core module $memory (memory (export "memory") 1)
        (global $next (mut i32) (i32.const 8192))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
            (global.get $next)
            (global.set $next (i32.add (global.get $next) (local.get 3)))))
    (core instance $m (instantiate $memory))
    (core func $query (canon lower (func $sql "query")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (core func $execute (canon lower (func $sql "execute")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (core func $begin (canon lower (func $sql "[static]transaction.begin")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (core func $tx-execute (canon lower (func $sql "[method]transaction.execute")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (core func $commit (canon lower (func $sql "[static]transaction.commit")
        (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
    (core func $drop (canon resource.drop $transaction))"#;

/// What every guest has: its imports, an INSERT of 29 bytes at 0 and a SELECT of 32 bytes at 64, and a
/// parameter list with the text `a` at 128. Results are written to 1024.
const PRELUDE: &str = r#"
    (import "m" "memory" (memory 1))
    (import "sql" "query" (func $query (param i32 i32 i32 i32 i32)))
    (import "sql" "execute" (func $execute (param i32 i32 i32 i32 i32)))
    (import "sql" "begin" (func $begin (param i32)))
    (import "sql" "tx-execute" (func $tx-execute (param i32 i32 i32 i32 i32 i32)))
    (import "sql" "commit" (func $commit (param i32 i32)))
    (import "sql" "drop" (func $drop (param i32)))
    (data (i32.const 0) "INSERT INTO t VALUES ($1, 42)")
    (data (i32.const 64) "SELECT n FROM t WHERE id = $1   ")
    (data (i32.const 128) "\04\00\00\00\00\00\00\00\a0\00\00\00\01\00\00\00")
    (data (i32.const 160) "a")
    (func $insert (call $execute
        (i32.const 0) (i32.const 29) (i32.const 128) (i32.const 1) (i32.const 1024)))
    (func $select (call $query
        (i32.const 64) (i32.const 32) (i32.const 128) (i32.const 1) (i32.const 1024)))
    (func $open (result i32) (call $begin (i32.const 1024)) (i32.load (i32.const 1028)))
    (func $insert-in (param i32) (call $tx-execute (local.get 0)
        (i32.const 0) (i32.const 29) (i32.const 128) (i32.const 1) (i32.const 1024)))"#;

fn guest(core: &str) -> String {
    format!(
        r#"(component {IMPORTS}
            (core module $guest {PRELUDE} {core})
            (core instance $i (instantiate $guest (with "m" (instance $m)) (with "sql" (instance
                (export "query" (func $query)) (export "execute" (func $execute))
                (export "begin" (func $begin)) (export "tx-execute" (func $tx-execute))
                (export "commit" (func $commit)) (export "drop" (func $drop))))))
            (func $run (result u32) (canon lift (core func $i "run")))
            (instance $api (export "run" (func $run)))
            (export "test:guest/api@1.0.0" (instance $api)))"#
    )
}

struct Guest {
    runtime: Arc<Runtime>,
    topology: Arc<Topology>,
}

impl Guest {
    fn new(core: &str, database: Option<&Arc<Database>>) -> Self {
        let limits = HostLimits { instances_max: 50, ..HostLimits::default() };
        let config = RuntimeConfig { cache_dir: None, cache_key: CacheKey([0; 32]), limits };
        let runtime = Runtime::new(config, &[&SqlCapability]).unwrap();
        let bytes = wat::parse_str(guest(core)).unwrap();
        let digest = Digest::of(&bytes);
        let mut extensions = Extensions::new();
        if let Some(database) = database {
            extensions.insert(Arc::clone(database));
        }
        let spec = RevisionSpec {
            service: "guest".parse().unwrap(),
            number: 1,
            digest,
            version: Version::new(1, 0, 0),
            contract: Arc::new(read_contract(&bytes).unwrap()),
            limits: Limits { timeout: Duration::from_millis(500), ..Limits::default() },
            optional: Vec::new(),
            calls: CallPolicies::default(),
            idempotent: Vec::new(),
            extensions,
        };
        let code = runtime.compile(&bytes, &digest).unwrap();
        let revision = runtime.prepare(&code, spec).unwrap();
        Self { runtime, topology: Arc::new(Topology::build(vec![revision])) }
    }

    async fn run(&self) -> Result<Option<Val>, Fault> {
        let node = self.topology.node("guest").unwrap();
        let function = FunctionRef { interface: 0, function: 0 };
        let context = Context::root(Duration::from_secs(10));
        self.runtime.invoke(&self.topology, node, function, &[], context).await
    }
}

#[tokio::test]
async fn a_component_writes_and_reads_its_own_database() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    // Answers the integer of the first column of the first row.
    let core = r#"(func (export "run") (result i32)
        (call $insert)
        (if (i32.load8_u (i32.const 1024)) (then unreachable))
        (call $select)
        (if (i32.load8_u (i32.const 1024)) (then unreachable))
        (i32.load (i32.add (i32.load (i32.load (i32.const 1036))) (i32.const 8))))"#;
    assert_eq!(Guest::new(core, Some(&orders)).run().await, Ok(Some(Val::U32(42))));
    assert_eq!(orders.one("SELECT n FROM t WHERE id = 'a'").await, int(42));
}

#[tokio::test]
async fn a_component_is_told_which_constraint_it_violates() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    // Answers 1 + the case of the error, times 10, and the kind of constraint.
    let core = r#"(func (export "run") (result i32)
        (call $insert) (call $insert)
        (i32.add
            (i32.mul (i32.const 10)
                (i32.add (i32.load8_u (i32.const 1024)) (i32.load8_u (i32.const 1032))))
            (i32.load8_u (i32.const 1036))))"#;
    assert_eq!(Guest::new(core, Some(&orders)).run().await, Ok(Some(Val::U32(10))));
}

#[tokio::test]
async fn a_component_without_a_database_is_told_so() {
    let core = r#"(func (export "run") (result i32)
        (call $select)
        (i32.add (i32.mul (i32.const 10) (i32.load8_u (i32.const 1024)))
            (i32.load8_u (i32.const 1028))))"#;
    let unavailable = Ok(Some(Val::U32(13)));
    assert_eq!(Guest::new(core, None).run().await, unavailable);
}

#[tokio::test]
async fn a_component_commits_a_transaction() {
    let fixture = Fixture::new();
    let orders = fixture.orders().await;
    // Beside its own transaction a write is refused (1, case 2 `invalid`) instead of waiting for ever.
    let core = r#"(func (export "run") (result i32) (local $tx i32) (local $refused i32)
        (local.set $tx (call $open))
        (call $insert)
        (local.set $refused (i32.add (i32.mul (i32.const 10) (i32.load8_u (i32.const 1024)))
            (i32.load8_u (i32.const 1032))))
        (call $insert-in (local.get $tx))
        (if (i32.load8_u (i32.const 1024)) (then unreachable))
        (call $commit (local.get $tx) (i32.const 1024))
        (if (i32.load8_u (i32.const 1024)) (then unreachable))
        (local.get $refused))"#;
    assert_eq!(Guest::new(core, Some(&orders)).run().await, Ok(Some(Val::U32(12))));
    assert_eq!(orders.one("SELECT count(*) FROM t").await, int(1));
}

#[tokio::test]
async fn a_transaction_ends_with_the_component_that_holds_it() {
    let fixture = Fixture::with(|limits| limits.transaction_lease = Duration::from_secs(600));
    let orders = fixture.orders().await;
    let hold = "(local.set $tx (call $open)) (call $insert-in (local.get $tx))";
    for end in [
        "(call $drop (local.get $tx)) (i32.const 1)",
        "(i32.const 1)",
        "unreachable",
        "(loop (br 0)) unreachable",
    ] {
        let core = format!(r#"(func (export "run") (result i32) (local $tx i32) {hold} {end})"#);
        let guest = Guest::new(&core, Some(&orders));
        let outcome = guest.run().await;
        assert_eq!(outcome.is_ok(), end.ends_with("(i32.const 1)"), "{end}: {outcome:?}");
        orders.must("UPDATE t SET n = 0", []).await;
        assert_eq!(orders.one("SELECT count(*) FROM t").await, int(0), "{end}");
    }
}
