import { isId, type TurnPayer } from '@karta/protocol';
import type { Principal } from '../control/port.ts';

/**
 * On whose account this principal's turns are, beside its org. A turn in an end user's session is
 * that user's, whoever sends it.
 */
export function payerOf(principal: Principal, sessionSub: string | null): TurnPayer {
  const { kind, id, sub, token } = principal;
  const mintedBy = token?.mintedBy ?? null;
  const byEmbedKey = mintedBy !== null && isId('embed_key', mintedBy);
  return {
    api_key_id: kind === 'api_key' ? id : byEmbedKey ? null : mintedBy,
    embed_key_id: byEmbedKey ? mintedBy : null,
    end_user: sub ?? sessionSub,
  };
}
