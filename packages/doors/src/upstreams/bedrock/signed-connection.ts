import type { KeyParts } from '../../keys/key-parts.ts';
import {
  type ProviderAnswer,
  type ProviderConnection,
  providerConnection,
} from '../provider-connection.ts';
import { awsParts } from './aws-parts.ts';

/** A request to one of AWS's services, by the Bedrock service's signature. */
export interface AwsRequest {
  method: 'GET' | 'POST';
  /** Below the base URL, escaped. */
  path: string;
  headers: Record<string, string>;
  body: Buffer;
}

/** A connection whose requests are signed. */
export interface SignedConnection extends Pick<ProviderConnection, 'endpoint' | 'hosts' | 'close'> {
  /** As `ProviderConnection.send`. */
  send(request: AwsRequest, key: KeyParts, signal: AbortSignal): Promise<ProviderAnswer>;
}

export function signedConnection(baseUrl: string, region: string): SignedConnection {
  const connection = providerConnection({ baseUrl });
  return {
    endpoint: connection.endpoint,
    hosts: connection.hosts,
    close: () => connection.close(),
    async send(request, key, signal) {
      const { sign } = await awsParts();
      const url = connection.at(request.path);
      const headers = await sign({ ...request, url }, { key, region });
      return connection.send({ ...request, headers }, signal);
    },
  };
}
