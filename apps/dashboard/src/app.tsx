// The frame: navigation, connection, and the view of the place where the page is.

import type { ComponentType } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { Problem } from './api';
import icon from './icon.svg';
import { connection, status } from './live';
import { place, to } from './router';
import { setTheme, theme, type Theme } from './theme';
import { Badge } from './ui/badge';
import { Confirmation } from './ui/dialog';
import { Empty, Loading, ProblemBox } from './ui/states';
import { Toasts } from './ui/toast';
import { TokenDialog, Who } from './ui/token';
import { viewFor, views, type View, type ViewProps } from './views';

export function App() {
  const { parts } = place.value;
  const view = viewFor(parts);
  const rest = parts.slice(1);
  const title = view ? [...rest, view.name].join(' · ') : 'Not found';
  const main = useRef<HTMLElement>(null);
  const before = useRef(title);
  useEffect(() => {
    document.title = `${title} · Thali`;
    // Whoever cannot see that the view has changed is told by the focus.
    if (before.current !== title) main.current?.focus();
    before.current = title;
  }, [title]);
  return (
    <>
      <a class="skip" href="#main" onClick={(event) => (event.preventDefault(), main.current?.focus())}>Skip to the content</a>
      <header class="top">
        <a class="brand" href={to([])}><img src={icon} alt="" />Thali</a>
        <nav class="nav" aria-label="Views">
          {views.filter(({ inner }) => !inner).map(({ at, name }) => (
            <a key={at} href={to([at])} aria-current={(parts[0] ?? 'services') === at ? 'page' : undefined}>{name}</a>
          ))}
        </nav>
        <div class="top-end">
          <Connected />
          <Who />
          <ThemeSwitch />
        </div>
      </header>
      <main id="main" tabIndex={-1} ref={main}>
        {view ? <Lazy key={`${view.at}${view.inner}`} view={view} parts={rest} /> : (
          <Empty title="There is no such page"><a href={to([])}>The services of this host</a></Empty>
        )}
      </main>
      <Toasts />
      <TokenDialog />
      <Confirmation />
    </>
  );
}

/** A view, once its code is here. */
function Lazy({ view, parts }: { view: View } & ViewProps) {
  const [loaded, setLoaded] = useState<{ Component: ComponentType<ViewProps> }>();
  const [problem, setProblem] = useState<Problem>();
  const load = () => {
    setProblem(undefined);
    view.load().then(
      (module) => setLoaded({ Component: module.default }),
      () => setProblem(new Problem(0, 'no_code', 'This part of the dashboard could not be loaded', 'The host has gone, or serves another version of it by now.')),
    );
  };
  useEffect(load, []);
  // A browser remembers that a module could not be loaded: only a new page tries again.
  if (problem) return <ProblemBox problem={problem} retry={() => location.reload()} />;
  if (!loaded) return <Loading what={view.name} />;
  return <loaded.Component parts={parts} />;
}

function Connected() {
  const now = connection.value;
  if (now.state === 'live') return <span data-connection="live"><Badge tone="ok" title={`Thali ${status.value?.host.version ?? ''}`}>Live</Badge></span>;
  if (now.state === 'connecting') return <span data-connection="connecting"><Badge tone="idle">Connecting</Badge></span>;
  const { problem, retryAt } = now;
  const told = problem.status === 401 ? 'Not signed in' : retryAt === null ? 'Not live' : 'Connection lost';
  return <span data-connection="lost"><Badge tone="bad" title={problem.message}>{told}</Badge></span>;
}

function ThemeSwitch() {
  return (
    <select aria-label="Colours" value={theme.value} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
      <option value="auto">As the system</option>
      <option value="light">Light</option>
      <option value="dark">Dark</option>
    </select>
  );
}
