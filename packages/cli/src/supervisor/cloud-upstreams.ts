import { readFileSync } from 'node:fs';
import { isAbsolute } from 'node:path';
import { awsRegion, providerSecret } from '@karta/protocol';
import type { z } from 'zod';
import { CliError } from '../cli-error.ts';
import { takeBaseUrl } from './provider-variable.ts';
import { type Environment, takeVariable } from './take-variable.ts';

/** Claude on Amazon Bedrock or Google Vertex, as the doors are told of it. */
export type CloudUpstream =
  | {
      id: 'bedrock';
      region: string;
      access_key_id?: string;
      secret_access_key?: string;
      session_token?: string;
      /** In place of a key: where one is that somebody renews. */
      credentials_file?: { path: string; profile: string };
      base_url?: string;
    }
  | {
      id: 'vertex';
      location: string;
      project?: string;
      service_account: string;
      base_url?: string;
      token_url?: string;
    };

/**
 * The clouds that the operator has switched on (`KARTA_BEDROCK=1`, `KARTA_VERTEX=1`). What is in the
 * environment for another program's sake counts for nothing without its switch, and stays there;
 * with it, its secrets are taken out. Throws `CliError` where something is missing.
 */
export function takeClouds(env: Environment): CloudUpstream[] {
  return [...takeBedrock(env), ...takeVertex(env)];
}

function takeBedrock(env: Environment): CloudUpstream[] {
  if (!switchedOn(env, 'KARTA_BEDROCK')) return [];
  const base = baseUrl(env, 'ANTHROPIC_BEDROCK_BASE_URL');
  const file = takeVariable(env, 'AWS_SHARED_CREDENTIALS_FILE');
  const profile = takeVariable(env, 'AWS_PROFILE') ?? 'default';
  const region = env.AWS_REGION || env.AWS_DEFAULT_REGION;
  if (file !== undefined && !env.AWS_ACCESS_KEY_ID) {
    return [{ id: 'bedrock', ...inFile(file, profile, region), ...base }];
  }
  const told = {
    region,
    access_key_id: takeVariable(env, 'AWS_ACCESS_KEY_ID'),
    secret_access_key: takeVariable(env, 'AWS_SECRET_ACCESS_KEY'),
    session_token: takeVariable(env, 'AWS_SESSION_TOKEN'),
  };
  const parts = providerSecret.bedrock.safeParse(told);
  if (!parts.success) {
    throw notComplete(
      'KARTA_BEDROCK',
      faults(told, parts.error),
      'Set AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, and AWS_SESSION_TOKEN of a temporary key; or AWS_SHARED_CREDENTIALS_FILE to a file in which one is renewed.',
    );
  }
  return [{ id: 'bedrock', ...present(parts.data), ...base }];
}

/** A key that somebody renews in a file. The doors read it; here it is seen that it can be. */
function inFile(path: string, profile: string, told: string | undefined) {
  const region = awsRegion.safeParse(told);
  const details = region.success
    ? []
    : [`AWS_REGION: ${told === undefined ? 'is not set' : region.error.issues[0]?.message}`];
  if (!isAbsolute(path)) details.push('AWS_SHARED_CREDENTIALS_FILE: must be an absolute path');
  else if (!hasSection(textOf(path, 'AWS_SHARED_CREDENTIALS_FILE') ?? '', profile)) {
    details.push(
      `AWS_SHARED_CREDENTIALS_FILE: has no section [${profile}], which AWS_PROFILE names`,
    );
  }
  if (!region.success || details.length > 0) {
    const next = 'Set AWS_REGION, and AWS_PROFILE to a section of the file.';
    throw notComplete('KARTA_BEDROCK', details, next);
  }
  return { region: region.data, credentials_file: { path, profile } };
}

function hasSection(text: string, profile: string): boolean {
  return text.split('\n').some((line) => line.trim().replace(/\s/g, '') === `[${profile}]`);
}

function takeVertex(env: Environment): CloudUpstream[] {
  if (!switchedOn(env, 'KARTA_VERTEX')) return [];
  const file = takeVariable(env, 'GOOGLE_APPLICATION_CREDENTIALS');
  const project = takeVariable(env, 'ANTHROPIC_VERTEX_PROJECT_ID');
  const told = {
    service_account: textOf(file, 'GOOGLE_APPLICATION_CREDENTIALS'),
    location: env.CLOUD_ML_REGION,
  };
  const parts = providerSecret.vertex.safeParse(told);
  if (!parts.success) {
    throw notComplete(
      'KARTA_VERTEX',
      faults(told, parts.error),
      'Set CLOUD_ML_REGION, and GOOGLE_APPLICATION_CREDENTIALS to the JSON file of a service account.',
    );
  }
  return [
    {
      id: 'vertex',
      ...parts.data,
      ...present({ project }),
      ...baseUrl(env, 'ANTHROPIC_VERTEX_BASE_URL'),
      ...present({ token_url: takeBaseUrl(env, 'KARTA_VERTEX_TOKEN_URL') }),
    },
  ];
}

/** Where each part comes from. */
const VARIABLES: Readonly<Record<string, string>> = {
  region: 'AWS_REGION',
  access_key_id: 'AWS_ACCESS_KEY_ID',
  secret_access_key: 'AWS_SECRET_ACCESS_KEY',
  session_token: 'AWS_SESSION_TOKEN',
  location: 'CLOUD_ML_REGION',
  service_account: 'GOOGLE_APPLICATION_CREDENTIALS',
};

/** What is wrong with each variable; one that is not set is only that. */
function faults(told: Record<string, string | undefined>, { issues }: z.ZodError): string[] {
  return issues.map(({ path, message }) => {
    const part = String(path[0]);
    return `${VARIABLES[part]}: ${told[part] === undefined ? 'is not set' : message}`;
  });
}

function switchedOn(env: Environment, name: string): boolean {
  const value = takeVariable(env, name);
  if (value === undefined || value === '0') return false;
  if (value === '1') return true;
  throw new CliError('usage', `${name} is neither 1 nor 0`, `Set ${name}=1, or leave it out.`);
}

/** The file's text; `undefined`: there is none that can be read. */
function textOf(path: string | undefined, variable: string): string | undefined {
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const next = 'Name a file that this user can read.';
    const { code } = cause as NodeJS.ErrnoException;
    throw new CliError('usage', `${variable} cannot be read (${code})`, next, { cause });
  }
}

function notComplete(name: string, details: string[], next: string): CliError {
  return new CliError('usage', `${name} is set, and something is missing`, next, { details });
}

function baseUrl(env: Environment, name: string): { base_url?: string } {
  return present({ base_url: takeBaseUrl(env, name) });
}

/** The same without members that are not there. */
function present<Of extends Record<string, string | undefined>>(
  of: Of,
): { [Name in keyof Of]: Exclude<Of[Name], undefined> } {
  // The filter leaves what the type says.
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Of]: Exclude<Of[Name], undefined>;
  };
}
