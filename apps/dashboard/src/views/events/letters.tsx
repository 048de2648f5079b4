// The events that were given up.

import { useEffect, useRef, useState } from 'preact/hooks';
import { signedIn } from '../../api';
import { ago, plural, time } from '../../format';
import { changes, status } from '../../live';
import { useLoad } from '../../load';
import { place, setQuery } from '../../router';
import { Button } from '../../ui/button';
import { ServiceFilter } from '../../ui/filters';
import { Empty, Show } from '../../ui/states';
import { Table, type Column } from '../../ui/table';
import { read } from '../read';
import { discard, redrive, type Chosen } from './change';
import { LetterDialog } from './letter';
import type { Letter, Page } from './types';

const PAGE = 50;
/** So many are shown at most: behind them a filter, or redriving all of a subscription, is better than looking. */
const SHOWN_MAX = 500;

/** `dead` is how many there are in all: the list is read again when that changes. */
export function Letters({ dead, reload }: { dead: number; reload: () => void }) {
  // Every second "5 s ago" is something else.
  void status.value;
  const { query } = place.value;
  const [publisher, subscriber, open] = ['publisher', 'subscriber', 'letter'].map((name) => query.get(name));
  const [shown, show] = useState(PAGE);
  const [chosen, choose] = useState<ReadonlySet<string>>(new Set());
  const loaded = useLoad((signal) => upTo(shown, { publisher, subscriber }, signal), [publisher, subscriber], {
    on: [changes.events, signedIn],
  });
  // What is shown stays while more is read.
  const known = useRef(`${dead} ${shown}`);
  useEffect(() => {
    if (known.current !== `${dead} ${shown}`) loaded.reload();
    known.current = `${dead} ${shown}`;
  }, [dead, shown]);
  const items = loaded.data?.items ?? [];
  const selected = items.filter((letter) => chosen.has(keyOf(letter)));
  const toggle = (keys: string[], on: boolean) => {
    const next = new Set(chosen);
    for (const key of keys) if (on) next.add(key);
    else next.delete(key);
    choose(next);
  };
  const done = (was: boolean) => {
    if (!was) return;
    choose(new Set());
    loaded.reload();
    reload();
  };
  const allOn = items.length > 0 && selected.length === items.length;
  const columns: Column<Letter>[] = [
    {
      id: 'pick',
      head: <input type="checkbox" aria-label="Choose all that are shown" checked={allOn} onChange={(event) => toggle(items.map(keyOf), event.currentTarget.checked)} />,
      cell: (row) => <input type="checkbox" aria-label={`Choose ${row.event} ${row.key} for ${row.subscriber}`} checked={chosen.has(keyOf(row))} onChange={(event) => toggle([keyOf(row)], event.currentTarget.checked)} />,
    },
    {
      id: 'event', head: 'Event', names: true, sort: (row) => row.event,
      cell: (row) => <Button kind="plain" small label={`${row.event} ${row.key}, for ${row.subscriber}`} onClick={() => setQuery({ letter: keyOf(row) })}>{row.event} <code>{row.key}</code></Button>,
    },
    { id: 'subscriber', head: 'Subscriber', sort: (row) => row.subscriber, cell: (row) => <>{row.subscriber}<span class="dim"> of {row.publisher}</span></> },
    { id: 'error', head: 'Error', drop: 'small', cell: (row) => <span class="bad letter-error">{row.error}</span> },
    { id: 'attempts', head: 'Attempts', number: true, drop: 'narrow', sort: (row) => row.attempts, cell: (row) => row.attempts },
    { id: 'died', head: 'Given up', drop: 'small', sort: (row) => row.died_at, cell: (row) => <span class="nowrap" title={time(row.died_at)}>{ago(row.died_at)}</span> },
  ];
  const opened = items.find((letter) => keyOf(letter) === open);
  return (
    <div class="panel" data-part="letters">
      <div class="panel-head">
        <h2>Dead letters</h2>
        <div class="actions">
          <span class="dim" aria-live="polite">{selected.length > 0 && `${plural(selected.length, 'letter')} chosen`}</span>
          <Button small write disabled={selected.length === 0} onClick={() => redrive(several(selected)).then(done)}>Redrive chosen</Button>
          <Button small write kind="danger" disabled={selected.length === 0} onClick={() => discard(several(selected)).then(done)}>Discard chosen</Button>
        </div>
      </div>
      <div class="filters">
        <ServiceFilter name="publisher" label="Publisher" />
        <ServiceFilter name="subscriber" label="Subscriber" />
      </div>
      <Show loaded={loaded} what="the dead letters">
        {({ items, next }) => items.length === 0 ? <None filtered={!!publisher || !!subscriber} /> : (
          <>
            <Table caption="Dead letters" columns={columns} rows={items} keyOf={keyOf} selected={(row) => chosen.has(keyOf(row))} />
            {next && (
              <div class="panel-body">
                {shown < SHOWN_MAX ? <div class="actions"><Button small onClick={() => show(shown + PAGE)}>Show more</Button></div>
                  : <p class="dim">More than {SHOWN_MAX}: choose a subscriber, or redrive all of a subscription.</p>}
              </div>
            )}
          </>
        )}
      </Show>
      {opened && <LetterDialog letter={opened} onClose={() => setQuery({ letter: '' })} done={done} />}
    </div>
  );
}

function None({ filtered }: { filtered: boolean }) {
  return filtered ? <Empty title="No dead letter is like that" /> : (
    <Empty title="No dead letters">An event that a subscriber fails to handle as often as its manifest allows is kept here.</Empty>
  );
}

/** An event is one dead letter for each subscriber that gave it up. */
function keyOf({ id, subscriber }: Letter): string {
  return `${id}.${subscriber}`;
}

export function several(letters: Letter[]): Chosen {
  const selections = letters.map(({ id, publisher, subscriber }) => ({ id, publisher, subscriber }));
  const [first] = letters;
  const words = letters.length === 1 && first ? `${first.event} ${first.key} for ${first.subscriber}` : 'that were chosen';
  return { selections, letters: letters.length, words };
}

/** The first so many letters, page by page. */
async function upTo(count: number, filter: Record<string, string | null | undefined>, signal: AbortSignal): Promise<Page<Letter>> {
  const items: Letter[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<Letter> = await read('events/dead', { ...filter, limit: PAGE, cursor }, signal);
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < count);
  return { items, next: cursor };
}
