// Dead letters, delivered again or forgotten. Both ask first.

import { Problem, post } from '../../api';
import { count, plural } from '../../format';
import { confirm } from '../../ui/dialog';
import { toast } from '../../ui/toast';
import type { LeftOut } from './types';

/** What `redrive` and `discard` take: the letters that fit all that is said. */
export interface Selection {
  publisher?: string;
  subscriber?: string;
  id?: string;
}

/** Some letters, and how the question calls them. */
export interface Chosen {
  selections: Selection[];
  letters: number;
  /** `for notifications` */
  words: string;
}

interface Changed {
  redriven?: number;
  discarded?: number;
  left_out?: LeftOut[];
}

/** Asks, and has the letters delivered again; answers whether it was done. */
export async function redrive(chosen: Chosen): Promise<boolean> {
  const sure = await confirm({
    title: `Deliver ${plural(chosen.letters, 'dead letter')} again?`,
    action: 'Redrive',
    body: <p>{capital(called(chosen))} {chosen.letters === 1 ? 'gets' : 'get'} as many attempts as at first, with the same ids. A handler that still fails makes {chosen.letters === 1 ? 'it a dead letter' : 'them dead letters'} again.</p>,
  });
  if (!sure) return false;
  const total = await change('redrive', chosen);
  toast(total === 1 ? 'One event is delivered again.' : `${count(total)} events are delivered again.`);
  return true;
}

/** Asks, and forgets the letters; answers whether it was done. */
export async function discard(chosen: Chosen): Promise<boolean> {
  const sure = await confirm({
    title: `Forget ${plural(chosen.letters, 'dead letter')}?`,
    action: 'Discard',
    danger: true,
    // One is seen before it is forgotten; of many nobody looks at each.
    typed: chosen.letters > 1 ? String(chosen.letters) : undefined,
    body: <p>{capital(called(chosen))} will never be delivered. This cannot be undone.</p>,
  });
  if (!sure) return false;
  const total = await change('discard', chosen);
  toast(total === 1 ? 'One event is forgotten.' : `${count(total)} events are forgotten.`);
  return true;
}

async function change(what: 'redrive' | 'discard', { selections }: Chosen): Promise<number> {
  let total = 0;
  for (const selection of selections) {
    const { redriven, discarded, left_out } = await post<Changed>(`events/dead/${what}`, selection);
    total += redriven ?? discarded ?? 0;
    const [first] = left_out ?? [];
    if (first) throw new Problem(0, 'left_out', `The events of ${first.publisher} stay as they are`, first.reason);
  }
  return total;
}

function called({ letters, words }: Chosen): string {
  return letters === 1 ? `the event ${words}` : `the ${count(letters)} events ${words}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
