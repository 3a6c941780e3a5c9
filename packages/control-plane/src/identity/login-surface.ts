import type { AttemptLimit } from './attempts.ts';

const MINUTE_MS = 60_000;
/** Wrong passwords and codes. */
export const FAILURES_OF_ADDRESS: AttemptLimit = { max: 50, windowMs: 15 * MINUTE_MS };
export const FAILURES_OF_ACCOUNT: AttemptLimit = { max: 10, windowMs: 15 * MINUTE_MS };
/** Whatever their outcome, since each costs a password hash or a mail. */
export const SIGN_UPS_OF_ADDRESS: AttemptLimit = { max: 30, windowMs: 60 * MINUTE_MS };
export const MAILS_OF_ADDRESS: AttemptLimit = { max: 20, windowMs: 60 * MINUTE_MS };
export const MAILS_OF_ACCOUNT: AttemptLimit = { max: 5, windowMs: 60 * MINUTE_MS };

/** What of better-auth is served. Anything else below the prefix does not exist. */
export const GETS = new Set([
  '/get-session',
  '/list-sessions',
  '/verify-email',
  '/passkey/generate-register-options',
  '/passkey/generate-authenticate-options',
  '/passkey/list-user-passkeys',
]);
export const POSTS = new Set([
  '/sign-up/email',
  '/sign-in/email',
  '/sign-out',
  '/update-user',
  '/change-password',
  '/request-password-reset',
  '/reset-password',
  '/send-verification-email',
  '/revoke-session',
  '/revoke-sessions',
  '/revoke-other-sessions',
  '/two-factor/enable',
  '/two-factor/disable',
  '/two-factor/verify-totp',
  '/two-factor/verify-backup-code',
  '/two-factor/generate-backup-codes',
  '/two-factor/get-totp-uri',
  '/passkey/verify-registration',
  '/passkey/verify-authentication',
  '/passkey/delete-passkey',
  '/passkey/update-passkey',
]);
/** Of people's logins alone: programs that sign in through a browser (RFC 8628). */
export const DEVICE_GETS = new Set(['/device']);
export const DEVICE_POSTS = new Set([
  '/device/code',
  '/device/token',
  '/device/approve',
  '/device/deny',
]);
/** Questions of programs, each a row until it runs out. */
export const DEVICES_OF_ADDRESS: AttemptLimit = { max: 60, windowMs: 15 * MINUTE_MS };

/** Where a wrong password or code can be tried. */
export const GUESSABLE = new Set([
  '/device',
  '/sign-in/email',
  '/change-password',
  '/reset-password',
  '/two-factor/enable',
  '/two-factor/disable',
  '/two-factor/verify-totp',
  '/two-factor/verify-backup-code',
  '/two-factor/generate-backup-codes',
  '/two-factor/get-totp-uri',
  '/passkey/verify-authentication',
]);
export const MAILING = new Set(['/request-password-reset', '/send-verification-email']);
