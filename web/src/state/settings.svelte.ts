// What the user chose for this browser.

import { keep, read } from '../api/storage';
import { DEFAULT_OPTIONS, type Options } from '../conversation/types';

export type Theme = 'system' | 'light' | 'dark';

const THEME = 'gptoss.theme';
const OPTIONS = 'gptoss.options';

class Settings {
  theme = $state<Theme>((read(THEME) as Theme | null) ?? 'system');
  /** Of new conversations: those that were chosen last. */
  options = $state<Options>(keptOptions());
  isSidebarOpen = $state(window.innerWidth > 800);

  chooseTheme(theme: Theme): void {
    this.theme = theme;
    keep(THEME, theme);
    document.documentElement.dataset.theme = theme;
  }

  chooseOptions(options: Partial<Options>): void {
    Object.assign(this.options, options);
    keep(OPTIONS, JSON.stringify(this.options));
  }
}

function keptOptions(): Options {
  try {
    return { ...DEFAULT_OPTIONS, ...JSON.parse(read(OPTIONS) ?? '{}') };
  } catch {
    return { ...DEFAULT_OPTIONS };
  }
}

export const settings = new Settings();
