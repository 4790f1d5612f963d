import type { CDPSession, Page } from '@playwright/test';

/** Chromium's own authenticator, which needs nobody to touch it. */
export class VirtualAuthenticator {
  private constructor(private readonly session: CDPSession, private readonly id: string) {}

  /**
   * Adds one. It touches itself, and so also picks the passkey that a field suggests, as soon as the page asks:
   * only a test of that lets the browser suggest any.
   */
  static async add(
    page: Page, options: { isUserVerified?: boolean; suggests?: boolean } = {},
  ): Promise<VirtualAuthenticator> {
    if (!options.suggests) {
      await page.addInitScript(() => {
        PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false);
      });
    }
    const session = await page.context().newCDPSession(page);
    await session.send('WebAuthn.enable');
    const { authenticatorId } = await session.send('WebAuthn.addVirtualAuthenticator', {
      options: {
        protocol: 'ctap2',
        transport: 'internal',
        hasResidentKey: true,
        hasUserVerification: true,
        isUserVerified: options.isUserVerified ?? true,
        automaticPresenceSimulation: true,
      },
    });
    return new VirtualAuthenticator(session, authenticatorId);
  }

  async credentials() {
    return (await this.session.send('WebAuthn.getCredentials', { authenticatorId: this.id })).credentials;
  }

  /** Takes its only passkey back to an earlier count, as a copy of it has. */
  async rewind(): Promise<void> {
    const [credential] = await this.credentials();
    await this.session.send('WebAuthn.removeCredential', { authenticatorId: this.id, credentialId: credential.credentialId });
    await this.session.send('WebAuthn.addCredential', { authenticatorId: this.id, credential: { ...credential, signCount: 1 } });
  }
}
