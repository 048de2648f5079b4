/work/w/d-shop/components/shop/target/component/deps/wit_bindgen_rust_macro-b7418e9b21b05324.d: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/wit-bindgen-rust-macro-0.61.1/src/lib.rs

/work/w/d-shop/components/shop/target/component/deps/libwit_bindgen_rust_macro-b7418e9b21b05324.so: /root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/wit-bindgen-rust-macro-0.61.1/src/lib.rs

/root/.cargo/registry/src/index.crates.io-1949cf8c6b5b557f/wit-bindgen-rust-macro-0.61.1/src/lib.rs:

# env-dep:DEBUG_OUTPUT_DIR=/work/w/d-shop/components/shop/target/component/build/wit-bindgen-rust-macro-5aa94c0004395f40/out
