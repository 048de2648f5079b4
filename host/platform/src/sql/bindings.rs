//! The types and traits of `thali:platform/sql`, generated from its WIT.
#![allow(missing_docs, unreachable_pub, clippy::all, reason = "generated code")]

wasmtime::component::bindgen!({
    path: "../../wit/platform",
    inline: "
        package thali:host;
        world host { import thali:platform/sql@1.0.0; }
    ",
    imports: { default: async | trappable },
    with: { "thali:platform/sql.transaction": crate::sql::Unit },
    additional_derives: [PartialEq],
});
