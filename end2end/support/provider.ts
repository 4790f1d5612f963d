import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server as HttpServer } from 'node:http';
import Provider from 'oidc-provider';
import type { Page } from '@playwright/test';

const CLIENT = { client_id: 'latchkey', client_secret: 'a secret of the client, for tests' };

/** A certified OpenID Connect provider, which believes everyone who says who they are. */
export class OpenIdProvider {
  private constructor(readonly url: string, private readonly server: HttpServer) {}

  static async open(): Promise<OpenIdProvider> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new OpenIdProvider(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
  }

  /** The settings with which Latchkey offers it as "Example". */
  get settings(): Record<string, string> {
    return {
      LATCHKEY_OIDC_EXAMPLE_ISSUER: this.url,
      LATCHKEY_OIDC_EXAMPLE_CLIENT_ID: CLIENT.client_id,
      LATCHKEY_OIDC_EXAMPLE_CLIENT_SECRET: CLIENT.client_secret,
      LATCHKEY_OIDC_EXAMPLE_LABEL: 'Example',
    };
  }

  /** Begins to answer, for a Latchkey at this URL. */
  serve(latchkey: string): void {
    const provider = new Provider(this.url, {
      clients: [{ ...CLIENT, redirect_uris: [`${latchkey}/api/social/example/callback`] }],
      claims: { openid: ['sub'], email: ['email', 'email_verified'] },
      // The name that someone signs in with there is the email address.
      findAccount: (_, id) => ({
        accountId: id,
        claims: () => ({ sub: id, email: id, email_verified: !id.startsWith('unverified') }),
      }),
      pkce: { required: () => true },
      conformIdTokenClaims: false,
    });
    this.server.on('request', provider.callback());
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

/** Signs in on the pages of the provider, and agrees. */
export async function signInAtProvider(page: Page, email: string): Promise<void> {
  await page.locator('input[name=login]').fill(email);
  await page.locator('input[name=password]').fill('anything');
  await page.getByRole('button', { name: 'Sign-in' }).click();
  await page.getByRole('button', { name: 'Continue' }).click();
}
