/**
 * Every limit of the public surface, in one place. Sizes in bytes unless the name says otherwise,
 * times in milliseconds. `docs/api.md` lists them from this file.
 */
export const LIMITS = {
  /** Keys of a session's metadata. */
  metadataKeys: 50,
  /** A session's metadata as JSON. */
  metadataBytes: 16 * 1024,
  /** Text of one message, in UTF-8. */
  messageTextBytes: 512 * 1024,
  /** A JSON request body. */
  requestBodyBytes: 10 * 1024 * 1024,
  /** Levels of nesting of a JSON request body. */
  jsonDepth: 64,
  /** One file of a session, up or down. */
  fileBytes: 100 * 1024 * 1024,
  /** The archive of a folder that is published, as it is uploaded. */
  archiveBytes: 256 * 1024 * 1024,
  /** Newest releases of a project whose files are kept whether or not a session needs them. */
  keptReleases: 20,
  /** Attachments on one message. */
  attachments: 20,
  /** Messages that may wait for a session that is busy with another. */
  queuedTurns: 16,
  /** Participant and sender ids, in Unicode code points. */
  participantIdCodePoints: 128,
  /** An `Idempotency-Key` header, in characters. */
  idempotencyKeyChars: 255,
  /** How long an idempotency key is remembered. */
  idempotencyMs: 24 * 60 * 60 * 1000,
  /** Sessions in one page of a list. */
  pageSize: 100,
  /** Events of one session kept for replay. */
  replayEvents: 10_000,
  /** Bytes of events of one session kept for replay. */
  replayBytes: 4 * 1024 * 1024,
  /** How long an approval waits before it counts as denied. */
  inputExpiryMs: 10 * 60 * 1000,
  /** Silence on an event stream before a comment line is sent. */
  heartbeatMs: 15_000,
  /** How long a message waits for capacity before 503. */
  capacityWaitMs: 30_000,
  /** The wall clock of one turn, when `karta.toml` names none. */
  turnMs: 30 * 60 * 1000,
  /** An idle session keeps its sandbox this long, then hibernates. */
  idleMs: 5 * 60 * 1000,
  /** A session without a turn ends after this long, its volume destroyed. */
  sessionTtlMs: 30 * 24 * 60 * 60 * 1000,
  /** Orgs that one person may own. */
  orgsPerPerson: 20,
  /** Invitations of one org that wait to be accepted. */
  pendingInvitations: 100,
  /** How long the link of an invitation works. */
  invitationMs: 7 * 24 * 60 * 60 * 1000,
  /** Budgets of one org. */
  budgetsPerOrg: 100,
  /** Rate limits of one org. */
  rateLimitsPerOrg: 100,
  /** Life of a session token, at most and by default. */
  sessionTokenMs: 15 * 60 * 1000,
  /** Life of a staff token, by which a signed-in person reads and talks. */
  staffTokenMs: 5 * 60 * 1000,
  /** How long each model call has a row of its own in the control plane, in days; sums stay. */
  usageDays: 400,
  /** How long a former key between the planes counts once the one after it is used. */
  planeKeyOverlapMs: 2 * 60 * 1000,
  /** Life of a stream ticket; a `ticket` event on the stream brings the next. */
  streamTicketMs: 5 * 60 * 1000,
  /** How long a stream goes on after its token has expired. */
  streamGraceMs: 60 * 1000,
} as const;
