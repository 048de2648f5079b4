// One trace: where its time went, as a waterfall.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { at, signedIn } from '../api';
import { plural, time } from '../format';
import { useLoad } from '../load';
import { place, to } from '../router';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { Empty, Show } from '../ui/states';
import type { ViewProps } from '../views';
import { read } from './read';
import { SpanDetails } from './traces/details';
import { coloursOf, extent, flat, treeOf, us, type Node, type Range } from './traces/tree';
import type { Trace } from './traces/types';
import { Waterfall } from './traces/waterfall';
import '../css/lists.css';
import './traces/traces.css';

/** Deliveries of its events come later: a trace that is young is read often. */
const YOUNG_MS = 60_000;
const REFRESH_YOUNG_MS = 1500;
const REFRESH_MS = 15_000;

export default function TraceView({ parts: [id = ''] }: ViewProps) {
  const kept = useRef<Trace | undefined>(undefined);
  const young = !kept.current || Date.now() - Date.parse(kept.current.started_at) < YOUNG_MS;
  const loaded = useLoad(
    async (signal) => {
      const next = await read<Trace>(at('traces', id), {}, signal);
      // The same object while nothing has come, so that nothing is drawn again.
      if (kept.current?.trace_id !== next.trace_id || kept.current.spans.length !== next.spans.length) kept.current = next;
      return kept.current;
    },
    [id],
    { on: [signedIn], everyMs: young ? REFRESH_YOUNG_MS : REFRESH_MS },
  );
  if (loaded.problem?.status === 404 && !loaded.data) {
    return (
      <Empty title="This trace is not kept any more">
        <p>The host keeps about the last thousand traces, and those of this one have made room for others.</p>
        <a href={to(['traces'])}>All traces</a>
      </Empty>
    );
  }
  return (
    <div class="view">
      <Show loaded={loaded} what="the trace">{(trace) => <Whole key={trace.trace_id} trace={trace} />}</Show>
    </div>
  );
}

function Whole({ trace }: { trace: Trace }) {
  const roots = useMemo(() => treeOf(trace.spans), [trace]);
  const all = useMemo(() => flat(roots, new Set()), [roots]);
  const byId = useMemo(() => new Map(all.map((node) => [node.span.span_id, node])), [all]);
  const colours = useMemo(() => coloursOf(all), [all]);
  const whole = useMemo(() => extent(trace.spans), [trace]);
  const wanted = place.value.query.get('span');
  const [chosen, choose] = useState(wanted ?? '');
  const [zoom, setZoom] = useState<Range>();
  useEffect(() => {
    if (wanted && byId.has(wanted)) choose(wanted);
  }, [wanted]);
  const selected = byId.get(chosen) ?? all[0];
  const errors = all.filter(({ span }) => span.status === 'error');
  const root = all[0]?.span;
  return (
    <>
      <div class="view-head">
        <h1>{root?.name ?? 'Trace'}</h1>
        {errors.length > 0 && <Badge tone="bad">{plural(errors.length, 'span')} failed</Badge>}
        <div class="actions">
          {errors.length > 0 && <Button small onClick={() => choose(after(errors, selected).span.span_id)}>Next failed span</Button>}
          {zoom && <Button small onClick={() => setZoom(undefined)}>Show the whole time</Button>}
          <a href={to(['logs'], { trace_id: trace.trace_id })}>Logs of this request</a>
        </div>
      </div>
      <dl class="facts">
        <div><dt>Began</dt><dd>{time(trace.started_at)}</dd></div>
        <div><dt>Took</dt><dd>{us(trace.duration_ms * 1000)}</dd></div>
        <div><dt>Spans</dt><dd>{trace.spans.length}</dd></div>
        {trace.dropped_spans > 0 && <div><dt>Left out by the limit</dt><dd class="warn">{trace.dropped_spans}</dd></div>}
        <div><dt>Services</dt><dd>{colours.size}</dd></div>
        <div><dt>Trace</dt><dd><code>{trace.trace_id}</code></dd></div>
      </dl>
      <div class="trace">
        <section class="panel" aria-label="Spans">
          <Waterfall roots={roots} range={zoom ?? whole} colours={colours} selected={selected} choose={choose} />
        </section>
        {selected && <SpanDetails node={selected} trace={trace} byId={byId} colours={colours} choose={choose} zoom={setZoom} />}
      </div>
    </>
  );
}

/** The failed span that comes next, from the top again after the last. */
function after(errors: Node[], selected: Node | undefined): Node {
  const at = selected ? errors.indexOf(selected) : -1;
  return errors[(at + 1) % errors.length]!;
}
