// Who looks: signing in with the admin token, and out again.

import { useId, useState } from 'preact/hooks';
import { Problem, mayWrite, session, signedIn, tokenWanted, useToken } from '../api';
import { Button } from './button';
import { Dialog } from './dialog';
import { ProblemBox } from './states';

export function TokenDialog() {
  return tokenWanted.value === null ? null : <Asking why={tokenWanted.value} />;
}

function Asking({ why }: { why: string }) {
  const [text, setText] = useState('');
  const [problem, setProblem] = useState<Problem>();
  const id = useId();
  const close = () => (tokenWanted.value = null);
  const submit = async (event: Event) => {
    event.preventDefault();
    try {
      const { may } = await useToken(text.trim());
      if (may === 'write') {
        close();
        return;
      }
      await useToken('');
      setProblem(new Problem(401, 'bad_token', 'The host does not take this token', undefined));
    } catch (error) {
      setProblem(Problem.of(error));
      await useToken('').catch(() => {});
    }
  };
  return (
    <Dialog title="Sign in" onClose={close}>
      <form class="dialog-body" onSubmit={submit}>
        <p>{why}</p>
        <div class="field">
          <label for={id}>Admin token</label>
          <input id={id} type="password" autocomplete="off" value={text} onInput={(event) => setText(event.currentTarget.value)} />
          <span class="dim">It is kept in this tab and forgotten when the tab is closed.</span>
        </div>
        {problem && <ProblemBox problem={new Problem(0, problem.code, problem.title, problem.detail)} />}
        <div class="actions">
          <Button onClick={close}>Cancel</Button>
          <button type="submit" class="button primary" disabled={text.trim() === ''}>Sign in</button>
        </div>
      </form>
    </Dialog>
  );
}

/** Who the page is to the host, and how to change that. */
export function Who() {
  const now = session.value;
  if (!now) return null;
  if (signedIn.value) return <Button small onClick={() => useToken('')}>Sign out</Button>;
  if (mayWrite.value) return null;
  return (
    <>
      <span class="dim">Read-only</span>
      <Button small onClick={() => (tokenWanted.value = 'With the admin token you can change something, and read what users wrote.')}>Sign in</Button>
    </>
  );
}
