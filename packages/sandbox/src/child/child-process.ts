import type { ChildProcess } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { SandboxProcess } from '../port.ts';

export type Exit = Awaited<SandboxProcess['exited']>;

/** Exit code of a program that does not exist. */
const NOT_STARTED = 127;

/** A child whose three streams are pipes of ours. */
export type PipedChild = ChildProcess & { stdin: Writable; stdout: Readable; stderr: Readable };

/** Resolves with the exit once the child has ended and all its streams are closed. Never rejects. */
export function exitOf(child: PipedChild): Promise<Exit> {
  // Writing to a process that has ended is a normal race, told by `exited`, not by a crash of ours.
  child.stdin.on('error', () => child.stdin.destroy());
  return new Promise((resolve) => {
    // A program that cannot be started is told by its exit, as a shell would.
    child.on('error', () => {});
    child.once('close', (code, signal) => {
      resolve({ code: code !== null && code < 0 ? NOT_STARTED : code, signal });
    });
  });
}

/** Gives up what is left in the streams, so that an exit nobody reads to its end still resolves. */
export function closeStreams(child: PipedChild): void {
  child.stdin.destroy();
  child.stdout.destroy();
  child.stderr.destroy();
}
