// Who gets whose events, and how far they are.

import { count, plural, rate } from '../../format';
import { status } from '../../live';
import { to } from '../../router';
import { Badge, type Tone } from '../../ui/badge';
import { Button } from '../../ui/button';
import { Table, type Column } from '../../ui/table';
import { discard, redrive, type Chosen } from './change';
import type { Subscription } from './types';

export function Subscriptions({ items, reload }: { items: Subscription[]; reload: () => void }) {
  const columns: Column<Subscription>[] = [
    { id: 'subscriber', head: 'Subscriber', names: true, sort: (row) => row.subscriber, cell: (row) => <Who subscription={row} /> },
    { id: 'topic', head: 'Topic', drop: 'narrow', sort: (row) => row.topic, cell: (row) => <code class="dim">{row.topic}</code> },
    { id: 'state', head: 'State', sort: (row) => state(row).order, cell: (row) => <State subscription={row} /> },
    { id: 'rate', head: 'Delivered/s', number: true, drop: 'small', sort: rateOf, cell: (row) => rate(rateOf(row)) },
    { id: 'lag', head: 'Lag', number: true, drop: 'small', sort: (row) => row.lag, cell: (row) => count(row.lag) },
    { id: 'waiting', head: 'Waiting', number: true, drop: 'narrow', sort: (row) => row.waiting, cell: (row) => count(row.waiting) },
    { id: 'dead', head: 'Dead', number: true, sort: (row) => row.dead, cell: (row) => <span class={row.dead > 0 ? 'bad' : ''}>{count(row.dead)}</span> },
    {
      id: 'do', head: <span class="hidden">What can be done</span>,
      cell: (row) => row.dead > 0 && (
        <span class="actions">
          <Button small write label={`Redrive all for ${row.subscriber}`} onClick={() => redrive(all(row, items)).then(reload)}>Redrive all</Button>
          <Button small write kind="danger" label={`Discard all for ${row.subscriber}`} onClick={() => discard(all(row, items)).then(reload)}>Discard all</Button>
        </span>
      ),
    },
  ];
  return <Table caption="Subscriptions" columns={columns} rows={items} keyOf={keyOf} sorted="subscriber" />;
}

function keyOf({ publisher, topic, subscriber }: Subscription): string {
  return `${publisher}/${topic}/${subscriber}`;
}

/** The host takes letters by publisher and subscriber, whatever their topics. */
function all({ publisher, subscriber }: Subscription, items: Subscription[]): Chosen {
  const meant = items.filter((one) => one.publisher === publisher && one.subscriber === subscriber);
  const letters = meant.reduce((sum, { dead }) => sum + dead, 0);
  return { selections: [{ publisher, subscriber }], letters, words: `of ${publisher} for ${subscriber}` };
}

function rateOf({ publisher, topic, subscriber }: Subscription): number {
  const edge = status.value?.edges.find(
    (edge) => edge.kind === 'event' && edge.from === publisher && edge.to === subscriber && `${edge.interface}.`.startsWith(`${topic}.`),
  );
  return edge?.rate ?? 0;
}

function Who({ subscription: { publisher, subscriber } }: { subscription: Subscription }) {
  return (
    <span class="subscription">
      <a href={to(['services', subscriber])}>{subscriber}</a>
      <span class="dim"> of {publisher}</span>
    </span>
  );
}

function State({ subscription }: { subscription: Subscription }) {
  const { tone, word } = state(subscription);
  const { waiting, dead, last_error } = subscription;
  return (
    <>
      <Badge tone={tone}>{word}</Badge>
      {last_error && waiting + dead > 0 && <div class="bad">{last_error}</div>}
    </>
  );
}

function state({ live, dead, waiting, lag }: Subscription): { tone: Tone; word: string; order: number } {
  if (dead > 0) return { tone: 'bad', word: plural(dead, 'dead letter'), order: 0 };
  if (waiting > 0) return { tone: 'warn', word: 'Trying again', order: 1 };
  if (!live) return { tone: 'idle', word: 'Not deployed', order: 2 };
  if (lag > 0) return { tone: 'accent', word: 'Catching up', order: 3 };
  return { tone: 'ok', word: 'Up to date', order: 4 };
}
