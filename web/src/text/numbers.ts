// Numbers for people.

export function seconds(ms: number): string {
  const value = ms / 1000;
  if (value < 9.95) return `${value.toFixed(1)} s`;
  const whole = Math.round(value);
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/** As `seconds`, for what may take no time that anybody notices. */
export function brief(ms: number): string {
  return ms < 95 ? `${Math.max(1, Math.round(ms))} ms` : seconds(ms);
}

export function count(value: number): string {
  return value.toLocaleString('en');
}

export function rate(value: number): string {
  return value < 100 ? value.toFixed(1) : count(Math.round(value));
}

export function day(ms: number, now = Date.now()): string {
  const midnight = new Date(now).setHours(0, 0, 0, 0);
  if (ms >= midnight) return 'Today';
  if (ms >= midnight - 86_400_000) return 'Yesterday';
  if (ms >= midnight - 6 * 86_400_000) return 'This week';
  return new Date(ms).toLocaleDateString('en', { month: 'long', year: 'numeric' });
}
