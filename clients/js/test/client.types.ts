// The types of the client: what fits and what does not. client.test.js has the compiler check this file.
import { ApiError, createClient, isFailure, unwrap, type ErrorCode, type Session } from 'latchkey-verify/client';

const stored: Session | undefined = undefined;
const client = createClient('https://id.example.com', { session: stored, onSession: async (session) => void session?.refresh_token });
const body = { email: 'ada@example.com', password: 'tall-violet-anchor-92' };

const created = await unwrap(client.POST('/api/user/create', { body }));
created.id satisfies string;
// @ts-expect-error: there is no such field
created.password;

const { data, error } = await client.GET('/api/user/view');
if (data) {
  data.email satisfies string;
  data.roles satisfies string[];
  data.last_login satisfies string | null;
  data.metadata satisfies Record<string, unknown>;
} else if (isFailure(error)) {
  error.code satisfies 'not_authenticated' | 'token_expired' | ErrorCode;
  // @ts-expect-error: reading does not respond with this
  error.code === 'invalid_credentials';
}

const signIn = await client.POST('/api/user/login', { body });
if (signIn.error && isFailure(signIn.error)) signIn.error.code === 'invalid_credentials';
else if (signIn.error) signIn.error.email satisfies string[] | undefined;

(await unwrap(client.GET('/api/user/sessions')))[0]?.device satisfies string | null | undefined;
(await unwrap(client.POST('/api/user/logout'))) satisfies undefined;

// @ts-expect-error: the password is missing
await client.POST('/api/user/login', { body: { email: body.email } });
// @ts-expect-error: the method is another
await client.GET('/api/user/login');
// @ts-expect-error: there is no such path
await client.GET('/api/user/nothing');

const administration = createClient('https://id.example.com', { key: 'lk_…' });
const page = await unwrap(administration.GET('/api/admin/users', { params: { query: { search: 'ada', order: 'email' } } }));
page.users[0]?.is_active satisfies boolean | undefined;
page.next_cursor satisfies string | null;
// @ts-expect-error: there is no such order
await administration.GET('/api/admin/users', { params: { query: { order: 'name' } } });
await administration.PATCH('/api/admin/users/{id}', { params: { path: { id: created.id } }, body: { roles: ['editor'] } });
// @ts-expect-error: the ID is missing
await administration.GET('/api/admin/users/{id}');

try {
  await unwrap(client.POST('/api/user/password/reset', { body: { email: body.email } }));
} catch (caught) {
  if (!(caught instanceof ApiError)) throw caught;
  if (caught.code === 'throttled') caught.retryAfter satisfies number | undefined;
  // @ts-expect-error: there is no such code
  if (caught.code === 'nothing') caught.fields satisfies Record<string, string[]>;
}
