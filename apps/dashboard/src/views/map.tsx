// Who calls whom and who hears whom, as the contracts say, with the traffic of the moment.

import { useMemo, useState } from 'preact/hooks';
import { plural, rate } from '../format';
import { connection, status } from '../live';
import { to } from '../router';
import type { Edge, ServiceStatus } from '../types';
import { Badge, Mark } from '../ui/badge';
import { Empty, Loading, ProblemBox } from '../ui/states';
import { Table, type Column } from '../ui/table';
import { condition } from '../words';
import { figures, linesOf, sentences, stateOf, type Line } from './map/edges';
import { keyOf, labelAt, layOut, pathOf, type Layout, type Point } from './map/layout';
import '../css/map.css';

const SIZES = { nodeWidth: 184, nodeHeight: 56, layerGap: 116, nodeGap: 20 };

/** From this rate on a line is as thick, and runs as fast, as lines get. */
const BUSY_RATE = 1000;

const columns: Column<Edge>[] = [
  { id: 'from', head: 'From', names: true, sort: (row) => row.from, cell: (row) => <a href={to(['services', row.from])}>{row.from}</a> },
  { id: 'to', head: 'To', sort: (row) => row.to, cell: (row) => <a href={to(['services', row.to])}>{row.to}</a> },
  { id: 'kind', head: 'By', sort: (row) => row.kind, cell: (row) => row.kind },
  { id: 'interface', head: 'Interface', drop: 'small', sort: (row) => row.interface, cell: (row) => <code>{row.interface}</code> },
  { id: 'rate', head: 'Per second', number: true, sort: (row) => row.rate, cell: (row) => rate(row.rate) },
  { id: 'failures', head: 'Failures/s', number: true, drop: 'small', sort: (row) => (row.kind === 'call' ? row.failures : null), cell: (row) => (row.kind === 'call' ? rate(row.failures) : '–') },
  { id: 'lag', head: 'Lag', number: true, drop: 'small', sort: (row) => (row.kind === 'event' ? row.lag : null), cell: (row) => (row.kind === 'event' ? row.lag : '–') },
  { id: 'state', head: 'State', sort: (row) => stateOf(row).word, cell: (row) => <Badge tone={stateOf(row).tone}>{stateOf(row).word}</Badge> },
];

export default function Map() {
  const now = status.value;
  if (!now) {
    const { value } = connection;
    return value.state === 'lost' ? <ProblemBox problem={value.problem} /> : <Loading what="the map" />;
  }
  const lines = linesOf(now);
  const part = new Set(lines.flatMap(({ from, to }) => [from, to]));
  const alone = now.services.filter(({ name }) => !part.has(name));
  return (
    <div class="view">
      <div class="view-head">
        <h1>Map</h1>
        <Legend />
      </div>
      {lines.length === 0 ? <Empty title="No service calls or hears another one">A connection appears with the contracts of the services that are deployed.</Empty> : (
        <>
          <Drawing lines={lines} services={now.services} />
          <section class="panel" aria-label="Connections">
            <Table caption={plural(now.edges.length, 'connection')} columns={columns} rows={now.edges} keyOf={(row) => `${keyOf(row)} ${row.interface}`} sorted="from" />
          </section>
          {now.missing.length > 0 && (
            <section class="panel" aria-label="Missing providers">
              <div class="panel-body">
                {now.missing.map((one) => (
                  <div key={one.from + one.interface}>
                    <Badge tone={one.optional ? 'idle' : 'bad'}>{one.optional ? 'optional' : 'missing'}</Badge> <a href={to(['services', one.from])}>{one.from}</a> imports <code>{one.interface}</code>, which nobody provides.
                  </div>
                ))}
              </div>
            </section>
          )}
        </>
      )}
      {alone.length > 0 && (
        <section class="chips" aria-label="Services without connections">
          <span class="dim">By themselves:</span>
          {alone.map((service) => <a key={service.name} href={to(['services', service.name])}>{service.name}</a>)}
        </section>
      )}
    </div>
  );
}

function Drawing({ lines, services }: { lines: Line[]; services: ServiceStatus[] }) {
  const [pointed, point] = useState<string | null>(null);
  const names = [...new Set(lines.flatMap(({ from, to }) => [from, to]))].sort();
  const shape = names.concat(lines.map(keyOf).sort()).join('\n');
  const layout = useMemo(() => layOut(names, lines, SIZES), [shape]);
  const byName = Object.fromEntries(services.map((service) => [service.name, service]));
  const facts = lines.find((line) => keyOf(line) === pointed);
  return (
    <section class="panel map-panel" aria-label="Drawing">
      <div class="map-box">
        <svg class="map" viewBox={`0 0 ${layout.width} ${layout.height}`} width={layout.width * 1.15} role="group" aria-label={`${plural(names.length, 'service')} and ${plural(lines.length, 'connection')}`}>
          {lines.map((line) => (
            <EdgeLine key={keyOf(line)} line={line} layout={layout} chosen={keyOf(line) === pointed} onPoint={point} />
          ))}
          {lines.map((line) => line.trouble && <Label key={keyOf(line)} line={line} points={layout.lines.get(keyOf(line)) ?? []} />)}
          {names.map((name) => <Node key={name} name={name} at={layout.nodes.get(name)} service={byName[name]} />)}
        </svg>
      </div>
      <div class="edge-facts" data-part="facts">
        {facts ? sentences(facts).map((text) => <div key={text}>{text}</div>) : (
          <div class="dim">Point at a connection, or go to it with Tab, to read its figures. A service leads to its page.</div>
        )}
      </div>
    </section>
  );
}

function EdgeLine({ line, layout, chosen, onPoint }: { line: Line; layout: Layout; chosen: boolean; onPoint: (key: string | null) => void }) {
  const key = keyOf(line);
  const points = layout.lines.get(key) ?? [];
  const self = line.from === line.to;
  const path = pathOf(points, self);
  const busy = Math.min(1, Math.log1p(line.rate) / Math.log1p(BUSY_RATE));
  const thick = 1.5 + 4.5 * busy;
  const runs = `${(2.4 - 2 * busy).toFixed(1)}s`;
  return (
    <g
      class={`edge ${line.kind} ${line.tone} ${line.rate > 0 ? '' : 'quiet'} ${chosen ? 'chosen' : ''}`}
      tabIndex={0}
      role="img"
      aria-label={sentences(line).join('. ')}
      data-edge={key}
      onPointerEnter={() => onPoint(key)}
      onFocus={() => onPoint(key)}
    >
      <path class="reach" d={path} />
      <path class="line" d={path} style={{ strokeWidth: thick.toFixed(1), animationDuration: runs }} />
      {line.rate > 0 && line.kind === 'call' && <path class="flow" d={path} style={{ animationDuration: runs }} />}
      <Tip points={points} self={self} size={5 + thick} />
    </g>
  );
}

/** The head of an arrow. */
function Tip({ points, self, size }: { points: Point[]; self: boolean; size: number }) {
  const [end, before] = [points.at(-1), points.at(-2)];
  if (!end || !before) return null;
  const turn = self ? -70 : end.x > before.x ? 0 : 180;
  return <path class="tip" d={`M0 0L${-size} ${-size / 2}V${size / 2}z`} transform={`translate(${end.x.toFixed(1)} ${end.y.toFixed(1)}) rotate(${turn})`} />;
}

/** What is wrong with a connection, over all lines. Whoever hears the map is told by the line. */
function Label({ line, points }: { line: Line; points: Point[] }) {
  const { trouble, tone, kind } = line;
  const at = labelAt(points, line.from === line.to);
  const width = trouble.length * 6.6 + 12;
  return (
    <g class={`edge label ${kind} ${tone}`} aria-hidden="true" transform={`translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`}>
      <rect x={-width / 2} y={-9} width={width} height={18} rx={4} />
      <text text-anchor="middle" y={4}>{trouble}</text>
    </g>
  );
}

function Node({ name, at, service }: { name: string; at: Point | undefined; service: ServiceStatus | undefined }) {
  if (!at) return null;
  const { nodeWidth: width, nodeHeight: height } = SIZES;
  const box = <rect x={-width / 2} y={-height / 2} width={width} height={height} rx={6} />;
  const moved = `translate(${at.x.toFixed(1)} ${at.y.toFixed(1)})`;
  if (!service) {
    const [, last = name] = name.split('/');
    return (
      <g class="node absent" transform={moved}>
        {box}
        <text text-anchor="middle" y={-4}>nobody provides</text>
        <text text-anchor="middle" y={14}>{last}</text>
      </g>
    );
  }
  const { tone, word } = condition(service);
  const below = tone === 'ok' ? figures(service) : `${word} · ${rate(service.rate)}/s`;
  const shown = name.length > 17 ? `${name.slice(0, 16)}…` : name;
  return (
    <a href={to(['services', name])} aria-label={`${shown} ${below}, ${word}`}>
      <g class={`node ${tone}`} transform={moved}>
        {box}
        <g class={`mark ${tone}`} transform={`translate(${-width / 2 + 12} -15)`}><Mark tone={tone} /></g>
        <text class="name" x={-width / 2 + 28} y={-5}>{shown}</text>
        {' '}
        <text x={-width / 2 + 12} y={16}>{below}</text>
      </g>
    </a>
  );
}

function Legend() {
  return (
    <div class="legend">
      <span><svg viewBox="0 0 32 8" aria-hidden="true"><path d="M0 4H32" /></svg> calls</span>
      <span><svg viewBox="0 0 32 8" aria-hidden="true"><path class="event" d="M0 4H32" /></svg> events</span>
      <span>thicker: more of them; what is wrong is written on the line</span>
    </div>
  );
}
