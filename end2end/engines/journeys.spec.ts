import { Mailbox } from '../support/email.ts';
import { OpenIdProvider } from '../support/provider.ts';
import { Server } from '../support/server.ts';
import { newUser } from '../support/test.ts';
import { test } from '@playwright/test';
import { Visitor, type Engine } from './driver.ts';
import { firefox } from './firefox.ts';
import { JOURNEYS } from './journeys.ts';
import { webkit } from './webkit.ts';

for (const [name, start] of Object.entries({ Firefox: firefox, WebKit: webkit })) {
  test.describe(name, () => {
    let engine: Engine | undefined;
    let mailbox: Mailbox;
    test.beforeAll(async () => {
      mailbox = await Mailbox.open();
      engine = await start();
    });
    test.afterAll(async () => {
      await engine?.close();
      await mailbox.close();
    });
    for (const journey of JOURNEYS) {
      test(`${name} ${journey.name}`, async () => {
        const provider = journey.withProvider ? await OpenIdProvider.open() : undefined;
        const settings = { ...provider?.settings, ...journey.settings };
        const server = await Server.launch({ LATCHKEY_SMTP_URL: mailbox.url, ...settings });
        provider?.serve(server.url);
        const driver = await engine!.open();
        try {
          const visitor = new Visitor(driver, server.url);
          await journey.walk({ visitor, server, mailbox, user: newUser() });
        } finally {
          await driver.close();
          await server.discard();
          await provider?.close();
        }
      });
    }
  });
}
