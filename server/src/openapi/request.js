// The form of an operation: sends a request to this server, and shows the response.

import { element } from './text.js';

/** The input that suits a field. */
function inputFor(id, { schema }) {
  const choices = schema.type === 'boolean' ? ['true', 'false'] : schema.enum;
  if (choices) {
    const options = ['', ...choices].map((value) => element('option', { value }, value));
    return element('select', { id }, ...options);
  }
  if (schema.type === 'object') return element('textarea', { id, rows: 3, spellcheck: false, placeholder: '{}' });
  const type = schema.format === 'password' ? 'password' : 'text';
  const placeholder = schema.type === 'array' ? 'one, two' : (schema.examples?.[0] ?? '');
  return element('input', { id, type, placeholder, autocomplete: 'off', spellcheck: false });
}

/** The value that a field of a JSON body has after it was typed. */
function parsed({ type }, text) {
  if (type === 'string') return text;
  try {
    return JSON.parse(text);
  } catch {
    return type === 'array' ? text.split(',').map((item) => item.trim()) : text;
  }
}

/** The request that the inputs of an operation stand for. */
function request({ path, method, inputs, credentials }) {
  let url = path;
  const query = new URLSearchParams();
  const body = {};
  for (const { field, input } of inputs) {
    if (field.in === 'path') url = url.replace(`{${field.name}}`, encodeURIComponent(input.value));
    else if (input.value === '') continue;
    else if (field.in === 'query') query.set(field.name, input.value);
    else body[field.name] = parsed(field.schema, input.value);
  }
  const headers = {};
  if (credentials) headers.Authorization = `Bearer ${credentials}`;
  const options = { method, headers, credentials: 'same-origin', cache: 'no-store', redirect: 'manual' };
  if (inputs.some(({ field }) => field.in === 'body')) {
    headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  return [query.size > 0 ? `${url}?${query}` : url, options];
}

/** Reads a response, and only the beginning of one that does not end. */
async function read(response) {
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) return response.text();
  const reader = response.body.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return `${new TextDecoder().decode(value)}…`;
}

function parsedJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function shown(response, text) {
  const waits = response.headers.get('retry-after');
  const head = `${response.status} ${response.statusText}${waits ? ` · Retry-After: ${waits}` : ''}`;
  const json = parsedJson(text);
  const body = element('pre', { tabIndex: 0 }, json === null ? text : JSON.stringify(json, null, 2));
  const kind = response.ok ? 'status good' : 'status bad';
  return [element('p', { className: kind }, head), ...(text ? [body] : [])];
}

/** Offers the access token of a response for the next requests. */
function offer(token, use) {
  const button = element('button', { type: 'button', className: 'quiet' }, 'Use this access token');
  button.addEventListener('click', () => {
    use(token);
    button.textContent = 'Used from now on';
    button.disabled = true;
  });
  return button;
}

/** The form of an operation. `authorization` has the credentials as they are when a request is sent. */
export function form({ path, method, id, fields }, authorization) {
  const inputs = fields.map((field) => ({ field, input: inputFor(`${id}-${field.name}`, field) }));
  const labeled = inputs.map(({ field, input }) => {
    const name = field.required ? field.name : `${field.name} (optional)`;
    return element('div', {}, element('label', { htmlFor: input.id }, name), input);
  });
  const output = element('div');
  output.setAttribute('role', 'status');
  const button = element('button', { type: 'submit' }, 'Send');
  const whole = element('form', {}, ...labeled, button, output);
  whole.addEventListener('submit', async (event) => {
    event.preventDefault();
    button.disabled = true;
    output.replaceChildren(element('p', {}, 'Sending…'));
    try {
      const credentials = authorization.value.trim();
      const response = await fetch(...request({ path, method, inputs, credentials }));
      const text = await read(response);
      output.replaceChildren(...shown(response, text));
      const token = parsedJson(text)?.token;
      if (response.ok && token) output.append(offer(token, (value) => (authorization.value = value)));
    } catch (error) {
      output.replaceChildren(element('p', { className: 'status bad' }, `No response: ${error.message}`));
    }
    button.disabled = false;
  });
  return whole;
}
