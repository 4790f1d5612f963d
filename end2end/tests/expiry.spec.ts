import { expectAccount, expectEnded, open, signIn, storedSession } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

// A session's whole life within a test: it is renewed once or twice, and then no more.
test.use({ settings: { LATCHKEY_ACCESS_TTL: '3s', LATCHKEY_REFRESH_TTL: '6s', LATCHKEY_SESSION_TTL: '6s' } });

test('a session that has become too old leads to the sign-in page, and back', async ({ page, user, problems }) => {
  problems.expect(/status of 401/);
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
  // Nobody does anything, and time goes by.
  await expect.poll(() => storedSession(page), { timeout: 15_000 }).toBeNull();
  await expectEnded(page);
  await signIn(page, user);
  await expectAccount(page, user);
});
