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
  const signedIn = isSignedIn();
  root.dataset.session = signedIn ? 'in' : 'out';
  if (typeof WebAssembly !== 'object') root.dataset.lacks = 'webassembly';
  if (root.dataset.lacks) return;
  if (signedIn && location.pathname === '/') location.replace('/account');
  if (!signedIn && location.pathname === '/account') {
    const here = encodeURIComponent(location.pathname + location.search).replaceAll('%2F', '/');
    location.replace(`/login?next=${here}`);
  }
  if (!signedIn && location.pathname === '/two-factor') {
    location.replace(`/login${location.search || '?next=/account'}`);
  }
})();
