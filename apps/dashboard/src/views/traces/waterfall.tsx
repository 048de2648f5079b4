// The spans of a trace as a tree with bars on a time axis: a treegrid whose rows take the focus.

import { Component } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { flat, serviceOf, tick, ticks, us, type Node, type Range } from './tree';

const TICKS = 5;

/** What is said of a tick behind this stands before it: there is no room to its right. */
const LATE_PERCENT = 88;

interface Props {
  roots: Node[];
  range: Range;
  colours: Map<string, number>;
  selected: Node | undefined;
  choose: (spanId: string) => void;
}

export function Waterfall({ roots, range, colours, selected, choose }: Props) {
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const grid = useRef<HTMLDivElement>(null);
  const rows = flat(roots, closed);
  const id = selected?.span.span_id;
  const toggle = (node: Node, close: boolean) => setClosed((before) => {
    const next = new Set(before);
    if (close) next.add(node.span.span_id);
    else next.delete(node.span.span_id);
    return next;
  });
  // What is chosen elsewhere may be within something closed.
  useEffect(() => {
    for (let up = selected?.parent; up; up = up.parent) if (closed.has(up.span.span_id)) toggle(up, false);
  }, [id]);
  useEffect(() => {
    const row = grid.current?.querySelector<HTMLElement>('[aria-selected=true]');
    if (grid.current?.contains(document.activeElement)) row?.focus();
    else row?.scrollIntoView({ block: 'nearest' });
  }, [id]);
  const latest = useRef({ toggle, choose, closed });
  latest.current = { toggle, choose, closed };
  // One function for all rows and for ever: a row is drawn again only when something of its own changes.
  const [press] = useState(() => (node: Node, twist: boolean) => {
    const { toggle, choose, closed } = latest.current;
    if (twist) toggle(node, !closed.has(node.span.span_id));
    choose(node.span.span_id);
  });
  const key = (event: KeyboardEvent) => {
    if (!selected || event.altKey || event.ctrlKey || event.metaKey) return;
    const to = move(event.key, rows, selected, closed, toggle);
    if (to === undefined) return;
    event.preventDefault();
    if (to) choose(to.span.span_id);
  };
  return (
    <div class="waterfall" role="treegrid" aria-label="Spans of the trace" ref={grid} onKeyDown={key}>
      <div class="wf-head" role="row">
        <span role="columnheader">Span</span>
        <span role="columnheader" class="num">Took</span>
        <span role="columnheader" class="wf-axis"><span class="hidden">Time</span><Axis range={range} /></span>
      </div>
      {rows.map((node) => (
        <Row
          key={node.span.span_id}
          node={node}
          siblings={(node.parent?.children ?? roots).length}
          open={node.children.length > 0 ? !closed.has(node.span.span_id) : undefined}
          selected={node === selected}
          colour={colours.get(serviceOf(node.span)) ?? 0}
          range={range}
          press={press}
        />
      ))}
    </div>
  );
}

/** Where a key leads: a node, `null` when it did something else, nothing when it means nothing here. */
function move(key: string, rows: Node[], selected: Node, closed: ReadonlySet<string>, toggle: (node: Node, close: boolean) => void): Node | null | undefined {
  const at = rows.indexOf(selected);
  const isClosed = closed.has(selected.span.span_id);
  const inner = selected.children.length > 0;
  switch (key) {
    case 'ArrowDown': return rows[at + 1] ?? null;
    case 'ArrowUp': return rows[at - 1] ?? null;
    case 'Home': return rows[0] ?? null;
    case 'End': return rows.at(-1) ?? null;
    case 'PageDown': return rows[Math.min(rows.length - 1, at + 10)] ?? null;
    case 'PageUp': return rows[Math.max(0, at - 10)] ?? null;
    case 'ArrowRight':
      if (inner && !isClosed) return selected.children[0] ?? null;
      if (inner) toggle(selected, false);
      return null;
    case 'ArrowLeft':
      if (!inner || isClosed) return selected.parent;
      toggle(selected, true);
      return null;
    case 'Enter':
    case ' ':
      if (inner) toggle(selected, !isClosed);
      return null;
    default: return undefined;
  }
}

function Axis({ range }: { range: Range }) {
  return (
    <>
      {ticks(range, TICKS).map((at) => (
        <span key={at} class={`wf-tick ${part(at, range) > LATE_PERCENT ? 'late-tick' : ''}`} aria-hidden="true" style={{ left: `${part(at, range)}%` }}>{tick(at)}</span>
      ))}
    </>
  );
}

/** How far along the axis, in percent. */
function part(at: number, { from, to }: Range): number {
  return (Math.min(Math.max(at, from), to) - from) / (to - from) * 100;
}

interface RowProps {
  node: Node;
  siblings: number;
  /** Nothing without children. */
  open: boolean | undefined;
  selected: boolean;
  colour: number;
  range: Range;
  press: (node: Node, twist: boolean) => void;
}

/** One span. With hundreds of them an arrow key must draw two again, not all. */
class Row extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    const now = this.props;
    return (Object.keys(next) as (keyof RowProps)[]).some((name) => next[name] !== now[name]);
  }

  override render({ node, siblings, open, selected, colour, range, press }: RowProps) {
    const { span, level, position } = node;
    const failed = span.status === 'error';
    const [left, right] = [part(span.start_us, range), part(span.start_us + span.duration_us, range)];
    return (
      <div
        class={`wf-row svc-${colour} ${failed ? 'failed' : ''}`}
        role="row"
        aria-level={level}
        aria-posinset={position}
        aria-setsize={siblings}
        aria-expanded={open}
        aria-selected={selected}
        tabIndex={selected ? 0 : -1}
        data-span={span.span_id}
        onClick={() => press(node, false)}
      >
        <span role="rowheader" class="wf-name" style={{ '--level': level - 1 }}>
          <span class="wf-twist" aria-hidden="true" onClick={open === undefined ? undefined : (event) => (event.stopPropagation(), press(node, true))}>
            {open === undefined ? '' : open ? '▾' : '▸'}
          </span>
          {failed && <span class="wf-failed" title={span.message ?? undefined}><span aria-hidden="true">✕</span><span class="hidden">failed: </span></span>}
          <span class="wf-what" title={span.name}>{span.name}</span>
          <span class="wf-service"><i aria-hidden="true" />{serviceOf(span)}</span>
          {span.kind !== 'internal' && <span class="wf-kind">{span.kind}</span>}
        </span>
        <span role="gridcell" class="wf-took num">{us(span.duration_us)}</span>
        <span role="gridcell" class="wf-time">
          <span class="hidden">begins at {us(span.start_us)}</span>
          {right >= 0 && left <= 100 && (
            <span class="wf-bar" aria-hidden="true" style={{ left: `${left}%`, width: `${right - left}%` }} />
          )}
        </span>
      </div>
    );
  }
}
