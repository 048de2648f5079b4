// Routes, limits, configuration: what is set for a service, and where that was said.

import { bytes, count, ms, spaced } from '../../format';
import { Table, type Column } from '../../ui/table';
import type { Details, Route } from './details';

const routeColumns: Column<Route>[] = [
  { id: 'route', head: 'Route', names: true, sort: (row) => row.path, cell: (row) => <code><span class="method">{row.method}</span> /api/v1{row.path}</code> },
  { id: 'call', head: 'Function', sort: (row) => row.call, cell: (row) => <code>{row.call}</code> },
  { id: 'status', head: 'Status', number: true, drop: 'small', cell: (row) => row.status },
  { id: 'access', head: 'For', sort: (row) => row.access, cell: (row) => row.access },
  { id: 'rate', head: 'Rate limit', drop: 'small', cell: (row) => row.rate ?? <span class="dim">–</span> },
];

export function Routes({ routes }: { routes: Route[] }) {
  if (routes.length === 0) return null;
  return (
    <section class="panel" aria-label="Routes">
      <div class="panel-head"><h2>Routes</h2></div>
      <Table caption="HTTP routes" columns={routeColumns} rows={routes} keyOf={(row) => `${row.method} ${row.path}`} />
    </section>
  );
}

/** Bytes and milliseconds have their unit at the end of their names. */
function limit(name: string, value: number | string | null): [string, string] {
  if (typeof value !== 'number') return [spaced(name), value ?? '–'];
  if (name.endsWith('_ms')) return [spaced(name.slice(0, -3)), ms(value)];
  if (name.endsWith('_bytes')) return [spaced(name.slice(0, -6)), bytes(value)];
  return [spaced(name), count(value)];
}

export function Limits({ details: { limits, outbound } }: { details: Details }) {
  return (
    <section class="panel" aria-label="Limits">
      <div class="panel-head"><h2>Limits</h2></div>
      <div class="panel-body">
        <dl class="pairs">
          {Object.entries(limits ?? {}).map(([name, value]) => {
            const [told, text] = limit(name, value);
            return <div key={name}><dt>{told}</dt><dd>{text}</dd></div>;
          })}
        </dl>
        {outbound && outbound.allow.length > 0 && (
          <p>May ask {outbound.allow.map(({ origin, granted_by }, i) => <span key={origin}>{i > 0 && ', '}<code>{origin}</code> <span class="dim">({spaced(granted_by)})</span></span>)}</p>
        )}
      </div>
    </section>
  );
}

type Config = Details['config'][number];
type Secret = Details['secrets'][number];

const configColumns: Column<Config>[] = [
  { id: 'key', head: 'Key', names: true, cell: (row) => <code>{row.key}</code> },
  { id: 'value', head: 'Value', cell: (row) => <code>{typeof row.value === 'string' ? row.value : JSON.stringify(row.value)}</code> },
  { id: 'origin', head: 'From', cell: (row) => spaced(row.origin) },
];

const secretColumns: Column<Secret>[] = [
  { id: 'key', head: 'Secret', names: true, cell: (row) => <code>{row.key}</code> },
  { id: 'origin', head: 'From', cell: (row) => (row.origin ? spaced(row.origin) : <span class="warn">not set</span>) },
  { id: 'description', head: 'For', cell: (row) => row.description ?? '' },
];

export function Settings({ details: { config, secrets } }: { details: Details }) {
  const nothing = config.length === 0 && secrets.length === 0;
  return (
    <section class="panel" aria-label="Settings">
      <div class="panel-head"><h2>Settings</h2></div>
      {nothing && <div class="panel-body dim">The manifest of this service has none.</div>}
      {config.length > 0 && <Table caption="Configuration" columns={configColumns} rows={config} keyOf={(row) => row.key} />}
      {secrets.length > 0 && <Table caption="Secrets" columns={secretColumns} rows={secrets} keyOf={(row) => row.key} />}
    </section>
  );
}
