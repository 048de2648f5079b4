// Where the services' API, and the host's own, can be read and tried.

import { signedIn } from '../api';
import { useLoad } from '../load';
import type { Items } from '../types';
import { read } from './read';

interface Setting {
  key: string;
  value: unknown;
}

export default function Api() {
  const loaded = useLoad((signal) => read<Items<Setting>>('config', {}, signal), [], { on: [signedIn] });
  const address = loaded.data && docsAt(loaded.data.items.find(({ key }) => key === 'gateway.listen')?.value);
  return (
    <div class="view">
      <div class="view-head"><h1>API</h1></div>
      <p>Every route of every live service, made of their contracts, on two pages.</p>
      <section class="panel" aria-labelledby="api-try">
        <div class="panel-head"><h2 id="api-try">To try out</h2></div>
        <div class="panel-body">
          <p>Where the services are served, so that requests can be sent from the page. They do what they say.</p>
          {address ? <p><a href={address} target="_blank" rel="noreferrer">{address}</a></p> : (
            <p>It is at <code>/docs/</code> of the address of the services{loaded.problem ? ', which is told to those who are signed in' : ''}.</p>
          )}
        </div>
      </section>
      <section class="panel" aria-labelledby="api-read">
        <div class="panel-head"><h2 id="api-read">To read</h2></div>
        <div class="panel-body">
          <p>The same routes on this address, without sending anything. The document itself: <a href="./admin/v1/openapi.json">openapi.json</a>.</p>
          <p><Page path="docs/" /></p>
        </div>
      </section>
      <section class="panel" aria-labelledby="api-admin">
        <div class="panel-head"><h2 id="api-admin">Of the host itself</h2></div>
        <div class="panel-body">
          <p>What this dashboard and the command line are made of, to read and to try out. What is sent from there happens. The document itself: <a href="./admin/v1/api.json">api.json</a>.</p>
          <p><Page path="docs/?api=admin" /></p>
        </div>
      </section>
    </div>
  );
}

/** A page of this address, in a tab of its own. */
function Page({ path }: { path: string }) {
  return <a href={`./${path}`} target="_blank" rel="noreferrer">{new URL(path, document.baseURI).href}</a>;
}

/** The page on the listener of the services. One that listens everywhere is where this page is; a port that was chosen by chance is not told. */
function docsAt(listen: unknown): string | undefined {
  const [, host = '', port = ''] = /^(.*):(\d+)$/.exec(String(listen)) ?? [];
  if (!Number(port)) return undefined;
  const everywhere = ['0.0.0.0', '[::]', ''].includes(host);
  return `http://${everywhere ? location.hostname : host}:${port}/docs/`;
}
