// Runs before the first paint, so that a signed-in user does not see the sign-in form for a moment,
// nor a signed-out user the account. style/auth-state.css uses the attributes that this sets on
// <html>. Without JavaScript there is no `data-session`, and the page says what it needs.
(() => {
  const root = document.documentElement;
  const isSignedIn = () => {
    try {
      const session = JSON.parse(localStorage.getItem('latchkey.session'));
      return Boolean(session?.token && session.refresh_token && session.expires_at);
    } catch (error) {
      if (!(error instanceof SyntaxError)) root.dataset.lacks = 'storage';
      return false;
    }
  };
  const isWritable = () => {
    const probe = 'latchkey.probe';
    try {
      localStorage.setItem(probe, probe);
      const isKept = localStorage.getItem(probe) === probe;
      localStorage.removeItem(probe);
      return isKept;
    } catch {
      return false;
    }
  };
  // Until the app runs, a form would be sent to the page itself. The buttons are disabled until then,
  // but some browsers restore the state that they had before a reload.
  addEventListener('submit', (event) => {
    if (!root.dataset.app || root.dataset.lacks) event.preventDefault();
  }, true);
  // "Try again", before the app runs or when it has stopped.
  addEventListener('click', ({ target }) => {
    if (target.closest?.('[data-reload]')) location.reload();
  });
  addEventListener('change', ({ target }) => {
    if (!target.matches?.('[data-language]')) return;
    const secure = location.protocol === 'https:' ? '; secure' : '';
    document.cookie = `latchkey_language=${target.value}; path=/; max-age=31536000; samesite=lax${secure}`;
    location.reload();
  });
  const signedIn = isSignedIn();
  root.dataset.session = signedIn ? 'in' : 'out';
  if (typeof WebAssembly !== 'object') root.dataset.lacks = 'webassembly';
  if (root.dataset.lacks) return;
  if (!isWritable()) root.dataset.storage = 'full';
  setTimeout(() => {
    root.dataset.late = '';
  }, 15000);
  if (signedIn && location.pathname === '/') location.replace('/account');
  if (!signedIn && /^\/(account|admin)(\/|$)/.test(location.pathname)) {
    const here = encodeURIComponent(location.pathname + location.search).replaceAll('%2F', '/');
    location.replace(`/login?next=${here}`);
  }
  if (!signedIn && location.pathname === '/two-factor') {
    location.replace(`/login${location.search || '?next=/account'}`);
  }
})();
