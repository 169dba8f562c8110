// Before anything is drawn, so that nobody who chose the dark sees a white flash.
try {
  document.documentElement.dataset.theme = localStorage.getItem('gptoss.theme') ?? 'system';
} catch {
  document.documentElement.dataset.theme = 'system';
}
