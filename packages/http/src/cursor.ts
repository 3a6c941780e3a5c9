import { type IdKind, isId } from '@karta/protocol';
import { z } from 'zod';
import { badParameter } from './validate.ts';

/** The last object of a page: the next page begins below it, newest first. */
export interface Position {
  createdAt: Date;
  id: string;
}

const cursorForm = z.tuple([z.int(), z.string()]);

/** A position as an opaque cursor. */
export function encodeCursor(position: Position): string {
  const form = [position.createdAt.getTime(), position.id];
  return Buffer.from(JSON.stringify(form)).toString('base64url');
}

/**
 * The position of a cursor in a list of objects of `kind`. Throws `KartaError('validation_failed')`
 * for anything but a cursor that was handed out.
 */
export function decodeCursor(kind: IdKind, cursor: string): Position {
  try {
    const text = Buffer.from(cursor, 'base64url').toString('utf8');
    const [time, id] = cursorForm.parse(JSON.parse(text));
    if (!isId(kind, id)) throw new Error(`no ${kind}`);
    return { createdAt: new Date(time), id };
  } catch (cause) {
    throw badParameter('cursor', 'is none that this list gave out', cause);
  }
}
