import type { HistoryMessage } from '@karta/protocol';
import { digestOf } from './digest.ts';

/** A message that was accepted: whose, in which turn, and the digest of its text. */
export interface AcceptedText {
  turnId: string;
  digest: string;
  sender: { name: string | null; type: 'human' | 'ai' };
}

/**
 * The digest by which a text is recognised in a harness's store. Harnesses keep what was said but
 * not always the white space around it.
 */
export function textDigest(text: string): string {
  return digestOf(text.replaceAll('\r\n', '\n').trim());
}

/**
 * Says of each message who sent it and in which turn. A user's text belongs to the next accepted
 * text of the same digest; one that has none was never accepted, and is `unverified`. An answer
 * belongs to the turn of the message before it.
 */
export function attributeMessages(
  messages: readonly HistoryMessage[],
  accepted: readonly AcceptedText[],
): HistoryMessage[] {
  const places = placesByDigest(accepted);
  let next = 0;
  let turnId: string | null = null;
  return messages.map((message) => {
    if (message.role === 'assistant') return { ...message, turn_id: turnId };
    const place = places.get(textDigest(message.text))?.find((index) => index >= next);
    const found = place === undefined ? undefined : accepted[place];
    if (place === undefined || found === undefined) {
      turnId = null;
      return { ...message, unverified: true };
    }
    next = place + 1;
    turnId = found.turnId;
    return { ...message, turn_id: found.turnId, sender: found.sender };
  });
}

function placesByDigest(accepted: readonly AcceptedText[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (const [index, { digest }] of accepted.entries()) {
    const list = places.get(digest) ?? [];
    list.push(index);
    places.set(digest, list);
  }
  return places;
}
