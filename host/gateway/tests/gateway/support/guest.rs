//! Small services, written as WIT and core WebAssembly.

use bytes::Bytes;
use thali_contract::pack::{Parts, pack};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const COUNTER: &str = r#"
    [service]
    name = "counter"
    version = "1.0.0"
    description = "Counts."
    [http]
    "GET /ping" = "api.ping"
    "POST /reset" = "api.reset"
    "GET /numbers/{n}" = "api.check"
    "POST /sums" = { call = "api.add", status = 201, location = "/sums/{total}" }
    "GET /nan" = "api.nan"
    "GET /fail" = "api.fail"
    "GET /spin" = "api.spin"
    "POST /spin" = "api.spin"
    [errors]
    not-found = 404
    [limits]
    timeout = "2s"
    cpu = "2s"
    "#;

/// One service with a function for every way to answer. `version` is what `ping` returns.
pub fn counter(version: u32) -> Bytes {
    counter_with(version, COUNTER)
}

pub fn counter_with(version: u32, manifest: &str) -> Bytes {
    let wit = "
        package test:counter@1.0.0;
        interface api {
            enum error { not-found, too-big }
            record sum { total: u32, label: string }
            ping: func() -> u32;
            reset: func();
            check: func(n: u32) -> result<u32, error>;
            add: func(a: u32, b: u32) -> sum;
            nan: func() -> f64;
            fail: func();
            spin: func();
        }
        world service { export api; }";
    let wat = format!(
        r#"(module
            (memory (export "memory") 1)
            (data (i32.const 64) "sum")
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "test:counter/api@1.0.0#ping") (result i32) (i32.const {version}))
            (func (export "test:counter/api@1.0.0#reset"))
            (func (export "test:counter/api@1.0.0#check") (param i32) (result i32)
                (i32.store8 (i32.const 0) (i32.gt_u (local.get 0) (i32.const 9)))
                (i32.store (i32.const 4) (i32.gt_u (local.get 0) (i32.const 99)))
                (if (i32.le_u (local.get 0) (i32.const 9))
                    (then (i32.store (i32.const 4) (local.get 0))))
                (i32.const 0))
            (func (export "test:counter/api@1.0.0#add") (param i32 i32) (result i32)
                (i32.store (i32.const 0) (i32.add (local.get 0) (local.get 1)))
                (i32.store (i32.const 4) (i32.const 64))
                (i32.store (i32.const 8) (i32.const 3))
                (i32.const 0))
            (func (export "test:counter/api@1.0.0#nan") (result f64) (f64.const nan))
            (func (export "test:counter/api@1.0.0#fail") unreachable)
            (func (export "test:counter/api@1.0.0#spin") (loop (br 0))))"#
    );
    service(wit, &wat, manifest)
}

/// A service that says who asks: the subject, or nothing.
pub fn whoami() -> Bytes {
    let wit = "
        package test:whoami@1.0.0;
        interface api { name: func() -> string; }
        package thali:platform@1.0.0 {
            interface context {
                record principal { subject: string, scopes: list<string> }
                current-principal: func() -> option<principal>;
            }
        }
        world service { import thali:platform/context@1.0.0; export api; }";
    // The result of the import is at 0: whether there is one, then where the subject is and how long.
    let wat = r#"(module
        (import "thali:platform/context@1.0.0" "current-principal" (func $who (param i32)))
        (memory (export "memory") 1)
        (global $free (mut i32) (i32.const 1024))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
            (global.get $free)
            (global.set $free (i32.add (global.get $free) (local.get 3))))
        (func (export "test:whoami/api@1.0.0#name") (result i32)
            (call $who (i32.const 0))
            (i32.const 4)))"#;
    let manifest = r#"
        [service]
        name = "whoami"
        version = "1.0.0"
        [http]
        "GET /whoami" = "api.name"
    "#;
    service(wit, wat, manifest)
}

/// A service that says in its manifest who may call it, and how often: `http` is the text of `[http]` and what
/// comes after it. It has `api.ping`, `api.big` (4 KB of JSON) and `api.spin`.
pub fn fronted(http: &str) -> Bytes {
    let wit = "
        package test:fronted@1.0.0;
        interface api { ping: func() -> u32; big: func() -> string; spin: func(); }
        world service { export api; }";
    let wat = r#"(module
        (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
        (func (export "test:fronted/api@1.0.0#ping") (result i32) (i32.const 1))
        (func (export "test:fronted/api@1.0.0#big") (result i32)
            (memory.fill (i32.const 1024) (i32.const 120) (i32.const 4096))
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.const 4096))
            (i32.const 0))
        (func (export "test:fronted/api@1.0.0#spin") (loop (br 0))))"#;
    let manifest = format!("[service]\nname = \"fronted\"\nversion = \"1.0.0\"\n[http]\n{http}\n");
    service(wit, wat, &manifest)
}

/// A service whose result, part of which becomes a header, has a line break in it.
pub fn injector() -> Bytes {
    let wit = "
        package test:injector@1.0.0;
        interface api { record made { label: string } make: func() -> made; }
        world service { export api; }";
    let wat = r#"(module
        (memory (export "memory") 1)
        (data (i32.const 64) "a\0d\0aset-cookie: b=c")
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
        (func (export "test:injector/api@1.0.0#make") (result i32)
            (i32.store (i32.const 0) (i32.const 64))
            (i32.store (i32.const 4) (i32.const 18))
            (i32.const 0)))"#;
    let manifest = r#"
        [service]
        name = "injector"
        version = "1.0.0"
        [http]
        "POST /labels" = { call = "api.make", status = 201, location = "/labels/{label}" }
    "#;
    service(wit, wat, manifest)
}

/// A service with an answer of 8 MiB and room for one request, and one that takes its time.
pub fn bulk() -> Bytes {
    let wit = "
        package test:bulk@1.0.0;
        interface api { read: func() -> string; spin: func(); }
        world service { export api; }";
    let wat = r#"(module
        (memory (export "memory") 160)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 16))
        (func (export "test:bulk/api@1.0.0#read") (result i32)
            (memory.fill (i32.const 1024) (i32.const 120) (i32.const 8388608))
            (i32.store (i32.const 0) (i32.const 1024))
            (i32.store (i32.const 4) (i32.const 8388608))
            (i32.const 0))
        (func (export "test:bulk/api@1.0.0#spin") (loop (br 0))))"#;
    let manifest = r#"
        [service]
        name = "bulk"
        version = "1.0.0"
        [http]
        "GET /bulk" = "api.read"
        "GET /bulk/spin" = "api.spin"
        [limits]
        concurrency = 1
        queue = 1
        timeout = "2s"
        cpu = "2s"
    "#;
    service(wit, wat, manifest)
}

/// A service that handles `moved` for the subject `ann`, and traps for everybody else.
pub fn listener_of_ann() -> Bytes {
    let wit = "
        package test:listener@1.0.0;
        package test:pub@1.0.0 { interface events { moved: func(id: string, km: u32); } }
        package thali:platform@1.0.0 {
            interface context {
                record principal { subject: string, scopes: list<string> }
                current-principal: func() -> option<principal>;
            }
        }
        world service { import thali:platform/context@1.0.0; export test:pub/events@1.0.0; }";
    // The result of the import is at 0; `ann` is three bytes, the first of them an `a`.
    let wat = r#"(module
        (import "thali:platform/context@1.0.0" "current-principal" (func $who (param i32)))
        (memory (export "memory") 1)
        (global $free (mut i32) (i32.const 1024))
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $free (i32.and (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
            (global.get $free)
            (global.set $free (i32.add (global.get $free) (local.get 3))))
        (func (export "test:pub/events@1.0.0#moved") (param i32 i32 i32)
            (call $who (i32.const 0))
            (if (i32.eqz (i32.load8_u (i32.const 0))) (then unreachable))
            (if (i32.ne (i32.load (i32.const 8)) (i32.const 3)) (then unreachable))
            (if (i32.ne (i32.load8_u (i32.load (i32.const 4))) (i32.const 97)) (then unreachable))))"#;
    let manifest = r#"
        [service]
        name = "listener"
        version = "1.0.0"
        [subscriptions."test:pub/events"]
        attempts = 1
    "#;
    service(wit, wat, manifest)
}

/// A service that calls `counter`, and one function that does not.
pub fn caller() -> Bytes {
    caller_with(
        r#"
        [service]
        name = "caller"
        version = "1.0.0"
        [http]
        "GET /twice" = "api.twice"
    "#,
    )
}

pub fn caller_with(manifest: &str) -> Bytes {
    let wit = "
        package test:caller@1.0.0;
        interface api { twice: func() -> u32; }
        package test:counter@1.0.0 { interface api { ping: func() -> u32; } }
        world service { import test:counter/api@1.0.0; export api; }";
    let wat = r#"(module
        (import "test:counter/api@1.0.0" "ping" (func $ping (result i32)))
        (func (export "test:caller/api@1.0.0#twice") (result i32)
            (i32.mul (call $ping) (i32.const 2))))"#;
    service(wit, wat, manifest)
}

/// A service that keeps its answers, and tells the id of the request.
pub fn keeper() -> Bytes {
    keeper_with(include_str!("keeper.toml"))
}

pub fn keeper_with(manifest: &str) -> Bytes {
    service(include_str!("keeper.wit"), include_str!("keeper.wat"), manifest)
}

/// A service that publishes events and streams them.
pub fn publisher() -> Bytes {
    publisher_with(include_str!("publisher.toml"))
}

pub fn publisher_with(manifest: &str) -> Bytes {
    service(include_str!("publisher.wit"), include_str!("publisher.wat"), manifest)
}

/// A service that says what it is told to: on standard output, on standard error, and by `wasi:logging`.
pub fn talker() -> Bytes {
    service(include_str!("talker.wit"), include_str!("talker.wat"), include_str!("talker.toml"))
}

fn service(wit: &str, wat: &str, manifest: &str) -> Bytes {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("service.wit", wit).unwrap();
    let world = resolve.select_world(&[package], Some("service")).unwrap();
    let mut module = wat::parse_str(wat).unwrap();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let component =
        ComponentEncoder::default().validate(true).module(&module).unwrap().encode().unwrap();
    let parts = Parts { manifest: manifest.into(), ..Parts::default() };
    pack(&component, &parts).unwrap().into()
}

/// A service that exports `thali:platform/health`: with words its check fails, saying them. `module` is
/// more of its module.
pub fn prober(words: Option<&str>, module: &str) -> Bytes {
    prober_of(words, "", module, "")
}

/// One whose instances are used again, and are ill from their first `ping` on.
pub fn prober_that_falls_ill() -> Bytes {
    let ill = "(i32.store8 (i32.const 0) (i32.const 1))";
    prober_of(None, ill, "", "[limits]\nreuse = 1000\n")
}

fn prober_of(words: Option<&str>, ping: &str, module: &str, manifest: &str) -> Bytes {
    let wit = "
        package test:prober@1.0.0;
        interface api { ping: func() -> u32; }
        package thali:platform@1.0.0 { interface health { check: func() -> result<_, string>; } }
        world service { export api; export thali:platform/health@1.0.0; }";
    let (is_err, words) = (u8::from(words.is_some()), words.unwrap_or_default());
    let length = words.len();
    let wat = format!(
        r#"(module
            (memory (export "memory") 1)
            (data (i32.const 0) "\{is_err:02x}\00\00\00\40\00\00\00\{length:02x}\00\00\00")
            (data (i32.const 64) {words:?})
            (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
            (func (export "test:prober/api@1.0.0#ping") (result i32) {ping} (i32.const 7))
            (func (export "thali:platform/health@1.0.0#check") (result i32) (i32.const 0))
            {module})"#
    );
    let manifest = format!("[service]\nname = \"prober\"\nversion = \"1.0.0\"\n{manifest}");
    service(wit, &wat, &manifest)
}

/// A service whose `thali:platform/health` has another shape.
pub fn wrong_prober() -> Bytes {
    let wit = "
        package test:prober@1.0.0;
        package thali:platform@1.0.0 { interface health { check: func() -> u32; } }
        world service { export thali:platform/health@1.0.0; }";
    let wat = r#"(module
        (func (export "thali:platform/health@1.0.0#check") (result i32) (i32.const 0)))"#;
    service(wit, wat, "[service]\nname = \"prober\"\nversion = \"1.0.0\"\n")
}
