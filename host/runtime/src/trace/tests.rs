use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use uuid::Uuid;

use super::*;
use crate::context::{Context, TraceContext};

/// Keeps what it gets.
#[derive(Default)]
struct Kept(Mutex<Vec<SharedTrace>>);

impl TraceSink for Kept {
    fn take(&self, trace: SharedTrace) {
        self.0.lock().push(trace);
    }
}

fn tracer(per_second: u32, sampler: Sampler) -> (Arc<Tracer>, Arc<Kept>) {
    let (tracer, kept) = (Tracer::new(), Arc::<Kept>::default());
    tracer.start(TraceSpec { per_second, sampler }, Arc::clone(&kept) as Arc<dyn TraceSink>);
    (tracer, kept)
}

/// A request that comes now and is recorded.
fn recorded(tracer: &Arc<Tracer>) -> Context {
    recorded_at(tracer, Instant::now())
}

fn recorded_at(tracer: &Arc<Tracer>, at: Instant) -> Context {
    let id = Uuid::now_v7();
    let (trace, recording) = tracer.begin(id, None, at);
    assert!(recording.is_some());
    Context { recording, ..Context::new(id, trace, Duration::from_secs(1)) }
}

fn sampled() -> TraceContext {
    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01".parse().unwrap()
}

#[tokio::test]
async fn spans_stand_below_each_other_and_are_told_when_nobody_holds_them_any_more() {
    let (tracer, kept) = tracer(1, Sampler::OFF);
    let mut context = recorded(&tracer);
    let first = context.span(SpanKind::Server, None, || "first".into());
    assert_eq!(first.id(), Some(context.trace.parent_id), "the request has its own span");
    context.trace = context.trace.within(&first);
    let second = context.span(SpanKind::Internal, None, || "second".into());
    second.end();
    drop(context);
    assert!(kept.0.lock().is_empty(), "the first span is open");
    drop(first);
    let traces = kept.0.lock();
    let [second, first] = &traces[0].spans[..] else { panic!("{traces:?}") };
    assert_eq!((first.parent_id, second.parent_id), (None, Some(first.span_id)));
    assert_eq!(second.status, Status::Unset);
    let cut_off = first.attributes.iter().find(|(key, _)| *key == "error.type");
    assert_eq!(cut_off.map(|(_, value)| value), Some(&Value::from("cancelled")));
    assert!((traces[0].kept, traces[0].exported) == (true, false));
    assert_eq!(tracer.counts(), TraceCounts { recorded: 1, spans: 2, spans_dropped: 0 });
}

#[tokio::test]
async fn a_request_has_so_many_spans_of_so_many_bytes_and_always_its_first() {
    let (tracer, kept) = tracer(10, Sampler::OFF);
    for (text, most) in [("", 512), ("x", 260)] {
        let context = recorded(&tracer);
        let first = context.span(SpanKind::Server, None, || "first".into());
        for _ in 0..2000 {
            let mut span = context.span(SpanKind::Client, None, || "more".into());
            span.set("db.query.text", text.repeat(100_000));
            (0..100).for_each(|_| span.set("again", true));
            span.end();
        }
        first.end();
        drop(context);
        let trace = kept.0.lock().pop().unwrap();
        let spans = trace.spans.len();
        assert!(spans <= most + 1 && spans > most / 3, "{spans}");
        assert_eq!(spans + trace.dropped_spans as usize, 2001);
        assert_eq!(trace.spans.last().unwrap().name.as_str(), "first");
        assert!(trace.spans.iter().all(|span| span.attributes.len() <= 2));
    }
}

#[tokio::test]
async fn a_wait_that_was_none_is_no_span_and_what_is_not_recorded_has_none() {
    let (tracer, kept) = tracer(1, Sampler::OFF);
    let at = Instant::now();
    let context = recorded_at(&tracer, at);
    context.span(SpanKind::Internal, None, || "wait".into()).end_if_longer(Duration::MAX);
    context.span(SpanKind::Internal, None, || "work".into()).end();
    let (_, none) = tracer.begin(Uuid::now_v7(), None, at);
    assert!(none.is_none(), "a second has one");
    let unrecorded = Context::root(Duration::from_secs(1));
    let span = unrecorded.span(SpanKind::Internal, None, || panic!("nobody asks for its name"));
    assert!(!span.is_recorded());
    assert_eq!(unrecorded.trace.within(&span), unrecorded.trace);
    drop((span, context));
    assert_eq!(kept.0.lock()[0].spans.len(), 1);
}

#[test]
fn strangers_are_obeyed_so_often_and_not_at_all_when_it_is_switched_off() {
    let quiet = Sampler { follows_parent: true, ..Sampler::OFF };
    let (tracer, _) = tracer(5, quiet);
    let at = Instant::now();
    let of = |given| tracer.begin(Uuid::now_v7(), given, at);
    let exported = (0..100).filter(|_| of(Some(sampled())).0.is_exported()).count();
    assert_eq!(exported, 5);
    assert!(of(Some(sampled())).0.is_sampled(), "what its sender has decided is passed on");
    tracer.set_per_second(0);
    assert!(of(Some(sampled())).1.is_none() && tracer.late(sampled(), at).is_none());
}

#[test]
fn a_sampler_that_takes_everything_takes_it_from_everybody() {
    let (tracer, _) =
        tracer(0, Sampler { rule: Rule::Always, follows_parent: true, per_second: None });
    let of = |given| tracer.begin(Uuid::now_v7(), given, Instant::now()).0;
    assert!((0..50).all(|_| of(Some(sampled())).is_exported() && of(None).is_exported()));
    let refused = TraceContext { flags: 0, ..sampled() };
    assert!(!of(Some(refused)).is_exported(), "but from who says no");
    assert!(of(None).is_sampled() && !of(None).is_kept());
}

#[test]
fn who_has_not_said_how_to_sample_gets_so_many_a_second_and_all_that_are_kept() {
    let sampler = Sampler { rule: Rule::Always, follows_parent: true, per_second: Some(20) };
    let (tracer, _) = tracer(5, sampler);
    let at = Instant::now();
    let traces: Vec<_> = (0..100).map(|_| tracer.begin(Uuid::now_v7(), None, at).0).collect();
    let exported = traces.iter().filter(|trace| trace.is_exported()).count();
    assert_eq!(exported, 25);
    assert!(traces.iter().all(|trace| trace.is_exported() || !trace.is_kept()));
    assert_eq!(traces.iter().filter(|trace| trace.is_sampled()).count(), 25);
}

#[test]
fn a_delivery_follows_whoever_published_and_nobody_else_can_say_so() {
    let (tracer, _) = tracer(1, Sampler::OFF);
    let at = Instant::now();
    let (published, _) = tracer.begin(Uuid::now_v7(), None, at);
    let stored: TraceContext = published.stored().parse().unwrap();
    let id = Uuid::now_v7();
    let (trace, recording) = tracer.resume(stored, id);
    assert!(recording.is_some() && trace.trace_id == published.trace_id);
    assert_ne!(trace.parent_id, published.parent_id, "it has a span of its own");
    assert!(tracer.resume(sampled(), id).1.is_none());
    let forged = TraceContext { flags: 0xff, ..sampled() };
    assert!(tracer.begin(id, Some(forged), at).1.is_some(), "asked for once");
    assert!(tracer.begin(id, Some(forged), at).1.is_none());
    tracer.set_per_second(0);
    assert!(tracer.resume(stored, id).1.is_none());
}
