// The page: shows the forms or the lists, and says what went wrong.
import { HOME, LATCHKEY, WORK } from './config.js';
import * as session from './session.js';

const LISTS = [
  { title: 'Home', keeper: 'Kept by a backend in Node.js', url: `${HOME}/todos` },
  { title: 'Work', keeper: 'Kept by a backend in Rust', url: `${WORK}/todos` },
];

const find = (selector, inside = document) => inside.querySelector(selector);
const copy = (template) => find(template).content.firstElementChild.cloneNode(true);

/** Does what a control is for, once at a time. What goes wrong is said at the fields, or in `message`. */
async function attempt(control, message, work) {
  if (control.ariaBusy) return;
  control.ariaBusy = 'true';
  message.textContent = '';
  showFieldErrors(control, {});
  try {
    await work();
  } catch (error) {
    if (!(error instanceof session.RequestError)) console.error(error);
    message.textContent = error instanceof session.RequestError ? error.message : 'Something went wrong. Reload the page.';
    showFieldErrors(control, error.fields ?? {});
  } finally {
    control.ariaBusy = null;
  }
}

function showFieldErrors(form, fields) {
  for (const input of form.querySelectorAll('[aria-describedby]')) {
    const messages = fields[input.name] ?? [];
    find(`#${input.getAttribute('aria-describedby')}`).textContent = messages.join(' ');
    input.ariaInvalid = messages.length > 0 ? 'true' : null;
  }
  find('[aria-invalid]', form)?.focus();
}

/** Calls `work` with what was typed when a form is submitted. */
function onSubmit(form, message, work) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    attempt(form, message, () => work(Object.fromEntries(new FormData(form))));
  });
}

// ----- Signing in and out

const signInForm = find('#sign-in');
const codeForm = find('#second-factor');
let isNew;

/** Shows the form for signing in, or for creating an account. */
function showSignIn(forNew) {
  isNew = forNew;
  const [is, other] = isNew ? ['Create account', 'I have an account'] : ['Sign in', 'Create an account'];
  find('h2', signInForm).textContent = is;
  find('button', signInForm).textContent = is;
  find('.quiet', signInForm).textContent = other;
  find('#password').autocomplete = isNew ? 'new-password' : 'current-password';
  [signInForm.hidden, codeForm.hidden] = [false, true];
}

onSubmit(signInForm, find('.message', signInForm), async ({ email, password }) => {
  const signIn = isNew ? session.signUp : session.signIn;
  const isComplete = await signIn(email, password);
  signInForm.reset();
  if (isComplete) return;
  [signInForm.hidden, codeForm.hidden] = [true, false];
  find('input', codeForm).focus();
});
onSubmit(codeForm, find('.message', codeForm), async ({ code }) => {
  await session.completeSignIn(code);
  codeForm.reset();
});
find('.quiet', signInForm).addEventListener('click', () => showSignIn(!isNew));
find('.quiet', codeForm).addEventListener('click', () => showSignIn(false));
find('#forgot').href = `${LATCHKEY}/forgot`;

for (const [button, everywhere] of [['#sign-out', false], ['#sign-out-everywhere', true]]) {
  find(button).addEventListener('click', ({ target }) => {
    attempt(target, find('#notice'), () => session.signOut({ everywhere }));
  });
}

// ----- The lists

/** Shows a list. Returns its element, and a function that loads it again. */
function createList({ title, keeper, url }) {
  const list = copy('#list');
  const [form, message, items] = ['form', '.message', 'ul'].map((selector) => find(selector, list));
  find('h2', list).textContent = title;
  find('.keeper', list).textContent = keeper;
  find('input', form).ariaLabel = `Add to ${title}`;

  /** The number of the newest request for the list. Each change is followed by one, and others are old by then. */
  let newest = 0;
  async function load() {
    const number = ++newest;
    const todos = await session.call(url);
    if (number === newest) items.replaceChildren(...todos.map(createItem));
  }

  onSubmit(form, message, async ({ text }) => {
    await session.call(url, { method: 'POST', body: { text } });
    form.reset();
    await load();
  });

  function createItem({ id, text, done }) {
    const item = copy('#item');
    const [checkbox, remove] = [find('input', item), find('button', item)];
    // As text, never as HTML.
    find('span', item).textContent = text;
    remove.ariaLabel = `Delete ${text}`;
    checkbox.checked = done;
    checkbox.addEventListener('change', async () => {
      await attempt(item, message, async () => {
        ({ done } = await session.call(`${url}/${id}`, { method: 'PATCH', body: { done: !done } }));
        newest += 1;
      });
      // What the backend has, whatever was pressed.
      checkbox.checked = done;
    });
    remove.addEventListener('click', () => attempt(item, message, async () => {
      await session.call(`${url}/${id}`, { method: 'DELETE' });
      find('input', form).focus();
      await load();
    }));
    return item;
  }

  return { list, load: () => attempt(list, message, load) };
}

let loads = [];
const reload = () => loads.forEach((load) => load());

session.follow((email, notice) => {
  find('#notice').textContent = notice;
  find('#email').textContent = email ?? '';
  find('#account').hidden = !email;
  if (email) [signInForm.hidden, codeForm.hidden] = [true, true];
  else showSignIn(false);
  // Each sign-in has lists of its own: a late response for somebody else is shown nowhere.
  const lists = email ? LISTS.map(createList) : [];
  find('#lists').replaceChildren(...lists.map(({ list }) => list));
  loads = lists.map(({ load }) => load);
  reload();
});

// What has changed elsewhere, even that the session has ended, shows when somebody looks.
document.addEventListener('visibilitychange', () => document.hidden || reload());
addEventListener('online', reload);
