/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/cfg_if-bd7da6b42357f554.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/cfg-if-1.0.5/src/lib.rs

/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/libcfg_if-bd7da6b42357f554.rlib: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/cfg-if-1.0.5/src/lib.rs

/work/w/d-shop/components/shop/target/wasm32-wasip2/component/deps/libcfg_if-bd7da6b42357f554.rmeta: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/cfg-if-1.0.5/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/cfg-if-1.0.5/src/lib.rs:
