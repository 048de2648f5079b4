// Why the host refused a component, with what does not fit side by side.

import type { Mistake, Problem } from '../api';
import { ProblemBox } from '../ui/states';
import { Problem as Refusal } from '../api';

interface Breach {
  interface: string;
  consumer: string;
  does: string;
  function: string;
  provider: string;
  expected: string;
  had: string;
  place: string | undefined;
}

/** `orders calls quoting.quote of restaurants: consumer expects A, provider has B (result.err: ..)` */
function breachOf({ pointer, detail }: Mistake): Breach | null {
  const told = /^(\S+) (calls|subscribes to) (\S+) of (\S+): consumer expects ([\s\S]+?), provider has ([\s\S]+)$/.exec(detail);
  if (!told) return null;
  const [, consumer = '', does = '', name = '', provider = '', expected = '', rest = ''] = told;
  const [, had = rest, place] = /^([\s\S]+?) \(([\s\S]+)\)$/.exec(rest) ?? [];
  return { interface: pointer, consumer, does, function: name, provider, expected, had, place };
}

export function Refused({ problem }: { problem: Problem }) {
  const breaches = problem.mistakes.map(breachOf);
  const others = problem.mistakes.filter((_, i) => !breaches[i]);
  const rest = new Refusal(problem.status, problem.code, problem.title, problem.detail, others, problem.requestId);
  return (
    <>
      <ProblemBox problem={rest} />
      {breaches.map((breach) => breach && <Difference key={JSON.stringify(breach)} breach={breach} />)}
    </>
  );
}

function Difference({ breach }: { breach: Breach }) {
  const { consumer, does, function: name, provider, expected, had, place } = breach;
  const subscribes = does !== 'calls';
  return (
    <section class="diff" data-diff={`${consumer} ${name}`}>
      <h3>{consumer} {does} <code>{name}</code> of {provider}</h3>
      <div class="dim"><code>{breach.interface}</code></div>
      <dl>
        <dt>{consumer} expects</dt>
        <dd><Type text={expected} other={had} /></dd>
        <dt>{provider} {subscribes ? 'tells' : 'has'}</dt>
        <dd><Type text={had} other={expected} /></dd>
      </dl>
      {place && <p>At <code>{place.split(': ')[0]}</code>: {place.split(': ').slice(1).join(': ')}</p>}
    </section>
  );
}

/** A type, with what is not the same in the other one marked. */
function Type({ text, other }: { text: string; other: string }) {
  let [from, end] = [0, 0];
  const most = Math.min(text.length, other.length);
  while (from < most && text[from] === other[from]) from += 1;
  while (end < most - from && text.at(-1 - end) === other.at(-1 - end)) end += 1;
  // Whole words, so that `restaurant-id` is marked and not its `i`.
  while (from > 0 && /[\w-]/.test(text[from - 1] ?? '') && from < text.length) from -= 1;
  while (end > 0 && /[\w-]/.test(text[text.length - end] ?? '')) end -= 1;
  const to = Math.max(from, text.length - end);
  return (
    <code>{text.slice(0, from)}{to > from && <mark>{text.slice(from, to)}</mark>}{text.slice(to)}</code>
  );
}
