import type { Prompt } from '../prompt.ts';
import type { Reply } from '../reply.ts';

/** One piece of a stream, exactly as it goes over the wire. */
export interface Frame {
  text: string;
  /** A delta of the model's output: the reply's gap lies between two of these. */
  delta: boolean;
}

/** What an answer needs beside the reply itself. */
export interface AnswerContext {
  prompt: Prompt;
  reply: Reply;
  /** 24 hex digits that follow from the request, from which all ids are made. */
  id: string;
  /** Seconds since the epoch. */
  created: number;
}

/** A named Server-Sent Event. */
export function named(event: { type: string; [field: string]: unknown }, delta = false): Frame {
  return { text: `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`, delta };
}

/** An unnamed Server-Sent Event. */
export function unnamed(data: unknown, delta = false): Frame {
  return { text: `data: ${JSON.stringify(data)}\n\n`, delta };
}

/** How many pieces a tool's input is streamed in. */
const INPUT_PIECES = 3;

/** The JSON of a tool's input, in the pieces in which it is streamed. */
export function inputPieces(input: unknown): string[] {
  const json = JSON.stringify(input ?? {});
  const size = Math.max(1, Math.ceil(json.length / INPUT_PIECES));
  const pieces: string[] = [];
  for (let at = 0; at < json.length; at += size) pieces.push(json.slice(at, at + size));
  return pieces;
}
