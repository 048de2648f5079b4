//! What the host keeps of traces and logs, and sends on to others.
#![forbid(unsafe_code)]

pub mod logs;
