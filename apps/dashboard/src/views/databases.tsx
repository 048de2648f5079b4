// The databases of all services.

import { signedIn } from '../api';
import { bytes, count } from '../format';
import { changes } from '../live';
import { useLoad } from '../load';
import { to } from '../router';
import type { Items } from '../types';
import { Empty, Show } from '../ui/states';
import { Table, type Column } from '../ui/table';
import { DatabaseState } from './databases/state';
import type { DatabaseLine } from './databases/types';
import { read } from './read';

const REFRESH_MS = 5000;

const columns: Column<DatabaseLine>[] = [
  { id: 'service', head: 'Database', names: true, sort: (row) => row.service, cell: (row) => <a href={to(['databases', row.service])}>{row.service}</a> },
  { id: 'state', head: 'State', sort: (row) => row.state, cell: (row) => <DatabaseState state={row.state} /> },
  { id: 'bytes', head: 'Size', number: true, sort: (row) => row.bytes, cell: (row) => bytes(row.bytes) },
  { id: 'wal', head: 'Write-ahead log', number: true, drop: 'small', sort: (row) => row.wal_bytes, cell: (row) => bytes(row.wal_bytes) },
  { id: 'tables', head: 'Tables', number: true, drop: 'small', sort: (row) => row.tables, cell: (row) => count(row.tables) },
];

export default function Databases() {
  const loaded = useLoad((signal) => read<Items<DatabaseLine>>('databases', {}, signal), [], {
    on: [changes.services, signedIn],
    everyMs: REFRESH_MS,
  });
  return (
    <div class="view">
      <div class="view-head"><h1>Databases</h1></div>
      <div class="panel">
        <Show loaded={loaded} what="the databases">
          {({ items }) => items.length > 0 ? <Table caption="Databases" columns={columns} rows={items} keyOf={(row) => row.service} sorted="service" /> : (
            <Empty title="No service has a database">A service's manifest asks for one with <code>[database]</code>.</Empty>
          )}
        </Show>
      </div>
    </div>
  );
}
