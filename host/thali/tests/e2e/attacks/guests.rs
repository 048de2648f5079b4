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
    let run = "(call $block (call $subscribe (i64.const 3600000000000))) (i32.const 1)";
    with_wasi(world, packages, items, run, limits)
}
