import { render } from 'preact';
import { App } from './app';
import { startLive } from './live';
import { refreshSession } from './api';
import { apply } from './theme';
import './css/base.css';
import './css/ui.css';
import './css/layout.css';

apply();
const root = document.getElementById('app');
if (root) render(<App />, root);
refreshSession().catch(() => {});
startLive();
