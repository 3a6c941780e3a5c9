import type { z } from 'zod';
import { KeyParts, type UpstreamKey } from '../keys/key-parts.ts';
import { bedrockUpstream } from './bedrock/bedrock.ts';
import { CredentialsFile } from './bedrock/credentials-file.ts';
import type { bedrockConfig, vertexConfig } from './cloud-config.ts';
import type { Upstream } from './port.ts';
import { vertexUpstream } from './vertex/vertex.ts';

/** A cloud as the operator has configured it. */
export type ConfiguredCloud = z.infer<typeof bedrockConfig> | z.infer<typeof vertexConfig>;

/** What the operator has said in place of a cloud's own addresses; `null`: nothing. */
export interface CloudAddresses {
  baseUrl: string | null;
  tokenUrl: string | null;
}

/** A cloud's upstream with the platform's key. */
export function cloudUpstream(configured: ConfiguredCloud): {
  upstream: Upstream;
  key: UpstreamKey;
} {
  const { baseUrl, tokenUrl } = cloudAddresses(configured);
  if (configured.id === 'vertex') {
    const { location, project, service_account } = configured;
    const upstream = vertexUpstream({ location, project: project ?? null, baseUrl, tokenUrl });
    return { upstream, key: { ownId: null, parts: new KeyParts({ service_account }) } };
  }
  const { region, credentials_file, access_key_id, secret_access_key, session_token } = configured;
  const told = { access_key_id, secret_access_key, session_token };
  const parts = new KeyParts(
    Object.fromEntries(Object.entries(told).filter(([, part]) => part !== undefined)) as Partial<
      typeof told
    > &
      Record<string, string>,
  );
  const credentials =
    credentials_file === undefined ? {} : { credentials: new CredentialsFile(credentials_file) };
  const upstream = bedrockUpstream({ region, baseUrl, ...credentials });
  return { upstream, key: { ownId: null, parts } };
}

/** `undefined`: the operator has not configured it. */
export function cloudAddresses(configured: ConfiguredCloud | undefined): CloudAddresses {
  const token = configured?.id === 'vertex' ? configured.token_url : undefined;
  return { baseUrl: configured?.base_url ?? null, tokenUrl: token ?? null };
}
