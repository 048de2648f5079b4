// Where services and their connections are drawn: layers from left to right, callers before those they call.
//
// The steps are those of Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981):
// no cycles, layers by the longest path, order by barycentres, then places. Everything is decided by names, never by figures
// that change, so that a drawing stays as it is until a service or a connection comes or goes.

export interface Link {
  from: string;
  to: string;
  /** Calls decide who is left of whom; events give way where both would make a circle. */
  kind: 'call' | 'event';
}

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  width: number;
  height: number;
  /** The middle of each service. */
  nodes: Map<string, Point>;
  /** The points that a line goes through, from end to end; by `keyOf(link)`. */
  lines: Map<string, Point[]>;
}

export interface Sizes {
  nodeWidth: number;
  nodeHeight: number;
  /** From one layer to the next, and from one node to the next in it. */
  layerGap: number;
  nodeGap: number;
}

export function keyOf({ from, to, kind }: Link): string {
  return `${kind} ${from} ${to}`;
}

const SWEEPS = 12;

/** Part of a layer: a service, or a bend of a line that crosses the layer. */
interface Slot {
  id: string;
  layer: number;
  bend: boolean;
  y: number;
}

/** What is not connected is drawn one beneath the other, the largest first. */
export function layOut(names: string[], links: Link[], sizes: Sizes): Layout {
  const whole: Layout = { width: 0, height: 0, nodes: new Map(), lines: new Map() };
  for (const group of groupsOf(names, links)) {
    const inside = new Set(group);
    const { width, height, nodes, lines } = layOutGroup(group, links.filter(({ from }) => inside.has(from)), sizes);
    const lower = ({ x, y }: Point): Point => ({ x, y: y + whole.height });
    for (const [name, point] of nodes) whole.nodes.set(name, lower(point));
    for (const [key, points] of lines) whole.lines.set(key, points.map(lower));
    whole.width = Math.max(whole.width, width);
    whole.height += height;
  }
  return whole;
}

function groupsOf(names: string[], links: Link[]): string[][] {
  const group = new Map(names.map((name) => [name, name]));
  for (const { from, to } of links) {
    const [kept, gone] = [group.get(from), group.get(to)];
    if (kept !== undefined && gone !== undefined) for (const [name, one] of group) if (one === gone) group.set(name, kept);
  }
  const members = new Map<string, string[]>();
  for (const name of [...names].sort()) members.set(group.get(name) ?? name, [...(members.get(group.get(name) ?? name) ?? []), name]);
  return [...members.values()].sort((a, b) => b.length - a.length || ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1));
}

function layOutGroup(names: string[], links: Link[], sizes: Sizes): Layout {
  const proper = links.filter(({ from, to }) => from !== to);
  const forward = withoutCycles(proper);
  const layerOf = longestPaths(names, forward);
  const { layers, chains } = withBends(names, proper, layerOf);
  const neighbours = neighboursOf(chains);
  order(layers, neighbours);
  settle(layers, neighbours, sizes);
  return drawn(layers, chains, links, sizes);
}

/** The links with some turned round, so that none leads back. What is added first keeps its direction: calls, then events. */
function withoutCycles(links: Link[]): [string, string][] {
  const next = new Map<string, Set<string>>();
  const reaches = (from: string, to: string, seen = new Set<string>()): boolean => {
    if (from === to) return true;
    seen.add(from);
    return [...(next.get(from) ?? [])].some((one) => !seen.has(one) && reaches(one, to, seen));
  };
  const rank = (link: Link) => `${link.kind === 'call' ? 0 : 1} ${keyOf(link)}`;
  const sorted = [...links].sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  return sorted.map(({ from, to }) => {
    const [a, b] = reaches(to, from) ? [to, from] : [from, to];
    next.set(a, (next.get(a) ?? new Set()).add(b));
    return [a, b];
  });
}

function longestPaths(names: string[], links: [string, string][]): Map<string, number> {
  const layer = new Map(names.map((name) => [name, 0]));
  // As many rounds as the longest path has links, at most.
  for (let changed = true; changed;) {
    changed = false;
    for (const [from, to] of links) {
      const least = (layer.get(from) ?? 0) + 1;
      if ((layer.get(to) ?? 0) < least) {
        layer.set(to, least);
        changed = true;
      }
    }
  }
  // Who is called by nobody stands right before the first that it calls.
  const called = new Set(links.map(([, to]) => to));
  for (const name of names) {
    const below = links.filter(([from]) => from === name).map(([, to]) => layer.get(to) ?? 0);
    if (!called.has(name) && below.length > 0) layer.set(name, Math.min(...below) - 1);
  }
  return layer;
}

/** Layers of services and bends, and for each link the slots that it goes through. */
function withBends(names: string[], links: Link[], layerOf: Map<string, number>) {
  const layers: Slot[][] = [];
  const put = (id: string, layer: number, bend: boolean): Slot => {
    const slot = { id, layer, bend, y: 0 };
    (layers[layer] ??= []).push(slot);
    return slot;
  };
  const nodes = new Map([...names].sort().map((name) => [name, put(name, layerOf.get(name) ?? 0, false)]));
  const chains = new Map<string, Slot[]>();
  for (const link of [...links].sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))) {
    const [from, to] = [nodes.get(link.from), nodes.get(link.to)];
    if (!from || !to) continue;
    const step = Math.sign(to.layer - from.layer);
    const chain = [from];
    for (let layer = from.layer + step; step !== 0 && layer !== to.layer; layer += step) chain.push(put(`${keyOf(link)} ${layer}`, layer, true));
    chains.set(keyOf(link), [...chain, to]);
  }
  return { layers: layers.map((layer) => layer ?? []), chains };
}

type Neighbours = Map<Slot, Slot[]>;

function neighboursOf(chains: Map<string, Slot[]>): Neighbours {
  const neighbours: Neighbours = new Map();
  const add = (a: Slot, b: Slot) => neighbours.set(a, [...(neighbours.get(a) ?? []), b]);
  for (const chain of chains.values()) {
    chain.forEach((slot, i) => {
      const other = chain[i + 1];
      if (other) add(slot, other), add(other, slot);
    });
  }
  return neighbours;
}

/** Puts every layer into the order with the fewest crossings that some sweeps by barycentres find. */
function order(layers: Slot[][], neighbours: Neighbours): void {
  let best = layers.map((layer) => [...layer]);
  let fewest = crossings(layers, neighbours);
  for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep += 1) {
    const right = sweep % 2 === 0;
    const indices = layers.map((_, i) => i);
    for (const i of right ? indices : indices.reverse()) {
      const beside = layers[right ? i - 1 : i + 1] ?? [];
      const at = new Map(beside.map((slot, i) => [slot, i]));
      const middle = new Map((layers[i] ?? []).map((slot, i) => [slot, mean((neighbours.get(slot) ?? []).flatMap((one) => at.get(one) ?? [])) ?? i]));
      layers[i]?.sort((a, b) => (middle.get(a) ?? 0) - (middle.get(b) ?? 0));
    }
    const found = crossings(layers, neighbours);
    if (found < fewest) [fewest, best] = [found, layers.map((layer) => [...layer])];
  }
  best.forEach((layer, i) => (layers[i] = layer));
}

function crossings(layers: Slot[][], neighbours: Neighbours): number {
  let count = 0;
  layers.forEach((layer, i) => {
    const at = new Map((layers[i + 1] ?? []).map((slot, i) => [slot, i]));
    const ends = layer.map((slot) => (neighbours.get(slot) ?? []).flatMap((one) => at.get(one) ?? []));
    ends.forEach((above, a) => {
      for (const below of ends.slice(a + 1)) for (const y of above) for (const z of below) if (z < y) count += 1;
    });
  });
  return count;
}

/** Gives every slot its height: near those it is connected with, and not too near the next one. */
function settle(layers: Slot[][], neighbours: Neighbours, { nodeHeight, nodeGap }: Sizes): void {
  const room = (a: Slot, b: Slot) => (a.bend && b.bend ? nodeGap / 2 : a.bend || b.bend ? nodeHeight / 2 + nodeGap / 2 : nodeHeight + nodeGap);
  for (const layer of layers) {
    let y = 0;
    layer.forEach((slot, i) => {
      const before = layer[i - 1];
      y += before ? room(before, slot) : 0;
      slot.y = y;
    });
    for (const slot of layer) slot.y -= y / 2;
  }
  for (let sweep = 0; sweep < SWEEPS; sweep += 1) {
    for (const layer of sweep % 2 === 0 ? layers : [...layers].reverse()) {
      const wanted = layer.map((slot) => mean((neighbours.get(slot) ?? []).map((one) => one.y)) ?? slot.y);
      // Once pushed down and once pushed up; the middle of both keeps the distances, too.
      const down: number[] = [];
      const up: number[] = [];
      layer.forEach((slot, i) => {
        const before = layer[i - 1];
        down[i] = before ? Math.max(wanted[i] ?? 0, (down[i - 1] ?? 0) + room(before, slot)) : (wanted[i] ?? 0);
      });
      for (let i = layer.length - 1; i >= 0; i -= 1) {
        const [slot, after] = [layer[i], layer[i + 1]];
        if (slot) up[i] = after ? Math.min(wanted[i] ?? 0, (up[i + 1] ?? 0) - room(slot, after)) : (wanted[i] ?? 0);
      }
      layer.forEach((slot, i) => (slot.y = ((down[i] ?? 0) + (up[i] ?? 0)) / 2));
    }
  }
}

function drawn(layers: Slot[][], chains: Map<string, Slot[]>, links: Link[], sizes: Sizes): Layout {
  const { nodeWidth, nodeHeight, layerGap, nodeGap } = sizes;
  const ys = layers.flat().map(({ y }) => y);
  const top = Math.min(...ys) - nodeHeight / 2 - nodeGap / 2;
  const x = (slot: Slot) => slot.layer * (nodeWidth + layerGap) + nodeWidth / 2 + 8;
  const point = (slot: Slot): Point => ({ x: x(slot), y: slot.y - top });
  const nodes = new Map(layers.flat().filter(({ bend }) => !bend).map((slot) => [slot.id, point(slot)]));
  const ports = portsOf(chains, nodeHeight);
  const lines = new Map<string, Point[]>();
  for (const [key, chain] of chains) {
    lines.set(key, chain.flatMap((slot, i) => {
      const { x, y } = point(slot);
      const toRight = ((chain[i + 1] ?? slot).layer - (chain[i - 1] ?? slot).layer) > 0;
      const half = nodeWidth / 2;
      // A line runs straight through a layer that it only crosses.
      if (slot.bend) return [{ x: x - (toRight ? half : -half), y }, { x: x + (toRight ? half : -half), y }];
      const outward = (i === 0) === toRight ? half : -half;
      return [{ x: x + outward, y: y + (ports.get(`${key} ${i === 0 ? 'from' : 'to'}`) ?? 0) }];
    }));
  }
  for (const link of links) if (link.from === link.to) lines.set(keyOf(link), loop(nodes.get(link.from), sizes));
  const width = layers.length * (nodeWidth + layerGap) - layerGap + 16;
  return { width, height: Math.max(...ys) - top + nodeHeight / 2 + nodeGap, nodes, lines };
}

/** Where on the side of a node each line ends: spread over it, in the order of where they come from. */
function portsOf(chains: Map<string, Slot[]>, nodeHeight: number): Map<string, number> {
  const sides = new Map<string, { port: string; y: number }[]>();
  const add = (slot: Slot, other: Slot, port: string) => {
    const side = `${slot.id} ${other.layer > slot.layer}`;
    sides.set(side, [...(sides.get(side) ?? []), { port, y: other.y }]);
  };
  for (const [key, chain] of chains) {
    const [first, second, beforeLast, last] = [chain[0], chain[1], chain.at(-2), chain.at(-1)];
    if (first && second) add(first, second, `${key} from`);
    if (last && beforeLast) add(last, beforeLast, `${key} to`);
  }
  const ports = new Map<string, number>();
  for (const side of sides.values()) {
    side.sort((a, b) => a.y - b.y || (a.port < b.port ? -1 : 1));
    side.forEach(({ port }, i) => ports.set(port, ((i + 1) / (side.length + 1) - 0.5) * nodeHeight * 0.9));
  }
  return ports;
}

/** Who hears its own events: a bow beneath the node. */
function loop(node: Point | undefined, { nodeHeight }: Sizes): Point[] {
  if (!node) return [];
  const y = node.y + nodeHeight / 2;
  return [{ x: node.x + 24, y }, { x: node.x - 24, y }];
}

/** A smooth path through points that come in pairs: end to bend, through the bend, on to the next. */
export function pathOf(points: Point[], self: boolean): string {
  const [first, ...rest] = points;
  if (!first) return '';
  if (self) {
    const [end] = rest;
    return end ? `M${at(first)}C${at({ x: first.x + 8, y: first.y + 26 })} ${at({ x: end.x - 8, y: end.y + 26 })} ${at(end)}` : '';
  }
  let [path, before] = [`M${at(first)}`, first];
  for (const point of rest) {
    const middle = (before.x + point.x) / 2;
    path += before.y === point.y ? `L${at(point)}` : `C${at({ x: middle, y: before.y })} ${at({ x: middle, y: point.y })} ${at(point)}`;
    before = point;
  }
  return path;
}

/** The middle of the first curve of a line, for its label: lines that end at the same node are apart there. */
export function labelAt(points: Point[], self: boolean): Point {
  const [a, b] = points;
  if (!a || !b) return { x: 0, y: 0 };
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 + (self ? 20 : 0) };
}

function at({ x, y }: Point): string {
  return `${x.toFixed(1)} ${y.toFixed(1)}`;
}

function mean(values: number[]): number | undefined {
  return values.length > 0 ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined;
}
