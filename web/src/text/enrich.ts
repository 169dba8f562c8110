// What comes to a block once it is in the page: formulas, colours, buttons. Their libraries are loaded at first use.

import { canColour } from './limits';
import { mathFragment, textFragment } from './sanitize';
import { later } from './slices';

/** Give a block what its plain form lacks. */
export function enrich(block: DocumentFragment | Element): void {
  block.querySelectorAll('span.math').forEach((node) => void typeset(node as HTMLElement));
  block.querySelectorAll('pre').forEach(frame);
  block.querySelectorAll('table').forEach((table) => {
    const around = document.createElement('div');
    around.className = 'scroll';
    around.tabIndex = 0;
    table.replaceWith(around);
    around.append(table);
  });
}

/** Colours for the code of a block that is finished. */
export function colour(block: Element): void {
  block.querySelectorAll('pre > code').forEach((node) => void highlight(node as HTMLElement));
}

type Temml = typeof import('temml').default;

async function typeset(node: HTMLElement): Promise<void> {
  const tex = node.textContent ?? '';
  const { default: temml } = await import('temml');
  later(() => setFormula(temml, node, tex));
}

function setFormula(temml: Temml, node: HTMLElement, tex: string): void {
  const displayMode = node.dataset.display === 'block';
  try {
    const html = temml.renderToString(tex, { displayMode, trust: false });
    // The policy forbids styles in markup, and complains of them even before they are taken out.
    node.replaceChildren(mathFragment(html.replaceAll(/ style="[^"]*"/g, '')));
  } catch {
    // What it cannot read stays as it is written.
    node.classList.add('as-written');
  }
}

async function highlight(code: HTMLElement): Promise<void> {
  await paint(code, languageOf(code));
}

/** Colours for the text of a node, if it is of a language that is known. */
export async function paint(code: HTMLElement, language: string): Promise<void> {
  const text = code.textContent ?? '';
  if (!language || !canColour(text)) return;
  const { default: highlighter } = await import('./highlighter');
  if (!highlighter.getLanguage(language)) return;
  later(() => code.replaceChildren(textFragment(highlighter.highlight(text, { language }).value)));
}

function languageOf(code: HTMLElement): string {
  return code.className.replace('language-', '');
}

function frame(pre: HTMLElement): void {
  const code = pre.firstElementChild as HTMLElement | null;
  if (!code) return;
  const around = document.createElement('div');
  around.className = 'code';
  const head = document.createElement('div');
  head.className = 'code-head';
  const label = document.createElement('span');
  label.textContent = languageOf(code) || 'text';
  head.append(
    label,
    copyButton(() => code.textContent ?? ''),
  );
  pre.replaceWith(around);
  pre.tabIndex = 0;
  around.append(head, pre);
}

function copyButton(text: () => string): HTMLButtonElement {
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'Copy';
  button.addEventListener('click', async () => {
    await copy(text());
    button.textContent = 'Copied';
    setTimeout(() => (button.textContent = 'Copy'), 1500);
  });
  return button;
}

/** To the clipboard, also where the page is not of a secure origin. */
export async function copy(text: string): Promise<void> {
  try {
    return await navigator.clipboard.writeText(text);
  } catch {
    // Not there, or not allowed.
  }
  const area = document.createElement('textarea');
  area.value = text;
  // What stands behind a dialog cannot be selected.
  (document.querySelector('dialog[open]') ?? document.body).append(area);
  area.select();
  document.execCommand('copy');
  area.remove();
}
