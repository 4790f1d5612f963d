import { expect } from '@playwright/test';
import { emailedCode, link, type Mailbox } from '../support/email.ts';
import type { Server, Settings, User } from '../support/server.ts';
import type { Visitor } from './driver.ts';

/** What a journey works with: an account that does not exist yet, and someone in front of a browser. */
export type Setting = { visitor: Visitor; server: Server; mailbox: Mailbox; user: User };

export type Journey = {
  name: string;
  settings?: Settings;
  /** Whether there is an OpenID Connect provider, "Example". */
  withProvider?: boolean;
  walk: (setting: Setting) => Promise<void>;
};

const ACTIVATION = { LATCHKEY_REQUIRE_ACTIVATION: 'true' };

/** What every browser engine must be able to do. */
export const JOURNEYS: Journey[] = [
  {
    name: 'registers, signs out and signs in again',
    walk: async ({ visitor, user }) => {
      await visitor.open('/');
      await visitor.press('link', 'Create account');
      await fill(visitor, user);
      await visitor.press('button', 'Create account');
      await expectAccount(visitor, user);
      await signOut(visitor);
      await visitor.open('/login');
      await signIn(visitor, user);
      await expectAccount(visitor, user);
    },
  },
  {
    name: 'activates an account with the emailed link',
    settings: ACTIVATION,
    walk: async ({ visitor, mailbox, user }) => {
      await visitor.open('/register');
      await fill(visitor, user);
      await visitor.press('button', 'Create account');
      await visitor.see('heading', 'Check your email');
      const url = link(await mailbox.take(user.email, 'Confirm your email address'));
      await visitor.open(url);
      await visitor.fill('Password', user.password);
      await visitor.press('button', 'Confirm email address');
      await visitor.see('heading', 'Your email address is confirmed');
      await visitor.open('/login');
      await signIn(visitor, user);
      await expectAccount(visitor, user);
    },
  },
  {
    name: 'stays signed in when the access token expires',
    walk: async ({ visitor, server, user }) => {
      await server.register(user);
      await visitor.open('/login');
      await signIn(visitor, user);
      await expectAccount(visitor, user);
      const before = (await visitor.session())!;
      const expired = JSON.stringify({ ...before, expires_at: Date.now() - 1000 });
      await visitor.evaluate(`localStorage.setItem('latchkey.session', ${JSON.stringify(expired)})`);
      await visitor.open('/account');
      await expectAccount(visitor, user);
      await visitor.sessionThat('was renewed', (now) =>
        now !== null && now.refresh_token !== before.refresh_token && now.expires_at > Date.now());
    },
  },
  {
    name: 'signs in with a second factor, and with a recovery code',
    walk: async ({ visitor, server, mailbox, user }) => {
      await server.register(user);
      await server.verify(user, mailbox);
      const { app, recoveryCodes } = await server.turnOnSecondFactor(user);
      await visitor.open('/login');
      await signIn(visitor, user);
      await visitor.arrive('/two-factor');
      await visitor.fill('Code', app.code());
      await expectAccount(visitor, user);
      await signOut(visitor);
      await visitor.open('/login');
      await signIn(visitor, user);
      await visitor.press('button', 'Use a recovery code');
      await visitor.fill('Recovery code', recoveryCodes[0]);
      await visitor.press('button', 'Verify');
      await expectAccount(visitor, user);
    },
  },
  {
    name: 'signs in with an emailed code',
    walk: async ({ visitor, server, mailbox, user }) => {
      await server.register(user);
      await server.verify(user, mailbox);
      await visitor.open('/login');
      await visitor.press('link', 'Email me a code');
      await visitor.arrive('/login/code');
      await visitor.fill('Email', user.email);
      await visitor.press('button', 'Send code');
      await visitor.see('heading', 'Check your email');
      await visitor.fill('Code', emailedCode(await mailbox.take(user.email, 'Your code to sign in')));
      await visitor.press('button', 'Sign in');
      await expectAccount(visitor, user);
    },
  },
  {
    name: 'signs in with an account at a provider',
    withProvider: true,
    walk: async ({ visitor, user }) => {
      await visitor.open('/login');
      await visitor.press('link', 'Sign in with Example');
      await visitor.see('button', 'Sign-in');
      // The fields on the pages of the provider have no labels.
      const enter = (name: string, text: string) =>
        `document.querySelector('input[name=${name}]').value = ${JSON.stringify(text)};`;
      await visitor.evaluate(enter('login', user.email) + enter('password', 'anything'));
      await visitor.press('button', 'Sign-in');
      await visitor.press('button', 'Continue');
      await expectAccount(visitor, user);
      await signOut(visitor);
      await visitor.open('/login');
      await visitor.press('link', 'Sign in with Example');
      await expectAccount(visitor, user);
    },
  },
  {
    name: 'signs out everywhere',
    walk: async ({ visitor, server, user }) => {
      await server.register(user);
      const { token } = await server.login(user);
      await visitor.open('/login');
      await signIn(visitor, user);
      await expectAccount(visitor, user);
      await visitor.press('button', 'Sign out everywhere');
      await visitor.see('dialog', 'Sign out…');
      await visitor.press('button', 'Sign out…');
      await visitor.arrive('/login');
      expect(await visitor.session()).toBeNull();
      await expect(server.sessions(token)).rejects.toThrow(/token_invalid/);
    },
  },
];

async function fill(visitor: Visitor, user: User): Promise<void> {
  await visitor.fill('Email', user.email);
  await visitor.fill('Password', user.password);
}

async function signIn(visitor: Visitor, user: User): Promise<void> {
  await fill(visitor, user);
  await visitor.press('button', 'Sign in');
}

async function expectAccount(visitor: Visitor, user: User): Promise<void> {
  await visitor.arrive('/account');
  await visitor.read(user.email);
  await visitor.read('This device');
}

async function signOut(visitor: Visitor): Promise<void> {
  await visitor.press('button', 'Account menu');
  await visitor.press('button', 'Sign out');
  await visitor.sessionThat('has ended', (session) => session === null);
}
