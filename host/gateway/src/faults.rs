//! What a client is told when an invocation gave no values. What happened is in the log, under the
//! request's id.

use std::time::Duration;

use thali_contract::json::EncodeError;
use thali_contract::name::{InterfaceName, ServiceName};
use thali_contract::problem::{Mistake, Problem};
use thali_runtime::Fault;
use uuid::Uuid;

use crate::reply;

/// Seconds until a service that misses something is worth another try.
const UNAVAILABLE_RETRY_SECONDS: u32 = 2;

/// Seconds until a service that waits for another is worth another try.
const WAITING_RETRY_SECONDS: u32 = 5;

/// The problem that a fault is answered with.
pub(crate) fn problem(fault: &Fault) -> Problem {
    match fault {
        Fault::Deadline => Problem::new(504, "deadline", "The service did not answer in time"),
        Fault::CpuTime => {
            Problem::new(504, "cpu_limit", "The service computed for longer than it may")
        }
        Fault::Trap(_) => Problem::new(500, "trapped", "The service failed"),
        Fault::Overloaded(_) => {
            Problem::new(503, "overloaded", "The service is at its limit").retry_after(1)
        }
        Fault::Unavailable(_) => {
            Problem::new(503, "unavailable", "A service that is needed is not available")
                .retry_after(UNAVAILABLE_RETRY_SECONDS)
        }
        Fault::CutOff { retry_after } => {
            let title = "A service that is needed failed, and is left alone for a while";
            Problem::new(503, "breaker_open", title).retry_after(seconds(*retry_after))
        }
        Fault::Depth => Problem::new(508, "call_depth", "Services call each other too deeply"),
        Fault::Internal(_) => reply::internal(),
    }
}

/// Whole seconds, and never too early.
fn seconds(time: Duration) -> u32 {
    let seconds = time.as_millis().div_ceil(1000).max(1);
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

/// Logs a fault. A trap is in the log already, with its backtrace: the runtime saw it happen.
pub(crate) fn log(fault: &Fault, service: &ServiceName, request_id: Uuid) {
    match fault {
        Fault::Trap(_) => {}
        // Counted, and not logged: a host that has too much to do does not need more of it.
        Fault::Overloaded(_) => tracing::debug!(%service, %request_id, "{fault}"),
        // That the breaker opened was told once; that it is open would be told with every request.
        Fault::CutOff { .. } => tracing::debug!(%service, %request_id, "{fault}"),
        Fault::Internal(_) => tracing::error!(%service, %request_id, "{fault}"),
        _ => tracing::warn!(%service, %request_id, "{fault}"),
    }
}

/// A service that cannot serve before another one does.
pub(crate) fn waiting(service: &ServiceName, interface: &InterfaceName) -> Problem {
    Problem::new(503, "waiting", "The service waits for another one")
        .detail(format!("{service} needs {interface}, which no service provides"))
        .retry_after(WAITING_RETRY_SECONDS)
}

/// A service whose database cannot be used, or is being restored. What is wrong with it is for
/// operators: the list of services has it.
pub(crate) fn no_database(service: &ServiceName) -> Problem {
    Problem::new(503, "database_unavailable", "The service cannot reach its data")
        .detail(format!("the database of {service} cannot be used now"))
        .retry_after(UNAVAILABLE_RETRY_SECONDS)
}

/// Arguments that do not fit the function.
pub(crate) fn mistakes(mistakes: Vec<Mistake>) -> Problem {
    Problem::new(400, "bad_request", "The request is malformed").errors(mistakes)
}

/// A result that no client can be given.
pub(crate) fn unwritable(error: &EncodeError, service: &ServiceName, request_id: Uuid) -> Problem {
    tracing::error!(%service, %request_id, "its result cannot be sent: {error}");
    Problem::new(502, "invalid_result", "The service answered with something that cannot be sent")
}
