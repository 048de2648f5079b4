//! The hot path: a request below `/api/v1` becomes a typed call, its result an answer.
//!
//! It goes from the connection's service function straight to the route table: no router, no middleware
//! stack. A request holds the topology it was routed with until it is answered, so a
//! deploy in between changes nothing for it.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Body as _;
use hyper::body::Incoming;
use thali_contract::problem::{Mistake, Problem};
use thali_contract::route::Route;
use thali_control::{Care, Control, Live};
use thali_platform::outbound::depth;
use thali_runtime::trace::Recording;
use thali_runtime::{
    Admission, Affinity, CALL_DEPTH_MAX, Context, Fault, NodeIndex, Principal, Revision, Runtime,
    Topology, TraceContext, TraceState,
};
use uuid::Uuid;
use wasmtime::component::Val;

use crate::auth::{Auth, Denied};
use crate::body::Body;
use crate::front::{Front, Fronts};
use crate::idempotency::{self, Entry, Name, Outcome};
use crate::listen::Call;
use crate::pick::{self, Open};
use crate::streams::{self, Since, Streams};
use crate::{faults, reply};

/// Turns requests into calls.
pub(crate) struct Dispatch {
    control: Arc<Control>,
    runtime: Arc<Runtime>,
    streams: Arc<Streams>,
    auth: Arc<Auth>,
    fronts: Arc<Fronts>,
}

/// Where a request goes. Keeps what it needs of the snapshot it was routed with.
pub(crate) struct Target {
    pub(crate) topology: Arc<Topology>,
    pub(crate) node: NodeIndex,
    pub(crate) route: Arc<Route>,
    /// Not for strangers.
    pub(crate) readiness: Readiness,
    /// What the request has to be picked a revision for.
    pub(crate) open: Option<Box<Open>>,
}

/// The database of the service, when it could not be used a moment ago; an error when the service
/// does not serve.
pub(crate) type Readiness = Result<Option<Arc<Care>>, Box<Problem>>;

/// What a path has for the parameters of its route.
pub(crate) type PathValues<'p> = Result<Vec<Cow<'p, str>>, Vec<Mistake>>;

/// Why a request goes nowhere.
pub(crate) enum Miss {
    /// With the value of the `Allow` header, when the path exists.
    Refused(Box<Problem>, Option<HeaderValue>),
    /// Whoever asks may not.
    Denied(Box<Denied>),
    /// An `OPTIONS` request, with the value of the `Allow` header.
    Options(HeaderValue),
    /// A page asks what it may do; the headers say it.
    Preflight(Box<HeaderMap>),
}

/// A call with its arguments, that needs nothing more from the client.
pub(crate) struct Invocation {
    pub(crate) target: Target,
    pub(crate) arguments: Vec<Val>,
    pub(crate) principal: Option<Arc<Principal>>,
    /// What binds it to revisions.
    affinity: Option<Arc<Affinity>>,
    /// What the client has got already, on a route that streams.
    pub(crate) since: Since,
    trace: TraceContext,
    recording: Option<Arc<Recording>>,
    tracestate: Option<Arc<TraceState>>,
    /// Calls before it, when a service sent the request.
    depth: u8,
    /// What the client calls the request, on a route that keeps answers.
    name: Option<Name>,
}

impl Dispatch {
    pub(crate) fn new(
        control: Arc<Control>,
        runtime: Arc<Runtime>,
        streams: Arc<Streams>,
        auth: Arc<Auth>,
        fronts: Arc<Fronts>,
    ) -> Arc<Self> {
        Arc::new(Self { control, runtime, streams, auth, fronts })
    }

    /// Answers a request whose path is `/api/v1` and then `path`.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        path_at: usize,
        mut call: Call,
    ) -> Response<Body> {
        let (head, body) = request.into_parts();
        let mut front = self.fronts.begin(&head, &mut call);
        let response = match self.prepare(&head, path_at, body, &mut call, &mut front).await {
            Ok(invocation) => self.answered(invocation, head, call).await,
            Err(miss) => miss.answer(call),
        };
        front.complete(response)
    }

    /// Sends a request on its way.
    async fn answered(
        self: &Arc<Self>,
        invocation: Invocation,
        head: Parts,
        call: Call,
    ) -> Response<Body> {
        if invocation.target.route.stream().is_some() {
            return Box::pin(self.streams.answer(self, invocation, head, call)).await;
        }
        // What a client began with an unsafe request is ended even when the client leaves, unless the manifest says
        // otherwise. What is not detached ends with its connection, because the future is dropped.
        if !invocation.target.route.edge().detached {
            return self.run(invocation, call).await;
        }
        let (me, id) = (Arc::clone(self), call.id());
        let running = tokio::spawn(async move { me.run(invocation, call).await });
        match running.await {
            Ok(response) => response,
            Err(error) => {
                self.fronts.traffic.panicked();
                crate::listen::panicked(id, &error.to_string())
            }
        }
    }

    /// Finds the route and reads the arguments. Up to who asks and how often, nothing is said but that
    /// there is such a route: how the service is, and what is wrong with the request, is for those who
    /// may call it.
    async fn prepare(
        &self,
        head: &Parts,
        path_at: usize,
        body: Incoming,
        call: &mut Call,
        front: &mut Front<'_>,
    ) -> Result<Invocation, Miss> {
        let depth = depth(&head.headers);
        if depth >= CALL_DEPTH_MAX {
            return Err(faults::problem(&Fault::Depth).into());
        }
        let path = head.uri.path().get(path_at..).unwrap_or_default();
        let (mut target, values) = self.target(head, path, call)?;
        front.routed(target.revision(), &target.route);
        let principal = self.auth.identify(&head.headers, call.client()).await?;
        let affinity = pick::affinity(&target, &head.headers, principal.as_deref())?;
        let who = (&affinity, &principal);
        let values = match pick::pick(&mut target, &head.method, path, who, call)? {
            Some(of_picked) => of_picked,
            None => values,
        };
        front.routed(target.revision(), &target.route);
        self.auth.permit(target.route.access(), principal.as_deref())?;
        let subject = principal.as_deref().map(|who| who.subject.as_str());
        front.limit(target.revision().service(), &target.route, subject, head, call)?;
        if let Some(care) = std::mem::replace(&mut target.readiness, Ok(None))? {
            let recovered = care.recover().await;
            recovered.map_err(|_| faults::no_database(target.revision().service()))?;
        }
        let values = values.map_err(faults::mistakes)?;
        let not_json = target.route.takes_body() && !is_json(&head.headers);
        if not_json && body.size_hint().lower() > 0 {
            return Err(unsupported(&head.headers));
        }
        let bytes = if body.is_end_stream() {
            bytes::Bytes::new()
        } else {
            call.read_body(body).await.map_err(|error| error.problem())?
        };
        // A body of unknown length may turn out to be none at all.
        if not_json && !bytes.is_empty() {
            return Err(unsupported(&head.headers));
        }
        let (query, since) = asked(head, &target.route)?;
        let arguments =
            target.route.decode(&values, query.as_deref(), &bytes).map_err(faults::mistakes)?;
        let name = if target.route.is_idempotent() {
            let service = target.revision().service();
            idempotency::name(head, path, &bytes, service, &target.route, subject)?
        } else {
            None
        };
        let (trace, tracestate) = (front.trace, front.tracestate.take());
        let recording = front.recording.take();
        Ok(Invocation {
            target,
            arguments,
            principal,
            affinity,
            since,
            trace,
            recording,
            tracestate,
            depth,
            name,
        })
    }

    /// Routes a request, on what is live now.
    fn target<'p>(
        &self,
        head: &Parts,
        path: &'p str,
        call: &mut Call,
    ) -> Result<(Target, PathValues<'p>), Miss> {
        let live = self.control.live_guard();
        let method = head.method.as_str();
        if method == "OPTIONS"
            && let Some(headers) = self.fronts.preflight(&live.routes, path, &head.headers)
        {
            return Err(Miss::Preflight(Box::new(headers)));
        }
        let (routed, missed) = match pick::routed(live.routes.find(method, path)) {
            Ok(routed) => (routed, None),
            Err(miss) => match pick::of_a_canary(&live, method, path) {
                Some(routed) => (routed, Some(miss)),
                None => return Err(miss),
            },
        };
        let readiness = readiness(&live, routed.slot, call)?;
        let values = routed.params.decode(routed.route);
        let node = NodeIndex(u32::try_from(routed.slot).unwrap_or(u32::MAX));
        let topology = Arc::clone(&live.topology);
        let open = Open::of(&live, routed.slot, missed);
        Ok((Target { topology, node, route: Arc::clone(routed.route), readiness, open }, values))
    }

    /// Answers with what the function returns, or has returned before.
    async fn run(&self, invocation: Invocation, call: Call) -> Response<Body> {
        let id = call.id();
        let response = match invocation.name {
            None => {
                let (outcome, admission) = self.invoke(&invocation, id).await;
                let mut response = match outcome {
                    Outcome::Answered(answer) => reply::answer(answer, id),
                    Outcome::Failed(problem) => reply::problem(&problem, id),
                };
                response.body_mut().keep(admission);
                response
            }
            // Boxed, so that requests without a key do not carry the size of this.
            Some(name) => Box::pin(self.once(&invocation, name, id)).await,
        };
        call.finish(invocation.complete(response))
    }

    /// Runs a request with a name, unless that was done before.
    async fn once(&self, invocation: &Invocation, name: Name, id: Uuid) -> Response<Body> {
        let revision = invocation.target.revision();
        match idempotency::enter(name, revision).await {
            Ok(Entry::Run(claim)) => {
                let (outcome, admission) = self.invoke(invocation, id).await;
                let mut response = idempotency::settle(claim, outcome, revision, id).await;
                response.body_mut().keep(admission);
                response
            }
            Ok(Entry::Replay(answer)) => idempotency::replay(answer),
            Err(problem) => reply::problem(&problem, id),
        }
    }

    /// Calls the function. The places that the request takes are to be kept until its answer is sent.
    pub(crate) async fn invoke(
        &self,
        invocation: &Invocation,
        id: Uuid,
    ) -> (Outcome, Option<Admission>) {
        let revision = invocation.target.revision();
        match self.admitted(invocation, id).await {
            Ok((Ok(result), admission)) => (invocation.respond(result, id), Some(admission)),
            Ok((Err(fault), _)) | Err(fault) => {
                faults::log(&fault, revision.service(), id);
                (Outcome::Failed(Box::new(faults::problem(&fault))), None)
            }
        }
    }

    /// Waits for the request's turn, and runs it.
    async fn admitted(
        &self,
        invocation: &Invocation,
        id: Uuid,
    ) -> Result<(Result<Option<Val>, Fault>, Admission), Fault> {
        let Invocation { target, arguments, principal, affinity, trace, depth, name, .. } =
            invocation;
        let (recording, tracestate) = (&invocation.recording, invocation.tracestate.clone());
        let Target { topology, node, route, .. } = target;
        let revision = target.revision();
        let context = Context {
            principal: principal.clone(),
            affinity: affinity.clone(),
            depth_outside: *depth,
            recording: recording.clone(),
            tracestate,
            idempotency: name.map(|name| name.id),
            ..Context::new(id, *trace, revision.limits().timeout)
        };
        let admission = self.runtime.admit(revision, &context).await?;
        let function = route.function();
        let running =
            self.runtime.invoke_admitted(&admission, topology, *node, function, arguments, context);
        let result = running.await;
        Ok((result, admission))
    }
}

impl Target {
    pub(crate) fn revision(&self) -> &Revision {
        self.topology.revision(self.node)
    }
}

impl Invocation {
    /// Makes an answer of what the function returned.
    fn respond(&self, result: Option<Val>, id: Uuid) -> Outcome {
        match self.target.route.respond(result) {
            Ok(answer) => {
                if answer.status >= 500 {
                    self.target.revision().outcomes().count_failure();
                }
                Outcome::Answered(answer)
            }
            Err(error) => {
                self.target.revision().outcomes().count_failure();
                let service = self.target.revision().service();
                Outcome::Failed(Box::new(faults::unwritable(&error, service, id)))
            }
        }
    }

    /// Says in an answer who made it.
    pub(crate) fn complete(self, mut response: Response<Body>) -> Response<Body> {
        let revision = label(self.target.revision());
        response.headers_mut().entry(reply::REVISION).or_insert(revision);
        response
    }
}

/// What is for the function of a request's query, and what the client of a stream has got already.
fn asked<'h>(head: &'h Parts, route: &Route) -> Result<(Option<Cow<'h, str>>, Since), Miss> {
    let query = head.uri.query();
    if route.stream().is_none() {
        return Ok((query.map(Cow::Borrowed), Since::Start));
    }
    let query = query.map(streams::split);
    let given = query.as_ref().and_then(|query| query.since);
    let since = streams::since(&head.headers, given);
    let since = since.map_err(|mistake| faults::mistakes(vec![mistake]))?;
    Ok((query.map(|query| query.rest), since))
}

/// Whether the service in `slot` serves; says in the log that it is the one.
fn readiness(live: &Live, slot: usize, call: &mut Call) -> Result<Readiness, Miss> {
    let Some(service) = live.services.get(slot) else { return Err(reply::internal().into()) };
    call.served_by(service.name().as_str());
    // Of several live revisions, the one that is picked has to serve.
    Ok(if service.canaries.is_empty() { pick::readiness(service) } else { Ok(None) })
}

impl Miss {
    fn answer(self, call: Call) -> Response<Body> {
        let (mut response, allow) = match self {
            Self::Refused(problem, allow) => (reply::problem(&problem, call.id()), allow),
            Self::Denied(denied) => (denied.response(call.id()), None),
            Self::Preflight(headers) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                *response.headers_mut() = *headers;
                (response, None)
            }
            Self::Options(allow) => {
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::NO_CONTENT;
                (response, Some(allow))
            }
        };
        if let Some(allow) = allow {
            response.headers_mut().insert(ALLOW, allow);
        }
        call.finish(response)
    }
}

impl From<Box<Problem>> for Miss {
    fn from(problem: Box<Problem>) -> Self {
        Self::Refused(problem, None)
    }
}

impl From<Denied> for Miss {
    fn from(denied: Denied) -> Self {
        Self::Denied(Box::new(denied))
    }
}

impl From<Problem> for Miss {
    fn from(problem: Problem) -> Self {
        Self::Refused(Box::new(problem), None)
    }
}

fn label(revision: &Revision) -> HeaderValue {
    HeaderValue::from_str(revision.tag()).unwrap_or(HeaderValue::from_static("unknown"))
}

/// `application/json` or `application/anything+json`; of parameters only `charset=utf-8`.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(given) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    if given == "application/json" {
        return true;
    }
    let mut parts = given.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let Some(subtype) = media_type.strip_prefix("application/") else { return false };
    (subtype == "json" || subtype.ends_with("+json")) && parts.all(is_utf8)
}

fn is_utf8(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else { return parameter.is_empty() };
    name.eq_ignore_ascii_case("charset") && value.trim_matches('"').eq_ignore_ascii_case("utf-8")
}

fn unsupported(headers: &HeaderMap) -> Miss {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let given = given.map_or_else(|| "none".to_owned(), |given| format!("{given:?}"));
    reply::unsupported_media_type(&format!("expected application/json in UTF-8, got {given}"))
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_taken_with_utf_8_and_as_a_suffix_and_nothing_else_is() {
        let is_json = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_str(text).unwrap());
            is_json(&headers)
        };
        for good in [
            "application/json",
            "Application/JSON",
            "application/json; charset=utf-8",
            "application/json;charset=\"UTF-8\"",
            "application/merge-patch+json",
            "application/json;",
        ] {
            assert!(is_json(good), "{good}");
        }
        for bad in [
            "",
            "text/json",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin1",
            "application/json, text/plain",
            "application/jsonp",
            "application/json; boundary=x",
        ] {
            assert!(!is_json(bad), "{bad}");
        }
        assert!(!super::is_json(&HeaderMap::new()));
    }
}
