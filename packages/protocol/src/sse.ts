import type { KartaEvent } from './event.ts';

/** One event as a Server-Sent Events frame: `id`, `event`, `data`. */
export function sseFrame(event: KartaEvent): string {
  return `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
}

/** The comment that keeps an idle stream open. */
export const SSE_HEARTBEAT = ': keep-alive\n\n';
