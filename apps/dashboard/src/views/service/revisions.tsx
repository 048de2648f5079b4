// The revisions that are kept, and what was done with them by whom and why.

import { at, put } from '../../api';
import type { Deployed } from '../../deploy/dialog';
import { bytes, percent, spaced, time } from '../../format';
import { Badge } from '../../ui/badge';
import { Button } from '../../ui/button';
import { confirm } from '../../ui/dialog';
import { Table, type Column } from '../../ui/table';
import { toast } from '../../ui/toast';
import type { Change, Details, Revision } from './details';

/** What an earlier revision gets at first when it is brought back. */
const BACK_PERCENT = 10;

export function Revisions({ details, reload }: { details: Details; reload: () => void }) {
  const { name, revisions, revision: stable, rollout, draining } = details;
  const shareOf = (number: number) => rollout?.revisions.find(({ revision }) => revision === number)?.percent ?? (number === stable ? 100 : undefined);
  const bringBack = async ({ number, version }: Revision) => {
    const sure = await confirm({
      title: `Bring back revision ${number} of ${name}`,
      body: <p>Revision {number} ({version}) becomes a canary with {BACK_PERCENT} % of the requests. It meets the database as it is now.</p>,
      action: `Give it ${BACK_PERCENT} %`,
    });
    if (!sure) return;
    await put<Deployed>(`${at('services', name)}/traffic`, { shares: { [`v${stable}`]: 100 - BACK_PERCENT, [`v${number}`]: BACK_PERCENT } });
    toast(`Revision ${number} of ${name} gets ${BACK_PERCENT} % of the requests.`);
    reload();
  };
  const columns: Column<Revision>[] = [
    { id: 'number', head: 'Revision', names: true, cell: (row) => <>v{row.number} <span class="dim">{row.version}</span></> },
    { id: 'share', head: 'Requests', cell: (row) => <RevisionState share={shareOf(row.number)} stable={row.number === stable} draining={draining.find(({ revision }) => revision === row.number)?.in_flight} /> },
    { id: 'at', head: 'Deployed', cell: (row) => <span class="nowrap">{time(row.deployed_at)}</span> },
    { id: 'source', head: 'From', drop: 'small', cell: (row) => <>{row.source}{row.forced && <span class="warn"> (forced)</span>}</> },
    { id: 'bytes', head: 'Size', number: true, drop: 'small', cell: (row) => bytes(row.bytes) },
    { id: 'digest', head: 'Digest', drop: 'narrow', cell: (row) => <code title={row.digest}>{row.digest.slice(0, 8)}</code> },
    {
      id: 'do',
      head: <span class="hidden">Actions</span>,
      cell: (row) => (shareOf(row.number) === undefined && !rollout && stable !== undefined ? <Button small write onClick={() => bringBack(row)} label={`Bring back revision ${row.number}`}>Bring back …</Button> : null),
    },
  ];
  return (
    <section class="panel" aria-label="Revisions">
      <div class="panel-head"><h2>Revisions</h2></div>
      <Table caption={`Revisions of ${name}`} columns={columns} rows={revisions} keyOf={(row) => `v${row.number}`} />
    </section>
  );
}

function RevisionState({ share, stable, draining }: { share: number | undefined; stable: boolean; draining: number | undefined }) {
  if (share !== undefined) return <Badge tone={stable ? 'ok' : 'accent'}>{percent(share)}</Badge>;
  if (draining) return <Badge tone="warn">draining {draining}</Badge>;
  return <span class="dim">–</span>;
}

const changeColumns: Column<Change>[] = [
  { id: 'at', head: 'When', cell: (row) => <span class="nowrap">{time(row.at)}</span> },
  { id: 'what', head: 'What', names: true, cell: (row) => <What change={row} /> },
  { id: 'by', head: 'Who', cell: (row) => row.by },
  { id: 'why', head: 'Why', cell: (row) => (row.reason ? <span class="bad">{row.reason}</span> : row.message ?? <span class="dim">–</span>) },
];

export function History({ changes }: { changes: Change[] }) {
  return (
    <section class="panel" aria-label="History">
      <div class="panel-head"><h2>History</h2></div>
      <Table caption="Changes, the newest first" columns={changeColumns} rows={changes} keyOf={(row) => row.at} />
    </section>
  );
}

function What({ change: { what, revision, canaries } }: { change: Change }) {
  const shares = canaries?.map((one) => `v${one.revision} ${one.percent} %`).join(', ');
  return <span class={what === 'auto_rollback' ? 'bad' : ''}>{spaced(what)} v{revision}{shares && <span class="dim"> ({shares})</span>}</span>;
}
