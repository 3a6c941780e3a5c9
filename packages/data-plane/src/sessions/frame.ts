import { type EventBody, type KartaEvent, sseFrame } from '@karta/protocol';

/** Where an event stands: everything of its envelope but the body. */
export interface EventPlace {
  seq: number;
  sessionId: string;
  turnId: string | null;
  /** Milliseconds since the epoch. */
  timestamp: number;
}

/** An event with its SSE frame, which is made once however many read it. */
class FramedEvent {
  readonly type: EventBody['type'];
  readonly seq: number;
  readonly session_id: string;
  readonly turn_id: string | null;
  readonly source = 'karta';
  readonly timestamp: number;
  readonly data: EventBody['data'];
  #frame: string | null = null;

  constructor(place: EventPlace, body: EventBody) {
    this.type = body.type;
    this.seq = place.seq;
    this.session_id = place.sessionId;
    this.turn_id = place.turnId;
    this.timestamp = place.timestamp;
    this.data = body.data;
  }

  static frameOf(event: KartaEvent): string {
    if (!(#frame in event)) return sseFrame(event);
    const framed = event as FramedEvent & KartaEvent;
    framed.#frame ??= sseFrame(event);
    return framed.#frame;
  }
}

/** Makes the event of `body` at `place`, without the body's `raw`. */
export function eventAt(place: EventPlace, body: EventBody): KartaEvent {
  // Type and data come from the same body, which the union cannot say of two fields of a class.
  return new FramedEvent(place, body) as unknown as KartaEvent;
}

/** The event's SSE frame. Events of the session service share it between all their readers. */
export function frameOf(event: KartaEvent): string {
  return FramedEvent.frameOf(event);
}
