// The spans of a trace as a tree, in the order in which they are read.

import type { Span } from './types';

export interface Node {
  span: Span;
  parent: Node | null;
  children: Node[];
  /** 1 at the top. */
  level: number;
  /** Its place among its siblings, from 1. */
  position: number;
}

/** The nodes that have no parent here: the trace's root, and whatever lost its parent to a limit. */
export function treeOf(spans: Span[]): Node[] {
  const nodes = new Map<string, Node>();
  for (const span of spans) nodes.set(span.span_id, { span, parent: null, children: [], level: 1, position: 1 });
  const roots: Node[] = [];
  for (const node of nodes.values()) {
    const parent = node.span.parent_id === null ? undefined : nodes.get(node.span.parent_id);
    if (!parent || isWithin(parent, node)) roots.push(node);
    else {
      node.parent = parent;
      parent.children.push(node);
    }
  }
  const rest = [roots];
  for (let siblings = rest.pop(); siblings; siblings = rest.pop()) {
    siblings.sort((a, b) => a.span.start_us - b.span.start_us);
    siblings.forEach((node, i) => {
      node.level = (node.parent?.level ?? 0) + 1;
      node.position = i + 1;
      if (node.children.length > 0) rest.push(node.children);
    });
  }
  return roots;
}

/** Whether `node` is `root` or beneath it; ids that go round in circles would hang the page. */
function isWithin(node: Node, root: Node): boolean {
  for (let at: Node | null = node; at; at = at.parent) if (at === root) return true;
  return false;
}

/** Every node that is not within a closed one, from the top downwards. */
export function flat(roots: Node[], closed: ReadonlySet<string>): Node[] {
  const found: Node[] = [];
  const rest = [...roots].reverse();
  for (let node = rest.pop(); node; node = rest.pop()) {
    found.push(node);
    if (closed.has(node.span.span_id)) continue;
    for (let i = node.children.length - 1; i >= 0; i -= 1) rest.push(node.children[i]!);
  }
  return found;
}

/** What a span did itself: its time without that of its children. */
export function ownUs({ span, children }: Node): number {
  let [own, reached] = [span.duration_us, span.start_us];
  const end = span.start_us + span.duration_us;
  for (const { span: child } of children) {
    const from = Math.max(child.start_us, reached);
    const until = Math.min(child.start_us + child.duration_us, end);
    if (until <= from) continue;
    own -= until - from;
    reached = until;
  }
  return own;
}

export interface Range {
  from: number;
  to: number;
}

/** From the first span's begin to the last one's end, in microseconds. */
export function extent(spans: Span[]): Range {
  let [from, to] = [Infinity, -Infinity];
  for (const { start_us, duration_us } of spans) {
    from = Math.min(from, start_us);
    to = Math.max(to, start_us + duration_us);
  }
  return from <= to ? { from, to: Math.max(to, from + 1) } : { from: 0, to: 1 };
}

/** Round times for an axis, about `count` of them; none so near the end that its label would not fit. */
export function ticks({ from, to }: Range, count: number): number[] {
  const rough = (to - from) / count;
  const unit = 10 ** Math.floor(Math.log10(rough));
  const step = Math.max(1, unit * ([1, 2, 5, 10].find((factor) => factor * unit >= rough) ?? 10));
  const found: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to - (to - from) / 12; at += step) found.push(at);
  return found;
}

/** `812 µs`, `3.21 ms`, `1.20 s` */
export function us(value: number): string {
  if (value < 1000) return `${Math.round(value)} µs`;
  if (value < 1_000_000) return `${(value / 1000).toFixed(value < 10_000 ? 2 : value < 100_000 ? 1 : 0)} ms`;
  return `${(value / 1_000_000).toFixed(2)} s`;
}

/** A tick of an axis: `2 ms`, `0.5 ms` */
export function tick(value: number): string {
  if (value === 0) return '0';
  const [amount, unit] = value < 1000 ? [value, 'µs'] : value < 1_000_000 ? [value / 1000, 'ms'] : [value / 1_000_000, 's'];
  return `${Number(amount.toFixed(3))} ${unit}`;
}

/** As many colours as there are; more services share them. */
const COLOURS = 10;

/** A colour's number for each service, in the order in which the trace reached them. */
export function coloursOf(nodes: Node[]): Map<string, number> {
  const colours = new Map<string, number>();
  for (const { span } of nodes) {
    const name = serviceOf(span);
    if (!colours.has(name)) colours.set(name, colours.size % COLOURS);
  }
  return colours;
}

export function serviceOf({ service }: Pick<Span, 'service'>): string {
  return service ?? 'gateway';
}
