//! Jobs that wait, bounded by their number and by their weight.

use std::collections::VecDeque;

use crate::sql::SqlLimits;
use crate::sql::error::SqlError;

/// Jobs that wait, in order.
pub(crate) struct Queue<T> {
    jobs: VecDeque<(T, usize)>,
    bytes: usize,
}

impl<T> Queue<T> {
    pub(crate) fn new() -> Self {
        Self { jobs: VecDeque::new(), bytes: 0 }
    }

    /// Takes a job in, unless too much is waiting already.
    pub(crate) fn push(
        &mut self,
        job: T,
        bytes: usize,
        limits: &SqlLimits,
    ) -> Result<(), SqlError> {
        let total = self.bytes.saturating_add(bytes);
        let full = self.jobs.len() >= limits.queue_jobs_max;
        // Alone in the queue anything may wait, or the largest job would never have its turn.
        let heavy = total > limits.queue_bytes_max && !self.jobs.is_empty();
        if full || heavy {
            return Err(SqlError::Busy);
        }
        self.bytes = total;
        self.jobs.push_back((job, bytes));
        Ok(())
    }

    /// The job that has waited longest.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let (job, bytes) = self.jobs.pop_front()?;
        self.bytes = self.bytes.saturating_sub(bytes);
        Some(job)
    }

    /// Drops all jobs.
    pub(crate) fn clear(&mut self) {
        self.jobs.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_refuses_what_is_over_its_number_or_its_weight() {
        let limits = SqlLimits { queue_jobs_max: 3, queue_bytes_max: 10, ..SqlLimits::default() };
        let mut queue = Queue::new();
        queue.push("alone a heavy job may wait", 100, &limits).unwrap();
        assert_eq!(queue.push("not behind it", 1, &limits), Err(SqlError::Busy));
        queue.pop().unwrap();
        for _ in 0..3 {
            queue.push("light", 1, &limits).unwrap();
        }
        assert_eq!(queue.push("one too many", 0, &limits), Err(SqlError::Busy));
        queue.clear();
        queue.push("again", 10, &limits).unwrap();
    }
}
