//! HTTP requests of services: where they may go, and what servers can do to them.

mod guest;
mod limits;
mod policy;
mod support;
mod tls;
mod upstream;
mod wasi;
