import { awsRegion, vertexLocation } from '@karta/protocol';
import { z } from 'zod';
import { apiKey, baseUrl } from '../config-values.ts';
import { readServiceAccount } from './vertex/service-account.ts';

/** Claude on Amazon Bedrock, under a key of the operator's account. */
export const bedrockConfig = z
  .strictObject({
    id: z.literal('bedrock'),
    region: awsRegion,
    access_key_id: apiKey.optional(),
    secret_access_key: apiKey.optional(),
    /** Of a temporary key. */
    session_token: apiKey.optional(),
    /** In place of a key: AWS's shared credentials file, which is read again as it is used. */
    credentials_file: z
      .strictObject({ path: z.string().startsWith('/'), profile: z.string().min(1) })
      .optional(),
    /** In place of AWS's own addresses, for every region. */
    base_url: baseUrl.optional(),
  })
  .refine(
    ({ access_key_id, secret_access_key, session_token, credentials_file }) =>
      credentials_file === undefined
        ? access_key_id !== undefined && secret_access_key !== undefined
        : (access_key_id ?? secret_access_key ?? session_token) === undefined,
    'takes either a key or a credentials_file',
  );

/** Claude on Google Vertex, under a service account of the operator's project. */
export const vertexConfig = z.strictObject({
  id: z.literal('vertex'),
  location: vertexLocation,
  /** The project that is billed; left out: the service account's own. */
  project: z
    .string()
    .regex(/^([a-z0-9.-]{1,100}:)?[a-z][a-z0-9-]{4,28}[a-z0-9]$/, 'must be the id of a project')
    .optional(),
  /** The text of its JSON file. */
  service_account: z
    .string()
    .refine((text) => readServiceAccount(text) !== null, 'must be the JSON of a service account'),
  /** In place of Google's own addresses, with its `/v1`, for every location. */
  base_url: baseUrl.optional(),
  /** In place of Google's own address for signing in. */
  token_url: baseUrl.optional(),
});
