(module
    (import "thali:platform/context@1.0.0" "idempotency-id" (func $id (param i32)))
    (memory (export "memory") 64)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 1024))
    ;; A result at 0: the case, then n, or the error, at 4, and the id at 8.
    (func (export "test:keeper/api@1.0.0#place") (param $n i32) (param $work i32) (result i32)
        (block $done (loop $again
            (br_if $done (i32.eqz (local.get $work)))
            (local.set $work (i32.sub (local.get $work) (i32.const 1)))
            (br $again)))
        (if (i32.eq (local.get $n) (i32.const 102)) (then unreachable))
        (if (result i32) (i32.lt_u (local.get $n) (i32.const 100))
            (then
                (i32.store (i32.const 4) (local.get $n))
                (call $id (i32.const 8))
                (i32.const 0))
            (else
                (i32.store8 (i32.const 0) (i32.const 1))
                (i32.store8 (i32.const 4) (i32.sub (local.get $n) (i32.const 100)))
                (i32.const 0))))
    (func (export "test:keeper/api@1.0.0#letters") (param $count i32) (result i32)
        (memory.fill (i32.const 4096) (i32.const 97) (local.get $count))
        (i32.store (i32.const 0) (i32.const 4096))
        (i32.store (i32.const 4) (local.get $count))
        (i32.const 0)))
