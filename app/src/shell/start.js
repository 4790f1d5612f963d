const root = document.documentElement;
const RELOADED = 'latchkey.reloaded';

// The kinds of all nodes in an element, in order: fingerprint.rs describes the server's page in the
// same way.
const outline = (node) => [...node.childNodes]
  .map((child) => `${child.nodeName.toLowerCase()}${outline(child)}/`).join('');
const fingerprint = (node) => [...outline(node)]
  .reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) | 0, 0);

const fields = () => [...document.querySelectorAll('#app input[id]')]
  .map(({ id, type, value }) => ({ id, type, value }));
const refill = (typed) => typed?.forEach(({ id, value }) => {
  const field = document.getElementById(id);
  if (field && !field.value) field.value = value;
});

const readReload = () => {
  try {
    const last = JSON.parse(sessionStorage.getItem(RELOADED));
    return Date.now() - last.at < 60000 ? last : null;
  } catch {
    return null;
  }
};
// Reloads the page, at most once a minute. Keeps the email address that was typed.
const reload = (path, isTrapped) => {
  if (readReload()) return false;
  const typed = fields().filter(({ type }) => type === 'email');
  try {
    sessionStorage.setItem(RELOADED, JSON.stringify({ at: Date.now(), isTrapped, typed }));
  } catch {
    return false;
  }
  if (path && path !== location.pathname) location.assign(path);
  else location.reload();
  return true;
};
// Called by the app when one of its files can't be fetched: after an upgrade of the server they have
// other names.
window.latchkeyReload = async (path) => {
  const isGone = () => performance.getEntriesByType('resource')
    .some(({ name, responseStatus }) => name.includes('/pkg/') && responseStatus >= 400);
  const head = () => fetch(js, { method: 'HEAD', cache: 'no-store' }).catch(() => ({}));
  return (isGone() || (await head()).status === 404) && reload(path, false);
};

// The texts of a page in another language than English. What hydrates the page must say what the server said.
const readTexts = () => root.dataset.texts && fetch(root.dataset.texts).then((response) => {
  if (!response.ok) throw new TypeError('the texts could not be fetched');
  return response.json();
});

const last = readReload();
// After an error in its WebAssembly the app does nothing any more.
const onError = (error) => {
  const isOurs = error instanceof WebAssembly.RuntimeError || /wasm/.test(error?.stack);
  if (!isOurs || root.dataset.lacks) return;
  if (root.dataset.app) root.dataset.lacks = 'stopped';
  else if (last?.isTrapped || !reload('', true)) root.dataset.lacks = 'start';
};

if (!root.dataset.lacks) {
  addEventListener('error', ({ error }) => onError(error));
  // A file that can't be fetched is a TypeError, and reported by the app where it needs the file.
  addEventListener('unhandledrejection', ({ reason }) => reason instanceof TypeError || onError(reason));
  refill(last?.typed);
  try {
    const texts = readTexts();
    const app = await import(js);
    await app.default({ module_or_path: wasm });
    if (texts) {
      app.setLanguage(root.lang);
      for (const text of Object.entries(await texts)) app.addText(...text);
    }
    await app.load();
    const served = document.getElementById('app');
    // The app can only take over the page that the server has rendered. If an extension, a translator
    // or a proxy has changed it, the app renders it again.
    if (served && !last?.isTrapped && fingerprint(served) === expected) {
      await app.hydrate(served);
    } else {
      const fresh = document.createElement('div');
      fresh.id = 'app';
      await app.render(fresh);
      const typed = fields();
      const focused = document.activeElement?.id;
      if (served) served.replaceWith(fresh);
      else document.body.append(fresh);
      refill(typed);
      if (focused) document.getElementById(focused)?.focus();
    }
    root.dataset.app = 'ready';
  } catch (error) {
    // These errors mean that the files were loaded, but the browser is too old for them.
    const isTooOld = error instanceof WebAssembly.CompileError || error instanceof SyntaxError;
    if (!(error instanceof WebAssembly.RuntimeError)) root.dataset.lacks = isTooOld ? 'webassembly' : 'app';
    throw error;
  }
}
