// Keeps the list "Home": a backend in Node.js that checks Latchkey's tokens by itself.
//
//   GET    /todos      200 [{"id","text","done"}]
//   POST   /todos      {"text"} → 201 {"id","text","done"}
//   PATCH  /todos/ID   {"done"} → 200 {"id","text","done"}
//   DELETE /todos/ID   204
import { createServer } from 'node:http';
// In your app: from 'latchkey-verify'.
import { Verifier, express } from '../../clients/js/src/index.js';

const { PORT, LATCHKEY_URL, LATCHKEY_KEY, APP_ORIGIN } = process.env;

const MAX_TODOS = 100;
const MAX_TEXT = 200;
const MAX_BODY = 16 * 1024;

// Keeps the public keys and follows the revocations: from now on, checking a token takes no request.
const verifier = await Verifier.connect(LATCHKEY_URL, LATCHKEY_KEY);
/** Sets `request.auth` to the claims of the request's token, or responds with 401. For Express, too. */
const authenticate = express(verifier);

/** The todos by user, in memory to keep this short. */
const todosOf = new Map();
let lastId = 0;

createServer((request, response) => {
  allowApp(response);
  if (request.method === 'OPTIONS') response.writeHead(204).end();
  else authenticate(request, response, () => respond(request, response));
}).listen(PORT, '127.0.0.1');

/** Lets the app's scripts call this from their own origin (CORS). The token says who asks, not a cookie. */
function allowApp(response) {
  response.setHeader('Access-Control-Allow-Origin', APP_ORIGIN);
  response.setHeader('Access-Control-Allow-Methods', 'GET, POST, PATCH, DELETE');
  response.setHeader('Access-Control-Allow-Headers', 'Authorization, Content-Type');
  response.setHeader('Access-Control-Expose-Headers', 'Retry-After');
  response.setHeader('Access-Control-Max-Age', '600');
}

/** Why a request can't be fulfilled, in the form of Latchkey's own errors. */
class Refusal extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

async function respond(request, response) {
  try {
    const [status, body] = await handle(request);
    response.writeHead(status, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    response.end(body && JSON.stringify(body));
  } catch (error) {
    const isRefusal = error instanceof Refusal;
    if (!isRefusal) console.error(error);
    const [status, detail] = isRefusal ? [error.status, error.message] : [500, 'Internal error.'];
    response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify({ detail }));
  }
}

/** Returns the status and the body of the response. */
async function handle(request) {
  const { method, url } = request;
  const body = method === 'POST' || method === 'PATCH' ? await read(request) : undefined;
  // Users get their own todos, and no others.
  const { sub: user } = request.auth;
  const todos = todosOf.get(user) ?? [];
  if (url === '/todos' && method === 'GET') return [200, todos];
  if (url === '/todos' && method === 'POST') {
    const todo = { id: lastId + 1, text: checkText(body?.text), done: false };
    if (todos.length >= MAX_TODOS) throw new Refusal(400, `There are ${MAX_TODOS} already. Delete one first.`);
    lastId += 1;
    todosOf.set(user, [...todos, todo]);
    return [201, todo];
  }
  const todo = todos.find(({ id }) => url === `/todos/${id}`);
  if (!todo) throw new Refusal(404, 'It is not there any more.');
  if (method === 'PATCH') {
    todo.done = body?.done === true;
    return [200, todo];
  }
  if (method === 'DELETE') {
    todosOf.set(user, todos.filter((other) => other !== todo));
    return [204];
  }
  throw new Refusal(405, 'Method not allowed.');
}

function checkText(text) {
  if (typeof text !== 'string' || text.trim() === '') throw new Refusal(400, 'Write what is to be done.');
  if (text.length > MAX_TEXT) throw new Refusal(400, `Use at most ${MAX_TEXT} characters.`);
  return text.trim();
}

/** Reads a body of JSON. Leaving the loop early closes the connection. */
async function read(request) {
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > MAX_BODY) throw new Refusal(413, 'That is too long.');
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString());
  } catch {
    throw new Refusal(400, 'The body is not JSON.');
  }
}
