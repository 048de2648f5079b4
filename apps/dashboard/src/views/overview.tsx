// All services of the host, live.

import { useEffect, useState } from 'preact/hooks';
import { askToDeploy } from '../deploy/dialog';
import { DropZone } from '../deploy/drop';
import { bytes, count, ms, percent, plural, rate, span } from '../format';
import { RECENT_MAX, connection, recent, seedRecent, status } from '../live';
import { to } from '../router';
import type { HostStatus, ServiceStatus } from '../types';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { Spark } from '../ui/spark';
import { Empty, Loading, ProblemBox } from '../ui/states';
import { Table, type Column } from '../ui/table';
import { condition } from '../words';

const columns: Column<ServiceStatus>[] = [
  { id: 'name', head: 'Service', names: true, sort: (row) => row.name, cell: (row) => <a href={to(['services', row.name])}>{row.name}</a> },
  { id: 'state', head: 'State', sort: (row) => condition(row).word, cell: (row) => <State service={row} /> },
  { id: 'revision', head: 'Revision', drop: 'small', cell: (row) => <Revision service={row} /> },
  { id: 'rate', head: 'Requests/s', number: true, sort: (row) => row.rate, cell: (row) => rate(row.rate) },
  { id: 'spark', head: <span class="hidden">Two minutes of requests</span>, drop: 'narrow', cell: (row) => <Spark values={recent.get(row.name) ?? []} length={RECENT_MAX} /> },
  { id: 'errors', head: 'Errors/s', number: true, sort: (row) => row.errors, cell: (row) => <span class={row.errors > 0 ? 'bad' : ''}>{rate(row.errors)}</span> },
  { id: 'p50', head: 'p50', number: true, drop: 'narrow', sort: (row) => row.p50_ms, cell: (row) => ms(row.p50_ms) },
  { id: 'p99', head: 'p99', number: true, sort: (row) => row.p99_ms, cell: (row) => ms(row.p99_ms) },
  { id: 'runs', head: 'Runs/s', number: true, drop: 'narrow', sort: (row) => row.invocations, cell: (row) => rate(row.invocations) },
  { id: 'in_flight', head: 'In flight', number: true, drop: 'narrow', sort: (row) => row.in_flight, cell: (row) => count(row.in_flight) },
  { id: 'memory', head: 'Memory', number: true, drop: 'small', sort: (row) => row.memory_bytes, cell: (row) => bytes(row.memory_bytes) },
];

export default function Overview() {
  const now = status.value;
  const [filter, setFilter] = useState('');
  useEffect(() => {
    if (now) void seedRecent(now.services.map(({ name }) => name));
  }, [!now]);
  if (!now) {
    const { value } = connection;
    return value.state === 'lost' ? <ProblemBox problem={value.problem} /> : <Loading what="the services" />;
  }
  const rows = now.services.filter(({ name }) => name.includes(filter.trim().toLowerCase()));
  return (
    <div class="view">
      <div class="view-head">
        <h1>Services</h1>
        <div class="actions">
          <Button kind="primary" write onClick={() => askToDeploy(null, null)}>Deploy …</Button>
          <input type="search" aria-label="Filter by name" placeholder="Filter by name" value={filter} onInput={(event) => setFilter(event.currentTarget.value)} />
        </div>
      </div>
      <HostLine host={now.host} />
      <section class="panel" aria-label="Services">
        {rows.length > 0 ? (
          <Table caption={`${plural(rows.length, 'service')} of ${now.services.length}`} columns={columns} rows={rows} keyOf={(row) => row.name} sorted="name" />
        ) : (
          <Empty title={now.services.length === 0 ? 'Nothing is deployed yet' : 'No service is called that'}>
            {now.services.length === 0 && <>Build one with <code>thali build</code>, deploy it with <code>thali deploy NAME.wasm</code>.</>}
          </Empty>
        )}
      </section>
      <DropZone />
    </div>
  );
}

function State({ service }: { service: ServiceStatus }) {
  const { tone, word } = condition(service);
  return (
    <>
      <Badge tone={tone}>{word}</Badge>
      {service.reason && <div class="dim">{service.reason}</div>}
    </>
  );
}

function Revision({ service: { revision, version, canaries } }: { service: ServiceStatus }) {
  return (
    <span class="nowrap">
      v{revision} <span class="dim">{version}</span>
      {canaries.map((canary) => <div key={canary.revision}>v{canary.revision} <span class="dim">{canary.version}</span> {percent(canary.percent)}</div>)}
    </span>
  );
}

function HostLine({ host }: { host: HostStatus }) {
  const facts: [string, string, boolean?][] = [
    ['Requests/s', rate(host.rate)],
    ['Errors/s', rate(host.errors), host.errors > 0],
    ['Turned away/s', rate(host.shed), host.shed > 0],
    ['p99', ms(host.p99_ms)],
    ['In flight', count(host.requests_in_flight)],
    ['Connections', count(host.connections)],
    ['CPU', percent(host.cpu_percent)],
    ['Memory', bytes(host.memory_bytes)],
    ['Up', span(host.uptime_s)],
  ];
  return (
    <section class="panel" aria-label="Host">
      <div class="panel-body">
        <dl class="facts">
          {facts.map(([name, value, bad]) => <div key={name}><dt>{name}</dt><dd class={bad ? 'bad' : ''}>{value}</dd></div>)}
        </dl>
      </div>
    </section>
  );
}
