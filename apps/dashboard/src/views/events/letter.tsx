// One dead letter: what was in it, and why it was given up.

import { at, send, signedIn } from '../../api';
import { parseExactly } from '../../exact';
import { plural, time } from '../../format';
import { useLoad } from '../../load';
import { to } from '../../router';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Show } from '../../ui/states';
import { discard, redrive } from './change';
import { several } from './letters';
import type { Letter, LetterDetails } from './types';

interface Props {
  letter: Letter;
  onClose: () => void;
  /** What was asked for was done, or not. */
  done: (was: boolean) => void;
}

export function LetterDialog({ letter, onClose, done }: Props) {
  const loaded = useLoad((signal) => details(letter, signal), [letter.id], { on: [signedIn] });
  const ended = (was: boolean) => {
    if (was) onClose();
    done(was);
  };
  return (
    <Dialog title={`${letter.event} ${letter.key}`} onClose={onClose} wide>
      <dl class="pairs">
        <div><dt>For</dt><dd>{letter.subscriber}, {plural(letter.attempts, 'attempt')}, given up {time(letter.died_at)}</dd></div>
        <div><dt>Error</dt><dd class="bad">{letter.error}</dd></div>
        <div><dt>Published</dt><dd>{time(letter.published_at)} by {letter.publisher}, <code>{letter.topic}</code></dd></div>
        <div><dt>Id</dt><dd><code>{letter.id}</code></dd></div>
      </dl>
      <Show loaded={loaded} what="the event">{(details) => <Payload details={details} letter={letter} />}</Show>
      <div class="actions">
        <Button onClick={onClose}>Close</Button>
        <Button write kind="danger" onClick={() => discard(several([letter])).then(ended)}>Discard</Button>
        <Button write kind="primary" onClick={() => redrive(several([letter])).then(ended)}>Redrive</Button>
      </div>
    </Dialog>
  );
}

async function details({ id }: Letter, signal: AbortSignal): Promise<LetterDetails> {
  const response = await send(at('events', 'dead', id), { signal, quiet: true });
  return parseExactly(await response.text()) as LetterDetails;
}

function Payload({ details: { event, deliveries }, letter }: { details: LetterDetails; letter: Letter }) {
  const trace = event.traceparent.split('-')[1];
  const others = deliveries.filter(({ subscriber }) => subscriber !== letter.subscriber);
  return (
    <>
      <h3>Payload</h3>
      <pre class="payload" tabIndex={0} role="region" aria-label="Payload">{JSON.stringify(event.data, null, 2)}</pre>
      {others.length > 0 && <p>{others.map(({ subscriber }) => subscriber).join(', ')} gave it up as well.</p>}
      {trace && <a href={to(['traces', trace])}>The trace of the request that published it</a>}
    </>
  );
}
