import { mkdir } from 'node:fs/promises';
import { newId } from '@karta/protocol';
import {
  type Credentials,
  keyDigest,
  keyPrefix,
  loadPepper,
  mintApiKey,
  readCredentials,
  sameDigest,
  writeCredentials,
} from '@karta/service/home';
import { type ApiKeyRecord, changeLocalState, type LocalState } from './local-state.ts';

/** The name of the key that `credentials.json` holds. */
const FIRST_KEY = 'local';

/** Addresses to write into `credentials.json`; absent ones stay as they are. */
export interface LocalUrls {
  dataUrl?: string;
  controlUrl?: string;
}

/**
 * The org of a platform home and its one API key, created at the first start; later calls only
 * bring the addresses up to date. A removed `credentials.json` gets a fresh key and the lost one
 * stops working; a removed `local-control.json` gets a fresh org that knows the old key.
 */
export async function ensureLocalOrg(
  home: string,
  urls: LocalUrls = {},
): Promise<{ orgId: string; apiKey: string; credentials: Credentials }> {
  await mkdir(home, { recursive: true, mode: 0o700 });
  const pepper = await loadPepper(home);
  // Both files change under one lock: two first starts at once end with one key.
  return changeLocalState(home, async (current) => {
    const known = await readCredentials(home);
    const next: Credentials = {
      ...known,
      api_key: known?.api_key ?? mintApiKey(),
      data_url: urls.dataUrl ?? known?.data_url ?? null,
      control_url: urls.controlUrl ?? known?.control_url ?? null,
    };
    if (JSON.stringify(next) !== JSON.stringify(known)) await writeCredentials(home, next);
    const state = current ?? emptyState();
    const result = { orgId: state.org.id, apiKey: next.api_key, credentials: next };
    if (knowsKey(state, next.api_key, pepper)) return { state: null, result };
    const others = state.api_keys.filter((key) => key.name !== FIRST_KEY);
    return {
      state: { ...state, api_keys: [...others, keyRecord(next.api_key, pepper)] },
      result,
    };
  });
}

function knowsKey(state: LocalState, apiKey: string, pepper: Buffer): boolean {
  const digest = keyDigest(apiKey, pepper);
  return state.api_keys.some((key) => sameDigest(key.digest, digest));
}

function emptyState(): LocalState {
  return {
    format: 1,
    org: { id: newId('org'), created_at: new Date().toISOString(), default_project_id: null },
    projects: [],
    releases: [],
    api_keys: [],
  };
}

function keyRecord(apiKey: string, pepper: Buffer): ApiKeyRecord {
  return {
    id: newId('key'),
    name: FIRST_KEY,
    prefix: keyPrefix(apiKey),
    digest: keyDigest(apiKey, pepper),
    scopes: ['read', 'write', 'admin'],
    created_at: new Date().toISOString(),
  };
}
