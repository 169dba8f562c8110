// Small things that are kept in this browser; where it keeps nothing, for as long as the page lives.

const fallback = new Map<string, string>();

function of(kind: 'localStorage' | 'sessionStorage'): Storage | null {
  try {
    // Where it is blocked, looking at it throws.
    return window[kind];
  } catch {
    return null;
  }
}

const forGood = of('localStorage');
const forTheTab = of('sessionStorage');

export function read(name: string): string | null {
  return forTheTab?.getItem(name) ?? forGood?.getItem(name) ?? fallback.get(name) ?? null;
}

/** Keep a text in this browser, or for the tab alone. */
export function keep(name: string, text: string, isForTheTab = false): void {
  forget(name);
  const storage = isForTheTab ? forTheTab : forGood;
  if (storage) storage.setItem(name, text);
  else fallback.set(name, text);
}

export function forget(name: string): void {
  forTheTab?.removeItem(name);
  forGood?.removeItem(name);
  fallback.delete(name);
}
