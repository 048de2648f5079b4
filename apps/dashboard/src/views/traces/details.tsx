// What is known of one span.

import { time } from '../../format';
import { to } from '../../router';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { ownUs, serviceOf, us, type Node, type Range } from './tree';
import type { SpanLink, Trace } from './types';

interface Props {
  node: Node;
  trace: Trace;
  byId: Map<string, Node>;
  colours: Map<string, number>;
  choose: (spanId: string) => void;
  zoom: (range: Range) => void;
}

export function SpanDetails({ node, trace, byId, colours, choose, zoom }: Props) {
  const { span } = node;
  const attributes = Object.entries(span.attributes);
  const begun = new Date(Date.parse(trace.started_at) + span.start_us / 1000);
  const linked = [...byId.values()].filter(({ span: other }) => other.links.some(({ span_id }) => span_id === span.span_id));
  const facts: [string, preact.ComponentChildren][] = [
    ['Service', span.service ? <a href={to(['services', span.service])}>{span.service}</a> : 'gateway'],
    ['Revision', span.revision === null ? null : `v${span.revision}`],
    ['Kind', span.kind],
    ['Began', `${time(begun)}, at ${us(span.start_us)}`],
    ['Took', us(span.duration_us)],
    ['Itself', node.children.length > 0 ? us(ownUs(node)) : null],
    ['Span', <code>{span.span_id}</code>],
  ];
  return (
    <section class="panel span-details" aria-label="The chosen span" data-part="span">
      <div class="panel-head">
        <h2 class={`wf-service svc-${colours.get(serviceOf(span)) ?? 0}`}><i aria-hidden="true" />{span.name}</h2>
        {span.status === 'error' && <Badge tone="bad">Failed</Badge>}
      </div>
      <div class="panel-body">
        {span.message && <p class={span.status === 'error' ? 'bad' : ''}>{span.message}</p>}
        <dl class="pairs">
          {facts.filter(([, value]) => value !== null).map(([name, value]) => <div key={name}><dt>{name}</dt><dd>{value}</dd></div>)}
        </dl>
        {attributes.length > 0 && (
          <>
            <h3>Attributes</h3>
            <dl class="pairs attributes">
              {attributes.map(([name, value]) => <div key={name}><dt>{dotted(name)}</dt><dd><code>{told(value)}</code></dd></div>)}
            </dl>
          </>
        )}
        {span.links.length > 0 && <Links title="Links to" links={span.links} {...{ trace, byId, choose }} />}
        {linked.length > 0 && (
          <Links title="Linked from" links={linked.map(({ span }) => ({ trace_id: trace.trace_id, span_id: span.span_id }))} {...{ trace, byId, choose }} />
        )}
        <div class="actions">
          <Button small onClick={() => zoom({ from: span.start_us, to: span.start_us + Math.max(1, span.duration_us) })}>Zoom to its time</Button>
          {node.parent && <Button small onClick={() => choose(node.parent!.span.span_id)}>Parent</Button>}
        </div>
      </div>
    </section>
  );
}

function Links({ title, links, trace, byId, choose }: { title: string; links: SpanLink[] } & Pick<Props, 'trace' | 'byId' | 'choose'>) {
  return (
    <>
      <h3>{title}</h3>
      <ul class="span-links">
        {links.map(({ trace_id, span_id }) => {
          const here = trace_id === trace.trace_id ? byId.get(span_id) : undefined;
          return (
            <li key={trace_id + span_id}>
              {here ? (
                <Button kind="plain" small onClick={() => choose(span_id)}>{here.span.name}, {serviceOf(here.span)}</Button>
              ) : (
                <a href={to(['traces', trace_id], { span: span_id })}>span <code>{span_id}</code>{trace_id !== trace.trace_id && <> of another trace</>}</a>
              )}
            </li>
          );
        })}
      </ul>
    </>
  );
}

/** A name that is broken at its dots, where it has to be. */
function dotted(name: string) {
  return name.split('.').flatMap((part, i) => (i === 0 ? [part] : [<wbr key={i} />, `.${part}`]));
}

function told(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
