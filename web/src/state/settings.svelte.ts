// What the user chose for this browser.

import { DEFAULT_OPTIONS, type Options } from '../conversation/types';

export type Theme = 'system' | 'light' | 'dark';

const THEME = 'gptoss.theme';
const OPTIONS = 'gptoss.options';

class Settings {
  theme = $state<Theme>((localStorage.getItem(THEME) as Theme | null) ?? 'system');
  /** Of the next new conversation: those that were used last. */
  options = $state<Options>(this.readOptions());
  isSidebarOpen = $state(window.innerWidth > 800);

  chooseTheme(theme: Theme): void {
    this.theme = theme;
    localStorage.setItem(THEME, theme);
    document.documentElement.dataset.theme = theme;
  }

  keepOptions(options: Options): void {
    this.options = { ...options };
    localStorage.setItem(OPTIONS, JSON.stringify(options));
  }

  private readOptions(): Options {
    try {
      const kept = JSON.parse(localStorage.getItem(OPTIONS) ?? '{}');
      return { ...DEFAULT_OPTIONS, ...kept };
    } catch {
      return { ...DEFAULT_OPTIONS };
    }
  }
}

export const settings = new Settings();
