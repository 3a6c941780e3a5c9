import { passkey } from '@better-auth/passkey';
import { loggable } from '@karta/http';
import { type IdKind, newId } from '@karta/protocol';
import { betterAuth } from 'better-auth';
import { createAuthMiddleware, isAPIError } from 'better-auth/api';
import { setSessionCookie } from 'better-auth/cookies';
import { bearer } from 'better-auth/plugins/bearer';
import { deviceAuthorization } from 'better-auth/plugins/device-authorization';
import { twoFactor } from 'better-auth/plugins/two-factor';
import type { Logger } from 'pino';
import type { Database } from '../sql/database.ts';
import type { Attempts } from './attempts.ts';
import { type LoginTables, loginModels } from './login-tables.ts';
import type { Mailer } from './mailer.ts';
import { takeCode } from './used-codes.ts';

/** A login lives this long after its last use, in seconds, and is prolonged once a day. */
const LOGIN_S = 7 * 24 * 60 * 60;
const PROLONG_S = 24 * 60 * 60;
const MIN_PASSWORD_CHARS = 10;
const MAX_PASSWORD_CHARS = 128;
/** Wrong second factors in a row before the account's second factor rests, and for how long. */
const SECOND_FACTOR_TRIES = 10;
const SECOND_FACTOR_REST_S = 15 * 60;

/** How long a program's question waits for a person, and how often the program asks. */
const DEVICE_CODE_LIFE = '10m';
const DEVICE_POLL = '1s';
/** The one program that asks: the command line. */
export const CLI_CLIENT = 'karta-cli';

/** The header in which the mount hands over the client's address; never taken from outside. */
export const ADDRESS_HEADER = 'x-karta-client-address';

export interface LoginOptions {
  tables: LoginTables;
  ownerId: IdKind;
  /** Where the logins' routes are, such as `/v1/auth`. */
  basePath: string;
  /** As people's browsers reach this server: cookies and passkeys are bound to it. */
  publicUrl: string;
  cookiePrefix: string;
  /** Signs cookies and bearer tokens, encrypts second factors. */
  secret: string;
  database: Database;
  /** Remembers which codes of authenticators were used. */
  attempts: Attempts;
  /** Without one nobody can confirm an address or ask for a new password by themselves. */
  mailer: Mailer | null;
  log: Logger;
}

/** People's logins: password, TOTP, passkeys; cookies for browsers, bearer tokens for programs. */
export type Login = ReturnType<typeof createLogin>;

/** The database must have its tables already. */
export function createLogin(options: LoginOptions) {
  const {
    twoFactor: secondFactor,
    passkey: passkeys,
    device,
    ...models
  } = loginModels(options.tables);
  const { mailer } = options;
  const url = new URL(options.publicUrl);
  return betterAuth({
    ...models,
    appName: 'Karta',
    basePath: options.basePath,
    baseURL: url.origin,
    trustedOrigins: [url.origin],
    secret: options.secret,
    database: { db: options.database, type: 'postgres', transaction: true },
    telemetry: { enabled: false },
    logger: {
      level: 'error',
      // Only the sentence: the values beside it can hold what people typed.
      log: (_level, message) => options.log.warn({ part: 'login' }, String(message)),
    },
    // What was refused is answered, not logged; what broke is logged without values.
    onAPIError: {
      onError(error) {
        if (isAPIError(error) && error.statusCode < 500) return;
        options.log.error({ part: 'login', ...loggable(error) }, 'a login request failed');
      },
    },
    // Attempts are counted durably by the mount, per account and per address.
    rateLimit: { enabled: false },
    emailAndPassword: {
      enabled: true,
      // Signing in after signing up is a step of its own: the answer of a sign-up is the same
      // whether or not the address was known.
      autoSignIn: false,
      requireEmailVerification: mailer !== null,
      minPasswordLength: MIN_PASSWORD_CHARS,
      maxPasswordLength: MAX_PASSWORD_CHARS,
      revokeSessionsOnPasswordReset: true,
      ...(mailer && {
        sendResetPassword: ({ user, token }) => mailer.resetPassword(user.email, token),
        onExistingUserSignUp: ({ user }) => mailer.signedUpAgain(user.email),
      }),
    },
    ...(mailer && {
      emailVerification: {
        sendVerificationEmail: ({ user, token }) => mailer.confirmAddress(user.email, token),
        sendOnSignUp: true,
      },
    }),
    session: {
      ...models.session,
      expiresIn: LOGIN_S,
      updateAge: PROLONG_S,
      // A revoked login must be refused at once.
      cookieCache: { enabled: false },
    },
    advanced: {
      cookiePrefix: options.cookiePrefix,
      useSecureCookies: url.protocol === 'https:',
      disableCSRFCheck: false,
      disableOriginCheck: false,
      ipAddress: { ipAddressHeaders: [ADDRESS_HEADER] },
      // Nobody waits for a mail: how long one takes would tell whether an address is known.
      backgroundTasks: {
        handler: (task) => {
          task.catch((error: unknown) => options.log.warn(loggable(error), 'a mail failed'));
        },
      },
      database: {
        generateId: ({ model }) =>
          model === 'user' || model === options.tables.owners
            ? newId(options.ownerId)
            : crypto.randomUUID(),
      },
    },
    plugins: [
      ownSchema(
        twoFactor({
          issuer: 'Karta',
          schema: secondFactor,
          accountLockout: {
            enabled: true,
            maxFailedAttempts: SECOND_FACTOR_TRIES,
            durationSeconds: SECOND_FACTOR_REST_S,
          },
        }),
      ),
      ownSchema(
        passkey({ rpID: url.hostname, rpName: 'Karta', origin: url.origin, schema: passkeys }),
      ),
      bearer({ requireSignature: true }),
      ...(options.tables.devices
        ? [
            deviceAuthorization({
              expiresIn: DEVICE_CODE_LIFE,
              interval: DEVICE_POLL,
              verificationUri: `${options.publicUrl}/device`,
              validateClient: (id) => id === CLI_CLIENT,
              schema: device,
            }),
          ]
        : []),
    ],
    databaseHooks: {
      session: {
        create: {
          // A login that a code of an authenticator opens, at a sign-in or as it is set up.
          async before(session, context) {
            if (context?.path !== '/two-factor/verify-totp') return;
            await takeCode(options.attempts, session.userId, String(context.body?.code));
          },
        },
      },
    },
    hooks: {
      after: createAuthMiddleware(async (context) => {
        const { newSession } = context.context;
        // The plugin answers with a bare token; only signed ones are taken, as a cookie holds them.
        if (context.path === '/device/token' && newSession) {
          await setSessionCookie(context, newSession);
        }
      }),
    },
  });
}

/**
 * A plugin with names of tables and columns that are its own. Plugins write them into one object for
 * the whole process, where those of operators would take the place of people's.
 */
function ownSchema<P extends { schema?: object }>(plugin: P): P {
  return { ...plugin, schema: copied(plugin.schema) };
}

/** As `structuredClone`, but functions, such as those that make defaults, stay what they are. */
function copied<T>(value: T): T {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(copied) as T;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, copied(inner)]),
  ) as T;
}
