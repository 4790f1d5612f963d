import { expectAccount, open, PAGES, signIn } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

for (const path of PAGES) {
  test(`${path} is served with a strict Content-Security-Policy`, async ({ request }) => {
    const response = await request.get(path);
    expect(response.status()).toBe(200);
    const headers = response.headers();
    const policy = new Map(headers['content-security-policy'].split(';').map((directive) => {
      const [name, ...values] = directive.trim().split(/\s+/);
      return [name, values] as const;
    }));
    const script = policy.get('script-src') ?? policy.get('default-src') ?? [];
    expect(script.join(' ')).toMatch(/'nonce-|'sha256-/);
    expect(script).not.toContain("'unsafe-inline'");
    expect(script).not.toContain("'unsafe-eval'");
    expect(script).not.toContain('*');
    expect(policy.get('object-src') ?? policy.get('default-src')).toEqual(["'none'"]);
    expect(policy.get('base-uri')).toEqual(["'none'"]);
    expect(policy.get('frame-ancestors')).toEqual(["'none'"]);
    expect(headers['x-content-type-options']).toBe('nosniff');
    expect(headers['referrer-policy']).toMatch(/no-referrer|same-origin/);
    expect(await response.text()).not.toMatch(/https?:\/\/(?!127\.0\.0\.1|www\.w3\.org)/);
  });
}

test('an injected script does not run', async ({ page, problems }) => {
  problems.expect(/Content Security Policy/);
  await open(page, '/login');
  await page.evaluate(() => {
    const script = document.createElement('script');
    script.textContent = 'window.injected = true';
    document.body.append(script);
    const image = document.createElement('img');
    image.setAttribute('onerror', 'window.injected = true');
    image.src = 'data:image/png;base64,AAAA';
    document.body.append(image);
  });
  await expect.poll(() => page.evaluate(() => 'injected' in window)).toBe(false);
});

test('files with a hash in their name are cached, pages are not', async ({ page, request, user }) => {
  const files = new Set<string>();
  page.on('request', (sent) => {
    const { pathname } = new URL(sent.url());
    if (pathname.startsWith('/pkg/')) files.add(pathname);
  });
  await open(page, '/login');
  expect(files.size).toBeGreaterThanOrEqual(3);
  for (const file of files) {
    const response = await request.get(file, { headers: { 'Accept-Encoding': 'br' } });
    expect(response.headers()['cache-control'], file).toMatch(/max-age=31536000.*immutable/);
    expect(response.headers()['content-encoding'], file).toBe('br');
  }
  const html = await request.get('/login');
  expect(html.headers()['cache-control'] ?? '').toMatch(/no-store|no-cache/);

  await signIn(page, user);
  await expectAccount(page, user);
  await page.goto('/account');
  await expectAccount(page, user);
  const cached = await page.evaluate(() => performance.getEntriesByType('resource')
    .filter((entry) => entry.name.includes('/pkg/'))
    .map((entry) => ({ name: entry.name, bytes: (entry as PerformanceResourceTiming).transferSize })));
  expect(cached.length).toBeGreaterThanOrEqual(3);
  expect(cached.filter(({ bytes }) => bytes > 0), 'loaded from the network again').toEqual([]);
});

test('nothing is loaded from other hosts', async ({ page, baseURL, user }) => {
  const others: string[] = [];
  page.on('request', (sent) => {
    if (!sent.url().startsWith(baseURL!) && !sent.url().startsWith('data:')) others.push(sent.url());
  });
  for (const path of PAGES) await open(page, path);
  await open(page, '/login');
  await signIn(page, user);
  await expectAccount(page, user);
  expect(others).toEqual([]);
});
