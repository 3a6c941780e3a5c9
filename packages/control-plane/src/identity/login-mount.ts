import type { IncomingMessage } from 'node:http';
import { clientAddress, type TrustedProxies, tooLarge } from '@karta/http';
import { KartaError } from '@karta/protocol';
import { addressSubject } from './address-subject.ts';
import type { Attempts } from './attempts.ts';
import { ADDRESS_HEADER, type Login } from './login.ts';
import { loginProblem } from './login-problem.ts';
import {
  DEVICE_GETS,
  DEVICE_POSTS,
  DEVICES_OF_ADDRESS,
  FAILURES_OF_ACCOUNT,
  FAILURES_OF_ADDRESS,
  GETS,
  GUESSABLE,
  MAILING,
  MAILS_OF_ACCOUNT,
  MAILS_OF_ADDRESS,
  POSTS,
  SIGN_UPS_OF_ADDRESS,
} from './login-surface.ts';

/** A sign-in form, a passkey's answer: never more, in bytes. */
const MAX_BODY_BYTES = 64 * 1024;

export interface LoginMountOptions {
  login: Login;
  prefix: string;
  /** Whose accounts they are: failures at one's own account count apart from the other's. */
  realm: 'person' | 'operator';
  attempts: Attempts;
  /** Of the pages that may act for people. */
  origin: string;
  trustedProxies: TrustedProxies;
  /** Whether programs may sign in through a browser. */
  devices: boolean;
  /** Whether this address may sign up. Throws `KartaError('sign_up_closed')`. */
  admitSignUp(email: string, invitation: string | null): Promise<void>;
}

export interface LoginMount {
  prefix: string;
  fetch(request: Request, incoming: IncomingMessage): Promise<Response>;
}

/** The logins' HTTP surface: bounded, rate-limited, its refusals problem documents as everywhere. */
export function loginMount(options: LoginMountOptions): LoginMount {
  const { login, prefix, attempts } = options;

  /** Counts the attempt, and returns what to do once it was a good one. */
  async function count(path: string, address: string | null, email: string | null) {
    const from = addressSubject(address);
    const who = email === null ? null : `account:${options.realm}:${email}`;
    if (path === '/device/code') await attempts.take(`device:${from}`, DEVICES_OF_ADDRESS);
    if (path === '/sign-up/email') await attempts.take(`sign-up:${from}`, SIGN_UPS_OF_ADDRESS);
    if (MAILING.has(path)) {
      await attempts.take(`mail:${from}`, MAILS_OF_ADDRESS);
      if (who) await attempts.take(`mail:${who}`, MAILS_OF_ACCOUNT);
    }
    if (!GUESSABLE.has(path)) return async () => {};
    await attempts.take(from, FAILURES_OF_ADDRESS);
    if (who) await attempts.take(who, FAILURES_OF_ACCOUNT);
    return async () => {
      await attempts.forgive(from, 'one');
      if (who) await attempts.forgive(who, 'all');
    };
  }

  function headersFor(sent: Headers, address: string | null): Headers {
    const headers = new Headers(sent);
    headers.delete('content-length');
    headers.delete(ADDRESS_HEADER);
    if (address !== null) headers.set(ADDRESS_HEADER, address);
    // A browser names the origin with every POST. What names none is a program, which no page can
    // make act with somebody's cookie.
    if (!headers.has('origin') && !headers.has('sec-fetch-site')) {
      headers.set('origin', options.origin);
    }
    return headers;
  }

  return {
    prefix,
    async fetch(request, incoming) {
      const url = new URL(request.url);
      const path = url.pathname.slice(prefix.length);
      if (!isServed(request.method, path, options.devices))
        throw new KartaError('not_found', 'There is no such route.');
      const forwarded = request.headers.get('x-forwarded-for');
      const address = clientAddress(
        incoming.socket.remoteAddress,
        forwarded,
        options.trustedProxies,
      );
      const body = request.method === 'POST' ? await jsonBody(request) : null;
      const succeeded = await count(path, address, emailOf(body));
      if (body && path === '/sign-up/email') {
        const { invitation } = body;
        delete body.invitation;
        await options.admitSignUp(
          emailOf(body) ?? '',
          typeof invitation === 'string' ? invitation : null,
        );
      }
      const answer = await login.handler(
        new Request(url, {
          method: request.method,
          headers: headersFor(request.headers, address),
          body: body && JSON.stringify(body),
        }),
      );
      if (answer.status >= 400) throw await loginProblem(answer);
      await succeeded();
      return withBearer(answer);
    },
  };
}

/** The library puts a bare token into its answers, which nothing takes: here it is the one to send. */
async function withBearer(answer: Response): Promise<Response> {
  const bearer = answer.headers.get('set-auth-token');
  if (bearer === null) return answer;
  const body: unknown = await answer
    .clone()
    .json()
    .catch(() => null);
  if (typeof body !== 'object' || body === null || !('token' in body)) return answer;
  const headers = new Headers(answer.headers);
  headers.delete('content-length');
  const told = JSON.stringify({ ...body, token: body.token === null ? null : bearer });
  return new Response(told, { status: answer.status, headers });
}

function isServed(method: string, path: string, devices: boolean): boolean {
  if (method === 'GET') return GETS.has(path) || (devices && DEVICE_GETS.has(path));
  if (method !== 'POST') return false;
  return POSTS.has(path) || (devices && DEVICE_POSTS.has(path));
}

function emailOf(body: Record<string, unknown> | null): string | null {
  const email = body?.email;
  return typeof email === 'string' ? email.trim().toLowerCase() : null;
}

async function jsonBody(request: Request): Promise<Record<string, unknown>> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_BODY_BYTES) throw tooLarge(MAX_BODY_BYTES);
    chunks.push(chunk);
  }
  if (size === 0) return {};
  // A form could be sent by any page without asking; JSON cannot.
  if (!/^application\/json *(;|$)/i.test(request.headers.get('content-type') ?? '')) {
    throw new KartaError('unsupported_media_type');
  }
  let value: unknown;
  try {
    value = JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new KartaError('invalid_json', 'The body is not JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new KartaError('validation_failed', 'The body must be a JSON object.');
  }
  return { ...value };
}
