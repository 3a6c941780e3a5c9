import { type BuildView, LIMITS } from '@karta/protocol';
import type { BuildLog } from './build-log.ts';

export interface BuildFollower {
  buildLog: BuildLog;
  buildId: string;
  /** The build as it is now. */
  build(): Promise<BuildView>;
  /** The number of the last line that the client has. */
  after: number;
  /** Aborts when the client has gone. */
  gone: AbortSignal;
}

/** A build's log as server-sent events, from its first line to its end. */
export function followBuild(follower: BuildFollower): Response {
  const encoder = new TextEncoder();
  const events = eventsOf(follower);
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await events.next();
      if (done === true) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await events.return(undefined);
    },
  });
  return new Response(body, {
    headers: {
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    },
  });
}

async function* eventsOf(follower: BuildFollower): AsyncGenerator<string, void> {
  const { buildLog, buildId, gone } = follower;
  let after = follower.after;
  let saidAt = Date.now();
  while (!gone.aborted) {
    // Before the look, so that no change falls between.
    const change = buildLog.nextChange(buildId, gone);
    const build = await follower.build();
    const lines = await buildLog.read(buildId, after);
    for (const { line, said } of lines) {
      after = line;
      saidAt = Date.now();
      yield `id: ${line}\nevent: log\ndata: ${JSON.stringify(said)}\n\n`;
    }
    if (lines.length > 0) continue;
    if (build.finished_at !== null && !buildLog.isHeld(buildId)) {
      yield `event: build\ndata: ${JSON.stringify(build)}\n\n`;
      return;
    }
    if (Date.now() - saidAt > LIMITS.heartbeatMs) {
      saidAt = Date.now();
      yield ': still at it\n\n';
    }
    await change;
  }
}
