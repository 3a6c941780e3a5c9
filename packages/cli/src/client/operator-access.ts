import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readJsonFile, writeFileAtomically } from '@karta/service/home';
import { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { homeFolder } from '../supervisor/settings.ts';
import { refusal } from './auth-request.ts';

/** Where the admin plane of a server on this machine is, unless its ports were chosen otherwise. */
export const DEFAULT_ADMIN_URL = 'http://localhost:8002';
/** How long the admin plane may take: changing keys waits for the nodes. In milliseconds. */
const ANSWER_MS = 30_000;

const operatorFile = z.object({ admin_url: z.url(), token: z.string().min(1) });
/** `operator-login.json`: where `karta operator login` signed in. Secret, and apart from `login.json`. */
export type OperatorLogin = z.infer<typeof operatorFile>;

const pathOf = (home: string) => join(home, 'operator-login.json');

/** The operator's login, or `null` when there is none. */
export function readOperatorLogin(home: string): Promise<OperatorLogin | null> {
  return readJsonFile(pathOf(home), operatorFile);
}

/** Keeps the login, readable by its owner alone. */
export function writeOperatorLogin(home: string, login: OperatorLogin): Promise<void> {
  return writeFileAtomically(pathOf(home), `${JSON.stringify(login, null, 2)}\n`);
}

export function removeOperatorLogin(home: string): Promise<void> {
  return rm(pathOf(home), { force: true });
}

/** Options of every command of an operator. */
export interface OperatorOptions {
  home?: string;
  json?: boolean;
}

/** Asks the admin plane as whoever signed in. */
export interface AdminPlane {
  url: string;
  /** Throws `CliError` for a refusal, or when nobody answers. */
  ask<T>(method: 'GET' | 'POST', path: string, answer: z.ZodType<T>, body?: unknown): Promise<T>;
}

/** The admin plane that `karta operator login` signed in to. Throws `CliError` without a login. */
export async function openAdminPlane(options: OperatorOptions): Promise<AdminPlane> {
  const login = await readOperatorLogin(homeFolder(options.home));
  if (login === null) {
    throw new CliError(
      'usage',
      'Nobody is signed in to an admin plane',
      'Sign in with: karta operator login --email <address>',
    );
  }
  const { admin_url: url, token } = login;
  return {
    url,
    async ask(method, path, answer, body) {
      const response = await fetch(new URL(path, url), {
        method,
        redirect: 'error',
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(ANSWER_MS),
      }).catch((cause: unknown) => {
        const hint = 'Is the server running? Sign in where it is: karta operator login --url …';
        throw new CliError('unreachable', `No admin plane answers at ${url}`, hint, { cause });
      });
      const said: unknown = await response.json().catch(() => null);
      if (!response.ok) throw refusal({ response, body: said });
      return answer.parse(said);
    },
  };
}
