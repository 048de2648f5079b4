//! Calling any exported function by its name: `thali call`.

use std::sync::Arc;
use std::time::Instant;

use axum::Extension;
use axum::extract::State;
use axum::response::IntoResponse;
use bytes::Bytes;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use thali_contract::contract::{Function, FunctionRef};
use thali_contract::json::{self, EncodeError};
use thali_contract::name::ServiceName;
use thali_contract::problem::{Mistake, Problem};
use thali_contract::ty::{Field, Type};
use thali_control::LiveService;
use thali_runtime::{Context, NodeIndex};
use wasmtime::component::Val;

use super::{Host, unknown};
use crate::faults;
use crate::web::{Answer, None, Params, Refused, RequestId, Segments};

pub(super) async fn call(
    State(host): State<Host>,
    Extension(RequestId(id)): Extension<RequestId>,
    Segments((name, interface, function)): Segments<(ServiceName, String, String)>,
    Params(None {}): Params<None>,
    arguments: Bytes,
) -> Answer {
    let live = host.control.live();
    let slot = live.slot(&name).ok_or_else(|| unknown(&name))?;
    let service = live.service(&name).ok_or_else(|| unknown(&name))?;
    if let Some(missing) = &service.waiting_for {
        return Err(faults::waiting(&name, missing).into());
    }
    if let Some(care) = &service.care {
        care.recover().await.map_err(|_| faults::no_database(&name))?;
    }
    let (at, function) = find(service, &interface, &function)?;
    let arguments = decode(function, &arguments)?;
    let node = NodeIndex(u32::try_from(slot).unwrap_or(u32::MAX));
    let (trace, recording) = host.runtime.tracer().begin(id, Option::None, Instant::now());
    let timeout = service.revision.limits().timeout;
    let context = Context { recording, ..Context::new(id, trace, timeout) };
    let topology = Arc::clone(&live.topology);
    let result = host.runtime.invoke(&topology, node, at, &arguments, context).await;
    let result = result.map_err(|fault| {
        faults::log(&fault, &name, id);
        Refused::from(faults::problem(&fault))
    })?;
    let answer = respond(function.result.as_ref(), result);
    answer.unwrap_or_else(|error| Err(faults::unwritable(&error, &name, id).into()))
}

/// The function, or a problem that lists the ones there are.
fn find<'s>(
    service: &'s LiveService,
    interface: &str,
    function: &str,
) -> Result<(FunctionRef, &'s Function), Refused> {
    let contract = service.revision.contract();
    let at = contract.find(interface, function);
    let found = at.and_then(|at| Some((at, contract.function(at)?.1)));
    found.ok_or_else(|| {
        let exports = contract.exports.iter().flat_map(|export| {
            export.functions.iter().map(move |f| format!("{}.{}", export.name.interface, f.name))
        });
        let exports = exports.collect::<Vec<_>>().join(", ");
        Problem::new(404, "unknown_function", "The service has no such function")
            .detail(format!("{} exports {exports}", service.name()))
            .into()
    })
}

fn decode(function: &Function, arguments: &[u8]) -> Result<Vec<Val>, Refused> {
    let opaque = function.params.iter().map(|param| &param.ty).chain(&function.result);
    if let Some(opaque) = opaque.filter_map(Type::opaque).next() {
        return Err(Problem::new(422, "not_callable", "The function cannot be called with JSON")
            .detail(format!("it takes or returns a {opaque}"))
            .into());
    }
    let params: Vec<&Field> = function.params.iter().collect();
    let mut mistakes: Vec<Mistake> = Vec::new();
    let values = json::decode_members(&params, arguments, &mut mistakes);
    match values.into_iter().collect::<Option<Vec<_>>>() {
        Some(values) if mistakes.is_empty() => Ok(values),
        _ => Err(faults::mistakes(mistakes).into()),
    }
}

/// The result as JSON; nothing is 204, and an error of the function a problem with the member `error`.
fn respond(ty: Option<&Type>, result: Option<Val>) -> Result<Answer, EncodeError> {
    match (ty, result) {
        (Some(Type::Result(sides)), Some(Val::Result(result))) => match result {
            Ok(value) => Ok(Ok(success(sides.ok.as_ref(), value.as_deref())?)),
            Err(error) => {
                let problem = Problem::new(422, "domain_error", "The function returned an error");
                let Some(error) = text(sides.err.as_ref(), error.as_deref())? else {
                    return Ok(Err(problem.into()));
                };
                let error = String::from_utf8_lossy(&error).into_owned();
                Ok(Err(problem.member("error", error).into()))
            }
        },
        (ty, result) => Ok(Ok(success(ty, result.as_ref())?)),
    }
}

fn success(
    ty: Option<&Type>,
    value: Option<&Val>,
) -> Result<axum::response::Response, EncodeError> {
    Ok(match text(ty, value)? {
        Some(json) => ([(CONTENT_TYPE, "application/json")], json).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

fn text(ty: Option<&Type>, value: Option<&Val>) -> Result<Option<Vec<u8>>, EncodeError> {
    let (Some(ty), Some(value)) = (ty, value) else { return Ok(None) };
    let mut out = Vec::new();
    json::encode(ty, value, &mut out)?;
    Ok(Some(out))
}
