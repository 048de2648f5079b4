// One database: how large it is, what is in it, and a field for questions.

import { useState } from 'preact/hooks';
import { at, signedIn } from '../api';
import { bytes, count } from '../format';
import { changes } from '../live';
import { useLoad } from '../load';
import { to } from '../router';
import { Button } from '../ui/button';
import { Empty, Show } from '../ui/states';
import { Table, type Column } from '../ui/table';
import type { ViewProps } from '../views';
import { DatabaseState } from './databases/state';
import { Editor } from './databases/editor';
import type { Database, TableFacts } from './databases/types';
import { read } from './read';
import './databases/databases.css';

const REFRESH_MS = 10_000;

export default function DatabaseView({ parts: [service = ''] }: ViewProps) {
  const [given, give] = useState<{ sql: string; run: boolean }>();
  const loaded = useLoad((signal) => read<Database>(`${at('services', service)}/database`, {}, signal), [service], {
    on: [changes.services, signedIn],
    everyMs: REFRESH_MS,
  });
  return (
    <div class="view">
      <div class="view-head"><h1>Database of <a href={to(['services', service])}>{service}</a></h1></div>
      <Show loaded={loaded} what="the database">
        {(database) => (
          <>
            <dl class="facts">
              <div><dt>State</dt><dd><DatabaseState state={database.state} /></dd></div>
              <div><dt>Size</dt><dd>{bytes(database.bytes)}</dd></div>
              <div><dt>Write-ahead log</dt><dd>{bytes(database.wal_bytes)}</dd></div>
            </dl>
            <div class="panel">
              {database.tables.length > 0 ? <Tables tables={database.tables} look={(name) => give({ sql: `SELECT * FROM ${quoted(name)} LIMIT 50`, run: true })} /> : <Empty title="It has no tables" />}
            </div>
          </>
        )}
      </Show>
      <Editor key={service} service={service} given={given} />
    </div>
  );
}

function Tables({ tables, look }: { tables: TableFacts[]; look: (name: string) => void }) {
  const columns: Column<TableFacts>[] = [
    { id: 'name', head: 'Table', names: true, sort: (row) => row.name, cell: (row) => row.name },
    { id: 'rows', head: 'Rows', number: true, sort: (row) => row.rows, cell: (row) => (row.rows === null ? 'too many to count' : count(row.rows)) },
    { id: 'columns', head: 'Columns', drop: 'small', cell: (row) => <Columns table={row} /> },
    { id: 'look', head: <span class="hidden">Look</span>, cell: (row) => <Button small label={`Look into ${row.name}`} onClick={() => look(row.name)}>Look into</Button> },
  ];
  return <Table caption="Tables" columns={columns} rows={tables} keyOf={(row) => row.name} sorted="name" />;
}

function Columns({ table: { columns } }: { table: TableFacts }) {
  return (
    <ul class="columns">
      {columns.map(({ name, type, primary_key }) => (
        <li key={name}><code>{name}</code> <span class="dim">{type.toLowerCase()}{primary_key && ', key'}</span></li>
      ))}
    </ul>
  );
}

function quoted(name: string): string {
  return /^[a-z_][a-z0-9_]*$/i.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}
