// What a view shows when it has nothing to show.

import type { ComponentChildren } from 'preact';
import { Problem, tokenWanted } from '../api';
import type { Loaded } from '../load';
import { Button } from './button';

export function Empty({ title, children }: { title: string; children?: ComponentChildren }) {
  return (
    <div class="note">
      <h2>{title}</h2>
      {children && <div>{children}</div>}
    </div>
  );
}

export function Loading({ what }: { what: string }) {
  return <div class="note" aria-busy="true">Reading {what} …</div>;
}

/** A problem with all its mistakes. */
export function ProblemBox({ problem, retry }: { problem: Problem; retry?: () => void }) {
  return (
    <div class="problem" role="alert" data-problem={problem.code}>
      <strong>{problem.title}</strong>
      {problem.detail && <p>{problem.detail}</p>}
      {problem.mistakes.length > 0 && (
        <ul>
          {problem.mistakes.map(({ pointer, detail }) => (
            <li key={pointer + detail}>{pointer && <><code>{pointer}</code>: </>}{detail}</li>
          ))}
        </ul>
      )}
      <div class="actions">
        {retry && <Button small onClick={retry}>Try again</Button>}
        {[401, 403].includes(problem.status) && (
          <Button small onClick={() => (tokenWanted.value = problem.title)}>Sign in</Button>
        )}
        {problem.requestId && <span class="dim">request <code>{problem.requestId}</code></span>}
      </div>
    </div>
  );
}

/** Shows what was loaded, or why it is not there. An old answer stays under the problem of a newer try. */
export function Show<T>({ loaded, what, children }: { loaded: Loaded<T>; what: string; children: (data: T) => ComponentChildren }) {
  const { data, problem, reload } = loaded;
  return (
    <>
      {problem && <ProblemBox problem={problem} retry={reload} />}
      {data !== undefined ? children(data) : !problem && <Loading what={what} />}
    </>
  );
}
