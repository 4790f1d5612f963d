import { PAGES } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

const LISTED = ['/', '/login', '/register'];

test('search engines may visit the pages, and not the API', async ({ request }) => {
  const response = await request.get('/robots.txt');
  expect(response.headers()['content-type']).toMatch(/^text\/plain/);
  expect(await response.text()).toBe('User-agent: *\nDisallow: /api/\n');
});

test('search engines list only pages that are the same for everyone', async ({ request }) => {
  for (const path of PAGES) {
    const html = await (await request.get(path)).text();
    expect(html, path).toMatch(/<meta name="description" content="[^"]{50,160}"/);
    const isListed = !html.includes('<meta name="robots" content="noindex">');
    expect(isListed, path).toBe(LISTED.includes(path));
  }
});
