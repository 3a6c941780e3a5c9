import type { HarnessEvent } from '@karta/harness';

/** A text that others were joined to grows no further than this, in UTF-16 units. */
export const JOINED_CHARS = 4 * 1024;

/**
 * Events that were there together, without the harness's own events and with texts joined that
 * follow each other. Folded they are the same; each is numbered, framed, kept and sent, so a flood
 * of words costs a fraction. A model that speaks is read word by word, and nothing is joined.
 */
export function joinTexts(events: readonly HarnessEvent[]): readonly HarnessEvent[] {
  const joined: HarnessEvent[] = [];
  let open = null as { type: 'text' | 'reasoning'; text: string } | null;
  for (const event of events) {
    if (event.type !== 'text' && event.type !== 'reasoning') {
      const { raw: _, ...told } = event;
      joined.push(told);
      open = null;
    } else if (open?.type === event.type && open.text.length + event.text.length <= JOINED_CHARS) {
      open.text += event.text;
    } else {
      open = { type: event.type, text: event.text };
      joined.push(open);
    }
  }
  return joined;
}
