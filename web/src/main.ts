// Puts the page in its place.

import { mount } from 'svelte';
import App from './App.svelte';
import './styles/tokens.css';
import './styles/page.css';
import './styles/text.css';

mount(App, { target: document.getElementById('app')! });
