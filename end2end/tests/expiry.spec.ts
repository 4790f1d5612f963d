import { expectAccount, expectEnded, open, signIn, storedSession } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

// A session is renewed once or twice, and then expires within the test.
test.use({ settings: { LATCHKEY_ACCESS_TTL: '3s', LATCHKEY_REFRESH_TTL: '6s', LATCHKEY_SESSION_TTL: '6s' } });

test('an expired session leads to the sign-in page, and back', async ({ page, user, problems }) => {
  problems.expect(/status of 401/);
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
  // The session expires without any action.
  await expect.poll(() => storedSession(page), { timeout: 15_000 }).toBeNull();
  await expectEnded(page);
  await signIn(page, user);
  await expectAccount(page, user);
});
