//! Memory and table limits of one store.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::usage::{Share, Usage};

/// Core instances in one store. A component made by `wit-component` has about four.
const CORE_INSTANCES_MAX: usize = 64;

/// Memories and tables in one store. A component made by `wit-component` has one and two.
const MEMORIES_MAX: usize = 16;
const TABLES_MAX: usize = 64;

/// Counts the linear memory of a store over all its memories, and the elements of all its tables;
/// wasmtime's own limiter counts each by itself.
pub(crate) struct Meter {
    memory: Share,
    memory_bytes_max: usize,
    table_elements: usize,
    table_elements_max: usize,
    memory_refused: bool,
}

impl Meter {
    pub(crate) fn new(
        usage: Arc<Usage>,
        memory_bytes_max: usize,
        table_elements_max: usize,
    ) -> Self {
        Self {
            memory: Share::new(usage),
            memory_bytes_max,
            table_elements: 0,
            table_elements_max,
            memory_refused: false,
        }
    }

    /// Begins the next invocation in the same store.
    pub(crate) fn restart(&mut self) {
        self.memory_refused = false;
    }

    /// Whether a memory was refused to grow in this invocation.
    pub(crate) fn memory_refused(&self) -> bool {
        self.memory_refused
    }

    /// The most bytes that were ever in use.
    pub(crate) fn memory_bytes_peak(&self) -> usize {
        self.memory.peak()
    }
}

impl ResourceLimiter for Meter {
    /// A refusal reaches the guest as `memory.grow` answering -1, so that it can cope if it knows how.
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory.bytes().saturating_sub(current).saturating_add(desired);
        if total > self.memory_bytes_max {
            self.memory_refused = true;
            return Ok(false);
        }
        self.memory.set(total);
        Ok(true)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.table_elements.saturating_sub(current).saturating_add(desired);
        if total > self.table_elements_max {
            return Ok(false);
        }
        self.table_elements = total;
        Ok(true)
    }

    fn instances(&self) -> usize {
        CORE_INSTANCES_MAX
    }

    fn memories(&self) -> usize {
        MEMORIES_MAX
    }

    fn tables(&self) -> usize {
        TABLES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_over_all_memories_is_limited() {
        let mut meter = Meter::new(Arc::default(), 100, 10);
        assert!(meter.memory_growing(0, 60, None).unwrap());
        assert!(!meter.memory_growing(0, 60, None).unwrap());
        assert!(meter.memory_refused());
        assert!(meter.memory_growing(0, 40, None).unwrap());
        assert!(!meter.memory_growing(40, 41, None).unwrap());
        assert_eq!(meter.memory_bytes_peak(), 100);
        assert!(!meter.table_growing(0, 11, None).unwrap());
        assert!(meter.table_growing(0, 6, None).unwrap());
        assert!(!meter.table_growing(0, 5, None).unwrap());
    }
}
