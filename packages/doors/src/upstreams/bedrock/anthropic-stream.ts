import { type Readable, Transform } from 'node:stream';
import { changedBody } from '../changed-body.ts';
import type { AwsParts } from './aws-parts.ts';
import { toldBy } from './events.ts';
import { Frames } from './frames.ts';

/**
 * Bedrock's answer as the stream that Anthropic would have sent. It errors, as a connection does that
 * broke off, where a frame is broken or the last one is not complete.
 */
export function anthropicStream(
  body: Readable,
  decode: AwsParts['decode'],
  clean: (text: string) => string,
): Readable {
  const frames = new Frames();
  let over = false;
  const stream = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      if (over) return done();
      try {
        let text = '';
        for (const frame of frames.push(chunk)) {
          const told = toldBy(decode(frame), clean);
          text += told.text;
          over = told.last;
          if (over) break;
        }
        if (text !== '') this.push(text);
        if (over) this.push(null);
        done();
      } catch (error) {
        done(new Error('the event stream is broken', { cause: error }));
      }
    },
    flush(done) {
      done(!over && frames.within ? new Error('the event stream ends within a frame') : null);
    },
  });
  return changedBody(body, stream);
}
