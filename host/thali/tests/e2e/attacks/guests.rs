//! Hostile guests, each with one purpose, and the neighbour that must not notice them.

use crate::support::guest;

/// Answers `GET /neighbour` at once.
pub(crate) fn neighbour() -> Vec<u8> {
    service("neighbour", "", r#"(i32.const 1)"#, "")
}

/// A service whose `run` is this core code: `GET /NAME`. `items` are other items of the module.
pub(crate) fn service(name: &str, items: &str, run: &str, limits: &str) -> Vec<u8> {
    let wit = format!(
        "package test:{name}@1.0.0;
        interface api {{ run: func() -> u32; }}
        world service {{ export api; }}"
    );
    let wat = format!(
        r#"(module {items} (func (export "test:{name}/api@1.0.0#run") (result i32) {run}))"#
    );
    guest(&wit, &wat, &manifest(name, limits))
}

/// A manifest with one route, `GET /NAME`.
pub(crate) fn manifest(name: &str, limits: &str) -> String {
    format!(
        "[service]\nname = \"{name}\"\nversion = \"1.0.0\"\n\n\
         [http]\n\"GET /{name}\" = \"api.run\"\n\n[limits]\n{limits}\n"
    )
}

/// Code that never ends.
pub(crate) const FOR_EVER: &str = "(loop (br 0)) unreachable";

/// The service `hostile` with imports from WASI: `world` imports what `packages` declare.
pub(crate) fn with_wasi(
    world: &str,
    packages: &str,
    items: &str,
    run: &str,
    limits: &str,
) -> Vec<u8> {
    let wit = format!(
        "package test:hostile@1.0.0;
        interface api {{ run: func() -> u32; }}
        world service {{ {world} export api; }}
        {packages}"
    );
    let wat = format!(
        r#"(module {items} (func (export "test:hostile/api@1.0.0#run") (result i32) {run}))"#
    );
    guest(&wit, &wat, &manifest("hostile", limits))
}

/// Writes to standard output: `$stdout`, `$check` and `$write` are what WASI has for it.
pub(crate) fn writer(pages: u32, run: &str, limits: &str) -> Vec<u8> {
    let world = "import wasi:io/streams@0.2.0; import wasi:cli/stdout@0.2.0;";
    let packages = "
        package wasi:io@0.2.0 {
            interface error { resource error; }
            interface streams {
                use error.{error};
                variant stream-error { last-operation-failed(error), closed }
                resource output-stream {
                    check-write: func() -> result<u64, stream-error>;
                    write: func(contents: list<u8>) -> result<_, stream-error>;
                }
            }
        }
        package wasi:cli@0.2.0 {
            interface stdout {
                use wasi:io/streams@0.2.0.{output-stream};
                get-stdout: func() -> output-stream;
            }
        }";
    let items = format!(
        r#"(import "wasi:cli/stdout@0.2.0" "get-stdout" (func $stdout (result i32)))
        (import "wasi:io/streams@0.2.0" "[method]output-stream.check-write" (func $check (param i32 i32)))
        (import "wasi:io/streams@0.2.0" "[method]output-stream.write"
            (func $write (param i32 i32 i32 i32)))
        (memory (export "memory") {pages})
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))"#
    );
    with_wasi(world, packages, &items, run, limits)
}

/// Waits for an hour.
pub(crate) fn sleeper(limits: &str) -> Vec<u8> {
    waiter(3_600_000, limits)
}

/// Waits for so many milliseconds.
pub(crate) fn waiter(milliseconds: u64, limits: &str) -> Vec<u8> {
    let world = "import wasi:io/poll@0.2.0; import wasi:clocks/monotonic-clock@0.2.0;";
    let packages = "
        package wasi:io@0.2.0 { interface poll { resource pollable { block: func(); } } }
        package wasi:clocks@0.2.0 {
            interface monotonic-clock {
                use wasi:io/poll@0.2.0.{pollable};
                subscribe-duration: func(when: u64) -> pollable;
            }
        }";
    let items = r#"
        (import "wasi:clocks/monotonic-clock@0.2.0" "subscribe-duration"
            (func $subscribe (param i64) (result i32)))
        (import "wasi:io/poll@0.2.0" "[method]pollable.block" (func $block (param i32)))"#;
    let nanoseconds = milliseconds * 1_000_000;
    let run = format!("(call $block (call $subscribe (i64.const {nanoseconds}))) (i32.const 1)");
    with_wasi(world, packages, items, &run, limits)
}

/// `POST /echo` answers the text of its body.
pub(crate) fn echo() -> Vec<u8> {
    let wit = "
        package test:echo@1.0.0;
        interface api { run: func(text: string) -> string; }
        world service { export api; }";
    // The text is always put to the same place: there is one in an invocation.
    let wat = r#"(module
        (memory (export "memory") 40)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
        (func (export "test:echo/api@1.0.0#run") (param i32 i32) (result i32)
            (i32.store (i32.const 16) (local.get 0))
            (i32.store (i32.const 20) (local.get 1))
            (i32.const 16)))"#;
    guest(wit, wat, &manifest("echo", "").replace("GET", "POST"))
}

/// `GET /large` answers `bytes` letters.
pub(crate) fn large(bytes: u32) -> Vec<u8> {
    let wit = "
        package test:large@1.0.0;
        interface api { run: func() -> string; }
        world service { export api; }";
    let pages = bytes.div_ceil(65_536) + 1;
    let wat = format!(
        r#"(module
        (memory (export "memory") {pages})
        (func (export "test:large/api@1.0.0#run") (result i32)
            (memory.fill (i32.const 64) (i32.const 97) (i32.const {bytes}))
            (i32.store (i32.const 16) (i32.const 64))
            (i32.store (i32.const 20) (i32.const {bytes}))
            (i32.const 16)))"#
    );
    guest(wit, &wat, &manifest("large", "memory = \"64MiB\""))
}

/// A service with an import of the platform: `api` is the WIT of what it exports, `imports` and `core` its
/// code. It has [`PRELUDE`].
pub(crate) fn of_platform(
    name: &str,
    interface: &str,
    api: &str,
    [imports, core]: [&str; 2],
    manifest: &str,
) -> Vec<u8> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/platform");
    let wit = std::fs::read_to_string(root.join(format!("{interface}.wit"))).unwrap();
    let (_, wit) = wit.split_once("package thali:platform@1.0.0;").unwrap();
    let wit = format!(
        "package test:{name}@1.0.0;
        interface api {{ {api} }}
        world service {{ import thali:platform/{interface}@1.0.0; export api; }}
        package thali:platform@1.0.0 {{ {wit} }}"
    );
    guest(&wit, &format!("(module {imports} {PRELUDE} {core})"), manifest)
}

/// Memory, and an allocator that only grows and begins anew with every instance. Results go to 1024.
const PRELUDE: &str = r#"
    (memory (export "memory") 100)
    (global $next (mut i32) (i32.const 8192))
    (func $allocate (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $next (i32.and (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
        (global.get $next)
        (global.set $next (i32.add (global.get $next) (local.get 3))))"#;

/// `POST /NAME/send` sends an HTTP request, `POST /NAME/flood` sends one many times and counts the
/// answers. `tables` are the rest of the manifest.
pub(crate) fn fetcher(name: &str, tables: &str) -> Vec<u8> {
    let api = "use thali:platform/http@1.0.0.{request, response, error};
        send: func(request: request) -> result<response, error>;
        flood: func(request: request, times: u32) -> u32;";
    let imports = r#"(import "thali:platform/http@1.0.0" "send" (func $send
        (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32)))"#;
    let request: String = (0..11).map(|at| format!("(local.get {at})")).collect();
    let core = format!(
        r#"(func (export "test:{name}/api@1.0.0#send")
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
            (call $send {request} (i32.const 1024))
            (i32.const 1024))
        (func (export "test:{name}/api@1.0.0#flood")
            (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)
            (local $answers i32)
            (loop $again
                (call $send {request} (i32.const 1024))
                (local.set $answers
                    (i32.add (local.get $answers) (i32.eqz (i32.load8_u (i32.const 1024)))))
                (local.set 11 (i32.sub (local.get 11) (i32.const 1)))
                (br_if $again (local.get 11)))
            (local.get $answers))"#
    );
    let manifest = format!(
        "[service]\nname = \"{name}\"\nversion = \"1.0.0\"\n\n\
         [http]\n\"POST /{name}/send\" = \"api.send\"\n\"POST /{name}/flood\" = \"api.flood\"\n\n{tables}\n"
    );
    of_platform(name, "http", api, [imports, &core], &manifest)
}
