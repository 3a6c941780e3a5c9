import type { SetProviderKeyBody } from '@karta/protocol';

/** By which people tell their keys apart. Of a service account it is its key's id, no secret. */
export function lastFourOf(body: SetProviderKeyBody): string {
  switch (body.provider) {
    case 'bedrock':
      return body.secret.secret_access_key.slice(-4);
    case 'vertex': {
      const { private_key_id: id, client_email: email } = JSON.parse(body.secret.service_account);
      return (typeof id === 'string' ? id : String(email)).slice(-4);
    }
    default:
      return body.secret.api_key.slice(-4);
  }
}
