import { type Readable, Transform } from 'node:stream';
import { EventFilter } from '../../wire/event-filter.ts';
import { changedBody } from '../changed-body.ts';

const MARK = Buffer.from('vertex_event');

/**
 * Vertex's stream as Anthropic would have sent it: without the event in which Google tells its own
 * count, which strict clients take for a broken stream.
 */
export function anthropicStream(body: Readable): Readable {
  const filter = new EventFilter({ mark: MARK, isOne: isGooglesOwn });
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, filter.push(chunk));
    },
    flush(done) {
      done(null, filter.flush());
    },
  });
  return changedBody(body, stream);
}

function isGooglesOwn(event: string): boolean {
  return (
    /^event: ?vertex_event\r?$/m.test(event) ||
    /^data: ?\{\s*"type"\s*:\s*"vertex_event"/m.test(event)
  );
}
