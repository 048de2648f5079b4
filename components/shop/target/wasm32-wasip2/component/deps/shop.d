/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/shop.d: components/shop/src/lib.rs components/shop/src/cards.rs components/shop/src/desk.rs components/shop/src/events.rs components/shop/src/neighbours.rs components/shop/src/paying.rs components/shop/src/placing.rs components/shop/src/purchase.rs components/shop/src/reading.rs components/shop/src/saga.rs components/shop/src/store.rs components/shop/src/upkeep.rs /work/w/d-shop/wit/types/types.wit /work/w/d-shop/wit/platform/messaging.wit /work/w/d-shop/wit/platform/config.wit /work/w/d-shop/wit/platform/health.wit /work/w/d-shop/wit/platform/http.wit /work/w/d-shop/wit/platform/identity.wit /work/w/d-shop/wit/platform/cache.wit /work/w/d-shop/wit/platform/context.wit /work/w/d-shop/wit/platform/platform.wit /work/w/d-shop/wit/pricing/pricing.wit /work/w/d-shop/wit/inventory/inventory.wit /work/w/d-shop/wit/payments/payments.wit /work/w/d-shop/wit/shop/shop.wit /work/w/d-shop/components/shop/world.wit

/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/shop.wasm: components/shop/src/lib.rs components/shop/src/cards.rs components/shop/src/desk.rs components/shop/src/events.rs components/shop/src/neighbours.rs components/shop/src/paying.rs components/shop/src/placing.rs components/shop/src/purchase.rs components/shop/src/reading.rs components/shop/src/saga.rs components/shop/src/store.rs components/shop/src/upkeep.rs /work/w/d-shop/wit/types/types.wit /work/w/d-shop/wit/platform/messaging.wit /work/w/d-shop/wit/platform/config.wit /work/w/d-shop/wit/platform/health.wit /work/w/d-shop/wit/platform/http.wit /work/w/d-shop/wit/platform/identity.wit /work/w/d-shop/wit/platform/cache.wit /work/w/d-shop/wit/platform/context.wit /work/w/d-shop/wit/platform/platform.wit /work/w/d-shop/wit/pricing/pricing.wit /work/w/d-shop/wit/inventory/inventory.wit /work/w/d-shop/wit/payments/payments.wit /work/w/d-shop/wit/shop/shop.wit /work/w/d-shop/components/shop/world.wit

/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/libshop.rlib: components/shop/src/lib.rs components/shop/src/cards.rs components/shop/src/desk.rs components/shop/src/events.rs components/shop/src/neighbours.rs components/shop/src/paying.rs components/shop/src/placing.rs components/shop/src/purchase.rs components/shop/src/reading.rs components/shop/src/saga.rs components/shop/src/store.rs components/shop/src/upkeep.rs /work/w/d-shop/wit/types/types.wit /work/w/d-shop/wit/platform/messaging.wit /work/w/d-shop/wit/platform/config.wit /work/w/d-shop/wit/platform/health.wit /work/w/d-shop/wit/platform/http.wit /work/w/d-shop/wit/platform/identity.wit /work/w/d-shop/wit/platform/cache.wit /work/w/d-shop/wit/platform/context.wit /work/w/d-shop/wit/platform/platform.wit /work/w/d-shop/wit/pricing/pricing.wit /work/w/d-shop/wit/inventory/inventory.wit /work/w/d-shop/wit/payments/payments.wit /work/w/d-shop/wit/shop/shop.wit /work/w/d-shop/components/shop/world.wit

components/shop/src/lib.rs:
components/shop/src/cards.rs:
components/shop/src/desk.rs:
components/shop/src/events.rs:
components/shop/src/neighbours.rs:
components/shop/src/paying.rs:
components/shop/src/placing.rs:
components/shop/src/purchase.rs:
components/shop/src/reading.rs:
components/shop/src/saga.rs:
components/shop/src/store.rs:
components/shop/src/upkeep.rs:
/work/w/d-shop/wit/types/types.wit:
/work/w/d-shop/wit/platform/messaging.wit:
/work/w/d-shop/wit/platform/config.wit:
/work/w/d-shop/wit/platform/health.wit:
/work/w/d-shop/wit/platform/http.wit:
/work/w/d-shop/wit/platform/identity.wit:
/work/w/d-shop/wit/platform/cache.wit:
/work/w/d-shop/wit/platform/context.wit:
/work/w/d-shop/wit/platform/platform.wit:
/work/w/d-shop/wit/pricing/pricing.wit:
/work/w/d-shop/wit/inventory/inventory.wit:
/work/w/d-shop/wit/payments/payments.wit:
/work/w/d-shop/wit/shop/shop.wit:
/work/w/d-shop/components/shop/world.wit:
