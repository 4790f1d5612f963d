import axe from 'axe-core';
import { expect, type Page } from '@playwright/test';

/** The rules whose result depends on the colors. */
const COLOR_RULES = ['color-contrast', 'link-in-text-block'];

type Media = Parameters<Page['emulateMedia']>[0];

/** What a page may look like. Without motion, the colors change at once. */
const MEDIA: Record<string, Media> = {
  light: { colorScheme: 'light', forcedColors: 'none', reducedMotion: 'reduce' },
  dark: { colorScheme: 'dark', forcedColors: 'none', reducedMotion: 'reduce' },
  'forced colors': { colorScheme: 'light', forcedColors: 'active', reducedMotion: 'reduce' },
};

/**
 * Fails if the page has accessibility violations, in light, dark or forced colors. All rules are run in
 * light, those about colors in all three: loading the page again for each takes three times as long.
 * Rules can be left out that can't apply.
 */
export async function expectAccessible(page: Page, leftOut: string[] = []): Promise<void> {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axe.source);
  const found: string[] = [];
  for (const [name, media] of Object.entries(MEDIA)) {
    await page.emulateMedia(media);
    found.push(...(await violations(page, name === 'light' ? null : COLOR_RULES, leftOut)).map((text) => `${name}: ${text}`));
  }
  await page.emulateMedia({ colorScheme: 'light', forcedColors: 'none', reducedMotion: 'no-preference' });
  expect(found).toEqual([]);
}

/** Runs these rules, or all that are on by default. */
async function violations(page: Page, rules: string[] | null, leftOut: string[]): Promise<string[]> {
  return page.evaluate(async ([values, names]) => {
    const { axe: inPage } = window as unknown as { axe: typeof axe };
    const results = await inPage.run(document, {
      resultTypes: ['violations'],
      // It would fetch the style sheets again, for a rule that is off.
      preload: false,
      ...(values && { runOnly: { type: 'rule', values } }),
      rules: Object.fromEntries(names!.map((name) => [name, { enabled: false }])),
    });
    return results.violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`);
  }, [rules, leftOut] as const);
}
