import { pumpEvents } from './events/event-pump.ts';
import type { Calls } from './server/calls.ts';
import type { Server } from './server/launch.ts';
import { Family } from './turn/family.ts';
import { TurnState } from './turn/turn-state.ts';

/** A warm-up that takes longer has failed; one takes about 2 s on two cores. */
const WARM_MS = 60_000;
const GREETING = 'Hello';

/**
 * Runs one whole turn in a session of its own and deletes it. Nothing less makes the first real turn
 * fast: after it the first text comes in some 155 ms, after loading the configuration alone in 700.
 * The model channel must be parked. Throws when the turn fails.
 */
export async function warmUp(server: Server, calls: Calls): Promise<void> {
  const sessionId = await calls.createSession();
  const state = new TurnState({
    family: new Family(sessionId),
    workspace: server.directory,
    thinking: false,
    retiredAsks: new Set(),
    now: Date.now,
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const reading = new AbortController();
  const timer = setTimeout(() => reject(new Error('the warm-up takes too long')), WARM_MS);
  const handlers = {
    onEvent: async (event: Parameters<TurnState['accept']>[0]) => {
      for (const told of state.accept(event)) {
        if (told.type === 'error') reject(new Error(`the warm-up failed: ${told.message}`));
      }
      if (state.finished) resolve();
    },
    onReconnected: async () => reject(new Error('the event stream broke during the warm-up')),
    onLost: reject,
  };
  void server.exited.then(() => reject(new Error('OpenCode ended during the warm-up')));
  try {
    await pumpEvents(server.connection, handlers, reading.signal);
    const input = { text: GREETING, agent: 'default', thinking: false, attachments: [] };
    await calls.prompt(sessionId, { kind: 'text', text: GREETING, files: [] }, input);
    await promise;
  } finally {
    clearTimeout(timer);
    reading.abort();
  }
  await calls.deleteSession(sessionId);
}
