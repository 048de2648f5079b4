//! What the host keeps of traces and logs, and sends on to others.
