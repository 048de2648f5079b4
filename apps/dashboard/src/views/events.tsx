// Events: who gets them, how far behind they are, and what was given up.

import { signedIn } from '../api';
import { changes } from '../live';
import { useLoad } from '../load';
import { Empty, Show } from '../ui/states';
import { Letters } from './events/letters';
import { Subscriptions } from './events/subscriptions';
import type { Page, Subscription } from './events/types';
import { read } from './read';
import '../css/lists.css';
import './events/events.css';

const REFRESH_MS = 2000;

export default function Events() {
  const loaded = useLoad((signal) => read<Page<Subscription>>('events', {}, signal), [], {
    on: [changes.events, changes.services, signedIn],
    everyMs: REFRESH_MS,
  });
  const dead = loaded.data?.items.reduce((sum, { dead }) => sum + dead, 0) ?? 0;
  return (
    <div class="view">
      <div class="view-head"><h1>Events</h1></div>
      <div class="panel" data-part="subscriptions">
        <Show loaded={loaded} what="the subscriptions">
          {({ items, left_out }) => (
            <>
              {left_out?.map(({ publisher, reason }) => <p key={publisher} class="left-out bad">The events of {publisher} cannot be read: {reason}</p>)}
              {items.length > 0 ? <Subscriptions items={items} reload={loaded.reload} /> : (
                <Empty title="Nobody subscribes to anything">A service's manifest names what it subscribes to, under <code>[subscriptions]</code>.</Empty>
              )}
            </>
          )}
        </Show>
      </div>
      <Letters dead={dead} reload={loaded.reload} />
    </div>
  );
}
