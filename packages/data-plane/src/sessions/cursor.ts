import { isId, KartaError } from '@karta/protocol';
import { z } from 'zod';

/** The last session of a page: the next one begins below it, newest first. */
export interface Position {
  createdAt: Date;
  id: string;
}

const cursorForm = z.tuple([z.int(), z.string().refine((id) => isId('session', id))]);

/** A position as an opaque cursor. */
export function encodeCursor(position: Position): string {
  const form = [position.createdAt.getTime(), position.id];
  return Buffer.from(JSON.stringify(form)).toString('base64url');
}

/** Throws `KartaError('validation_failed')` for anything but a cursor that was handed out. */
export function decodeCursor(cursor: string): Position {
  try {
    const text = Buffer.from(cursor, 'base64url').toString('utf8');
    const [time, id] = cursorForm.parse(JSON.parse(text));
    return { createdAt: new Date(time), id };
  } catch (cause) {
    throw new KartaError('validation_failed', 'The cursor is none that this list gave out.', {
      extra: { errors: [{ pointer: '/cursor', message: 'is not a cursor of this list' }] },
      cause,
    });
  }
}
