// Shows the OpenAPI document of this server.

import { form } from './request.js';
import { element, markdown } from './text.js';

const byId = (id) => document.getElementById(id);
const credentials = byId('credentials');

/** The session of the browser app, if it is signed in here. */
function session() {
  try {
    return JSON.parse(localStorage.getItem('latchkey.session'));
  } catch {
    return null;
  }
}

/** The fields of an operation, wherever they are sent. */
function fieldsOf(operation) {
  const body = operation.requestBody?.content['application/json'].schema;
  const inBody = Object.entries(body?.properties ?? {}).map(([name, schema]) => ({
    name,
    schema,
    in: 'body',
    required: body.required?.includes(name) ?? false,
  }));
  return [...(operation.parameters ?? []), ...inBody];
}

function authorization({ security }) {
  if (security.length === 0) return 'Needs no authorization.';
  const ways = security.map((way) => {
    const [name, scopes] = Object.entries(way)[0] ?? [];
    if (name === 'serviceKey') return `a service key with ${scopes.join(', ')}`;
    return name ? 'an access token' : 'nothing';
  });
  return `Takes ${ways.join(', or ')}.`;
}

function describe(field) {
  const { schema } = field;
  const type = [schema.type].flat().filter(Boolean).join(' or ') || 'any';
  const parts = [field.required ? 'required' : 'optional', schema.format ? `${type} (${schema.format})` : type];
  if (schema.enum) parts.push(schema.enum.join(', '));
  if (schema.description) parts.push(schema.description);
  return parts.join(' · ');
}

/** A value of the kind that a schema describes, with the types in place of values. */
function example(schema, schemas) {
  const name = schema.$ref?.split('/').pop();
  if (name) return example(schemas[name], schemas);
  if (schema.allOf) return Object.assign({}, ...schema.allOf.map((part) => example(part, schemas)));
  if (schema.anyOf) return example(schema.anyOf[0], schemas);
  if (schema.items) return [example(schema.items, schemas)];
  const properties = Object.entries(schema.properties ?? {});
  if (properties.length > 0) return Object.fromEntries(properties.map(([key, value]) => [key, example(value, schemas)]));
  if (schema.type === 'object') return {};
  const type = schema.enum?.join(' | ') ?? [schema.type].flat().filter(Boolean).join(' | ');
  return schema.const ?? (schema.format ? type.replace('string', schema.format) : type);
}

function responsesOf(operation, schemas) {
  const list = element('dl');
  for (const [status, { description, content }] of Object.entries(operation.responses)) {
    list.append(element('dt', {}, status), element('dd', {}, ...markdown(description)));
    const schema = content?.['application/json']?.schema;
    if (schema && status < 300) {
      const text = JSON.stringify(example(schema, schemas), null, 2);
      list.append(element('dd', {}, element('pre', { tabIndex: 0 }, text)));
    }
  }
  return list;
}

/** The name that the reference's own links use. */
function anchor(method, path) {
  return `${method}-${path.toLowerCase().replace(/[^a-z0-9-]/g, '')}`;
}

function contents({ path, method, operation, schemas }) {
  const fields = fieldsOf(operation);
  const list = element('dl');
  for (const field of fields) {
    list.append(element('dt', {}, field.name), element('dd', {}, describe(field)));
  }
  const reference = element(
    'div',
    {},
    ...markdown(operation.description ?? ''),
    element('p', { className: 'soft' }, authorization(operation)),
    ...(fields.length > 0 ? [element('h4', {}, 'Fields'), list] : []),
    element('h4', {}, 'Responses'),
    responsesOf(operation, schemas),
  );
  const trial = { path, method: method.toUpperCase(), id: operation.operationId, fields };
  const tryIt = element('div', {}, element('h4', {}, 'Try it'), form(trial, credentials));
  return element('div', { className: 'columns' }, reference, tryIt);
}

function show(described) {
  const { path, method, operation } = described;
  const heading = element(
    'summary',
    {},
    element('span', { className: `method ${method}` }, method.toUpperCase()),
    element('span', { className: 'path' }, path),
    element('span', { className: 'soft' }, operation.summary),
  );
  const details = element('details', { id: anchor(method, path) }, heading);
  // Most operations are never opened.
  details.addEventListener('toggle', () => details.append(contents(described)), { once: true });
  return details;
}

function showAll(api) {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation, schemas: api.components.schemas })),
  );
  const shown = [];
  for (const { name, description } of api.tags) {
    const group = element('section', {}, element('h2', {}, description ?? name));
    for (const described of operations.filter(({ operation }) => operation.tags.includes(name))) {
      const details = show(described);
      const { path, method, operation } = described;
      shown.push({ details, group, text: `${method} ${path} ${operation.summary}`.toLowerCase() });
      group.append(details);
    }
    byId('operations').append(group);
  }
  byId('general').append(element('div', { className: 'text' }, ...markdown(api.info.description)));
  byId('general').hidden = false;
  byId('about').prepend(`Version ${api.info.version} · `);
  return shown;
}

/** Shows the operations in which every word occurs. */
function filter(shown, sought) {
  const words = sought.toLowerCase().split(' ');
  for (const { details, text } of shown) details.hidden = !words.every((word) => text.includes(word));
  for (const { group } of shown) group.hidden = !group.querySelector('details:not([hidden])');
  const count = shown.filter(({ details }) => !details.hidden).length;
  byId('state').textContent = count === 1 ? '1 operation' : `${count} operations`;
}

function openLinked() {
  const linked = byId(location.hash.slice(1));
  if (linked?.localName !== 'details') return;
  linked.open = true;
  linked.scrollIntoView();
}

const own = byId('own');
own.hidden = !session()?.token;
own.addEventListener('click', () => {
  credentials.value = session()?.token ?? '';
});

try {
  const response = await fetch('/api/openapi.json');
  if (!response.ok) throw new Error(`status ${response.status}`);
  const shown = showAll(await response.json());
  byId('filter').addEventListener('input', (event) => filter(shown, event.target.value));
  filter(shown, '');
  openLinked();
  addEventListener('hashchange', openLinked);
} catch (error) {
  byId('state').textContent = `The document can't be loaded: ${error.message}`;
}
