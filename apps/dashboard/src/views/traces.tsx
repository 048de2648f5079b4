// The traces that the host has kept, the newest first.

import { useState } from 'preact/hooks';
import { signedIn } from '../api';
import { ms, time } from '../format';
import { useLoad } from '../load';
import { place, setQuery, to } from '../router';
import type { Items } from '../types';
import { Badge } from '../ui/badge';
import { Button } from '../ui/button';
import { CheckFilter, ServiceFilter, TextFilter } from '../ui/filters';
import { Empty, Show } from '../ui/states';
import { Table, type Column } from '../ui/table';
import { read } from './read';
import type { TraceLine } from './traces/types';
import '../css/lists.css';
import './traces/traces.css';

const REFRESH_MS = 2000;
const PAGE = 50;

const columns: Column<TraceLine>[] = [
  { id: 'name', head: 'Request', names: true, sort: (row) => row.name, cell: (row) => <a href={to(['traces', row.trace_id])}>{row.name}</a> },
  { id: 'result', head: 'Result', sort: (row) => (row.error ? 1000 : 0) + (row.status ?? 0), cell: (row) => <Result line={row} /> },
  { id: 'duration', head: 'Duration', number: true, sort: (row) => row.duration_ms, cell: (row) => ms(row.duration_ms) },
  { id: 'spans', head: 'Spans', number: true, drop: 'small', sort: (row) => row.spans, cell: (row) => row.spans },
  { id: 'services', head: 'Services', drop: 'narrow', cell: (row) => <span class="dim">{row.services.join(', ')}</span> },
  { id: 'started', head: 'Began', drop: 'small', sort: (row) => row.started_at, cell: (row) => <span class="nowrap">{time(row.started_at)}</span> },
];

/** What was shown when somebody wanted it to hold still, and for which filters. */
interface Paused {
  key: string;
  data: Items<TraceLine> | undefined;
}

export default function Traces() {
  const [paused, pause] = useState<Paused>();
  const { query } = place.value;
  const filters = Object.fromEntries(['service', 'route', 'errors', 'min_ms', 'before'].map((name) => [name, query.get(name)]));
  const older = !!filters.before;
  const key = JSON.stringify(filters);
  const loaded = useLoad((signal) => read<Items<TraceLine>>('traces', { ...filters, limit: PAGE }, signal), [filters], {
    on: [signedIn],
    everyMs: paused || older ? undefined : REFRESH_MS,
  });
  // An answer that was on its way is not shown after all.
  const shown = paused?.key === key ? { ...loaded, data: paused.data } : loaded;
  return (
    <div class="view">
      <div class="view-head">
        <h1>Traces</h1>
        <div class="actions">
          {older ? <Button small onClick={() => setQuery({ before: '' })}>Newest</Button> : (
            <Button small onClick={() => (paused && loaded.reload(), pause(paused ? undefined : { key, data: loaded.data }))}>{paused ? 'Go on' : 'Pause'}</Button>
          )}
        </div>
      </div>
      <div class="panel">
        <div class="filters">
          <ServiceFilter />
          <TextFilter name="route" label="Route" hint="/api/v1/orders" />
          <TextFilter name="min_ms" label="Slower than (ms)" numeric />
          <CheckFilter name="errors" label="Only failed" />
        </div>
        <Show loaded={shown} what="the traces">
          {({ items }) => items.length === 0 ? <None filtered={Object.values(filters).some(Boolean)} /> : (
            <>
              <Table caption={older ? 'Older traces' : 'The newest traces'} columns={columns} rows={items} keyOf={(row) => row.trace_id} />
              {items.length === PAGE && (
                <div class="panel-body"><div class="actions"><Button small onClick={() => setQuery({ before: items.at(-1)?.started_at })}>Older</Button></div></div>
              )}
            </>
          )}
        </Show>
      </div>
    </div>
  );
}

function None({ filtered }: { filtered: boolean }) {
  return filtered ? <Empty title="No trace is like that">The host keeps about the last thousand.</Empty> : (
    <Empty title="No traces yet">Send a request to a service: it will be here in a moment.</Empty>
  );
}

function Result({ line: { error, status } }: { line: TraceLine }) {
  const tone = error ? 'bad' : status !== null && status >= 400 ? 'warn' : 'ok';
  return <Badge tone={tone}>{status ?? ''}{error ? ' Failed' : status === null ? 'Done' : ''}</Badge>;
}
