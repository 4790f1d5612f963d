// Shows the OpenAPI document of this server, and sends requests to it. Texts are only ever set as text.

const byId = (id) => document.getElementById(id);

/** Creates an element with these properties and children. */
function element(name, properties = {}, ...children) {
  const created = Object.assign(document.createElement(name), properties);
  created.append(...children);
  return created;
}

/** The session of the browser app, if it is signed in here. */
function session() {
  try {
    return JSON.parse(localStorage.getItem('latchkey.session'));
  } catch {
    return null;
  }
}

function describeSchema(schema) {
  const type = [schema.type].flat().filter(Boolean).join(' or ') || 'any';
  const parts = [schema.format ? `${type} (${schema.format})` : type];
  if (schema.enum) parts.push(schema.enum.join(', '));
  if (schema.maxLength) parts.push(`at most ${schema.maxLength} characters`);
  if (schema.description) parts.push(schema.description);
  return parts.join('; ');
}

/** The fields of an operation, wherever they are sent. */
function fieldsOf(operation) {
  const parameters = (operation.parameters ?? []).map((parameter) => ({ ...parameter }));
  const body = operation.requestBody?.content['application/json'].schema;
  const inBody = Object.entries(body?.properties ?? {}).map(([name, schema]) => ({
    name,
    schema,
    in: 'body',
    required: body.required?.includes(name) ?? false,
  }));
  return [...parameters, ...inBody];
}

function authorization(operation) {
  if (operation.security.length === 0) return 'Needs no authorization.';
  const ways = operation.security.map((way) => {
    const [name, scopes] = Object.entries(way)[0] ?? ['nothing', []];
    if (name === 'serviceKey') return `a service key with ${scopes.join(', ')}`;
    return name === 'accessToken' ? 'an access token' : 'nothing';
  });
  return `Takes ${ways.join(', or ')}.`;
}

/** The value that a field of a JSON body has after it was typed. */
function parsed(schema, text) {
  if (schema.type === 'string') return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** The request that the inputs of an operation stand for. */
function request(path, method, inputs) {
  let url = path;
  const query = new URLSearchParams();
  const body = {};
  for (const { field, input } of inputs) {
    if (input.value === '' && field.in !== 'path') continue;
    if (field.in === 'path') url = url.replace(`{${field.name}}`, encodeURIComponent(input.value));
    else if (field.in === 'query') query.set(field.name, input.value);
    else body[field.name] = parsed(field.schema, input.value);
  }
  const headers = {};
  const credentials = byId('credentials').value.trim();
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
  if (!response.headers.get('content-type')?.startsWith('text/event-stream')) {
    const text = await response.text();
    try {
      return JSON.stringify(JSON.parse(text), null, 2);
    } catch {
      return text;
    }
  }
  const reader = response.body.getReader();
  const { value } = await reader.read();
  await reader.cancel();
  return `${new TextDecoder().decode(value)}…`;
}

function tryIt(path, method, operation) {
  const inputs = fieldsOf(operation).map((field) => {
    const id = `${operation.operationId}-${field.name}`;
    const type = field.schema.format === 'password' ? 'password' : 'text';
    const input = element('input', { id, type, autocomplete: 'off', spellcheck: false });
    return { field, input, label: element('label', { htmlFor: id }, field.name) };
  });
  const output = element('pre', { hidden: true, tabIndex: 0 });
  output.setAttribute('role', 'status');
  output.setAttribute('aria-label', 'Response');
  const button = element('button', { type: 'button' }, 'Send');
  button.addEventListener('click', async () => {
    button.disabled = true;
    output.hidden = false;
    output.textContent = 'Sending…';
    try {
      const response = await fetch(...request(path, method, inputs));
      const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
      output.textContent = `${response.status} ${response.statusText}\n${headers}\n\n${await read(response)}`;
    } catch (error) {
      output.textContent = `No response: ${error.message}`;
    }
    button.disabled = false;
  });
  return element('div', {}, ...inputs.flatMap(({ label, input }) => [label, input]), button, output);
}

function responsesOf(operation) {
  const list = element('dl');
  for (const [status, { description, content }] of Object.entries(operation.responses)) {
    list.append(element('dt', {}, status), element('dd', {}, description));
    const schema = Object.values(content ?? {})[0]?.schema;
    if (schema && status < 300) {
      list.append(element('dd', {}, element('pre', {}, JSON.stringify(schema, null, 1))));
    }
  }
  return list;
}

function show(path, method, operation) {
  const fields = element('dl');
  for (const field of fieldsOf(operation)) {
    const required = field.required ? 'required; ' : '';
    fields.append(element('dt', {}, field.name), element('dd', {}, required + describeSchema(field.schema)));
  }
  const heading = element(
    'summary',
    {},
    element('span', { className: 'method' }, method.toUpperCase()),
    ` ${path} · ${operation.summary}`,
  );
  const details = element('details', { id: operation.operationId }, heading);
  // Most operations are never opened.
  details.addEventListener(
    'toggle',
    () =>
      details.append(
        element(
          'div',
          {},
          element('p', { className: 'text' }, operation.description ?? ''),
          element('p', {}, authorization(operation)),
          element('h3', {}, 'Fields'),
          fields.children.length > 0 ? fields : element('p', {}, 'None.'),
          element('h3', {}, 'Responses'),
          responsesOf(operation),
          element('h3', {}, 'Try it'),
          tryIt(path, method, operation),
        ),
      ),
    { once: true },
  );
  return details;
}

function showAll(api) {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const shown = [];
  for (const { name } of api.tags) {
    const group = element('section', {}, element('h2', {}, name));
    for (const { path, method, operation } of operations) {
      if (!operation.tags.includes(name)) continue;
      const details = show(path, method, operation);
      shown.push({ details, group, text: `${method} ${path} ${operation.summary}`.toLowerCase() });
      group.append(details);
    }
    byId('operations').append(group);
  }
  const filter = byId('filter');
  filter.addEventListener('input', () => {
    const words = filter.value.toLowerCase().split(' ');
    for (const { details, text } of shown) details.hidden = !words.every((word) => text.includes(word));
    for (const { group } of shown) group.hidden = !group.querySelector('details:not([hidden])');
    byId('state').textContent = `${shown.filter(({ details }) => !details.hidden).length} operations`;
  });
  byId('state').textContent = `${shown.length} operations`;
}

const own = byId('own');
own.hidden = !session()?.token;
own.addEventListener('click', () => {
  byId('credentials').value = session()?.token ?? '';
});

try {
  const response = await fetch('/api/openapi.json');
  if (!response.ok) throw new Error(`status ${response.status}`);
  showAll(await response.json());
  document.getElementById(location.hash.slice(1))?.setAttribute('open', '');
} catch (error) {
  byId('state').textContent = `The document can't be loaded: ${error.message}`;
}
