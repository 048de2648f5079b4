/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/thali_support-6b30c40b5edbd8c5.d: components/support/src/lib.rs components/support/src/check.rs components/support/src/clock.rs components/support/src/contact.rs components/support/src/geo.rs components/support/src/id.rs components/support/src/sql.rs /work/w/d-shop/wit/platform/messaging.wit /work/w/d-shop/wit/platform/config.wit /work/w/d-shop/wit/platform/health.wit /work/w/d-shop/wit/platform/http.wit /work/w/d-shop/wit/platform/identity.wit /work/w/d-shop/wit/platform/cache.wit /work/w/d-shop/wit/platform/context.wit /work/w/d-shop/wit/platform/platform.wit

/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/libthali_support-6b30c40b5edbd8c5.rlib: components/support/src/lib.rs components/support/src/check.rs components/support/src/clock.rs components/support/src/contact.rs components/support/src/geo.rs components/support/src/id.rs components/support/src/sql.rs /work/w/d-shop/wit/platform/messaging.wit /work/w/d-shop/wit/platform/config.wit /work/w/d-shop/wit/platform/health.wit /work/w/d-shop/wit/platform/http.wit /work/w/d-shop/wit/platform/identity.wit /work/w/d-shop/wit/platform/cache.wit /work/w/d-shop/wit/platform/context.wit /work/w/d-shop/wit/platform/platform.wit

/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/libthali_support-6b30c40b5edbd8c5.rmeta: components/support/src/lib.rs components/support/src/check.rs components/support/src/clock.rs components/support/src/contact.rs components/support/src/geo.rs components/support/src/id.rs components/support/src/sql.rs /work/w/d-shop/wit/platform/messaging.wit /work/w/d-shop/wit/platform/config.wit /work/w/d-shop/wit/platform/health.wit /work/w/d-shop/wit/platform/http.wit /work/w/d-shop/wit/platform/identity.wit /work/w/d-shop/wit/platform/cache.wit /work/w/d-shop/wit/platform/context.wit /work/w/d-shop/wit/platform/platform.wit

components/support/src/lib.rs:
components/support/src/check.rs:
components/support/src/clock.rs:
components/support/src/contact.rs:
components/support/src/geo.rs:
components/support/src/id.rs:
components/support/src/sql.rs:
/work/w/d-shop/wit/platform/messaging.wit:
/work/w/d-shop/wit/platform/config.wit:
/work/w/d-shop/wit/platform/health.wit:
/work/w/d-shop/wit/platform/http.wit:
/work/w/d-shop/wit/platform/identity.wit:
/work/w/d-shop/wit/platform/cache.wit:
/work/w/d-shop/wit/platform/context.wit:
/work/w/d-shop/wit/platform/platform.wit:
