// What the lines of the map say: every connection of two services, with its figures and its state.

import { ms, plural, rate } from '../../format';
import type { CallEdge, Edge, EventEdge, Missing, ServiceStatus, Status } from '../../types';
import type { Tone } from '../../ui/badge';
import type { Link } from './layout';

/** All calls, or all events, from one service to another: one line. */
export interface Line extends Link {
  edges: Edge[];
  rate: number;
  tone: Tone;
  /** What is wrong, in a word or two; nothing when all is well. */
  trouble: string;
}

/** A name that no service can have, for the node of what nobody provides. */
export function absent(wanted: Missing): string {
  return `?${wanted.interface}`;
}

export function linesOf({ edges, missing }: Pick<Status, 'edges' | 'missing'>): Line[] {
  const lines = new Map<string, Line>();
  for (const edge of edges) {
    const { from, to, kind } = edge;
    const key = `${kind} ${from} ${to}`;
    const line = lines.get(key) ?? { from, to, kind, edges: [], rate: 0, tone: 'idle', trouble: '' };
    line.edges.push(edge);
    line.rate += edge.rate;
    lines.set(key, line);
  }
  for (const line of lines.values()) Object.assign(line, worst(line.edges));
  const wanted = missing.map((one): Line => ({
    from: one.from,
    to: absent(one),
    kind: 'call',
    edges: [],
    rate: 0,
    tone: one.optional ? 'idle' : 'bad',
    trouble: one.optional ? 'optional' : 'missing',
  }));
  return [...lines.values(), ...wanted];
}

function worst(edges: Edge[]): { tone: Tone; trouble: string } {
  const states = edges.map(stateOf);
  const found = (['bad', 'warn'] as const).map((tone) => states.find((state) => state.tone === tone)).find(Boolean);
  return found ? { tone: found.tone, trouble: found.word } : { tone: 'idle', trouble: '' };
}

/** How a connection is, in a word: always said, never only shown. */
export function stateOf(edge: Edge): { tone: Tone; word: string } {
  return edge.kind === 'call' ? callState(edge) : eventState(edge);
}

function callState({ breaker, forced, failures }: CallEdge): { tone: Tone; word: string } {
  if (breaker === 'open') return { tone: 'bad', word: forced ? 'held open' : 'open' };
  if (breaker === 'half_open') return { tone: 'warn', word: 'half open' };
  if (failures > 0) return { tone: 'warn', word: `${rate(failures)}/s fail` };
  return { tone: 'ok', word: forced ? 'held closed' : 'closed' };
}

function eventState({ dead, lag }: EventEdge): { tone: Tone; word: string } {
  if (dead > 0) return { tone: 'bad', word: plural(dead, 'dead letter') };
  if (lag > 100) return { tone: 'warn', word: `lag ${lag}` };
  return { tone: 'ok', word: 'delivered' };
}

/** One connection in a sentence. */
export function sentence(edge: Edge): string {
  if (edge.kind === 'call') {
    return `${edge.from} calls ${edge.to} through ${edge.interface}: ${rate(edge.rate)} per second, ${rate(edge.failures)} of them fail; circuit breaker ${stateOf(edge).word}`;
  }
  return `${edge.to} hears ${edge.interface} of ${edge.from}: ${rate(edge.rate)} per second, lag ${edge.lag}, ${plural(edge.dead, 'dead letter')}`;
}

/** What a line says when it is pointed at. */
export function sentences(line: Line): string[] {
  if (line.edges.length > 0) return line.edges.map(sentence);
  return [`${line.from} imports ${line.to.slice(1)}, which nobody provides${line.trouble === 'optional' ? '; it does without' : ': it waits'}`];
}

/** What a service does now: requests, or runs when only services call it. */
export function figures({ rate: now, p99_ms, invocations }: ServiceStatus): string {
  if (now > 0) return `${rate(now)}/s · p99 ${ms(p99_ms)}`;
  return invocations > 0 ? `${rate(invocations)} runs/s` : 'at rest';
}
