// The only place where HTML becomes nodes.

import DOMPurify from 'dompurify';

const TAGS =
  `a blockquote br code del em h1 h2 h3 h4 h5 h6 hr li ol p pre span strong table tbody td th thead
  tr ul`.split(/\s+/);

const purify = DOMPurify(window);
purify.addHook('afterSanitizeAttributes', (node) => {
  if (node.tagName !== 'A') return;
  node.setAttribute('target', '_blank');
  node.setAttribute('rel', 'noopener noreferrer nofollow');
});

/** Nodes of what we wrote from Markdown: text, tables, links to the web, and nothing that loads or runs. */
export function textFragment(html: string): DocumentFragment {
  return purify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    ALLOWED_TAGS: TAGS,
    ALLOWED_ATTR: ['href', 'class', 'start', 'align', 'title', 'data-display'],
    // These are no addresses, and need not look like one.
    ADD_URI_SAFE_ATTR: ['align', 'start'],
    ALLOWED_URI_REGEXP: /^(?:https?|mailto):/i,
  });
}

/** Nodes of formulas. */
export function mathFragment(html: string): DocumentFragment {
  return purify.sanitize(html, {
    RETURN_DOM_FRAGMENT: true,
    USE_PROFILES: { mathMl: true },
    FORBID_ATTR: ['style', 'href', 'id'],
  });
}
