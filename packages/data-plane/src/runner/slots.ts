import { newId } from '@karta/protocol';
import type { Release } from '../control/port.ts';
import type { Admission } from './admission.ts';
import { type Booted, type BootParts, boot, closeChannel, newVolumeId } from './booted.ts';
import type { StartingSlot } from './pool.ts';

/** Starts and ends what the pool holds: sandboxes with a warm harness, each on a volume of its own. */
export class Slots {
  readonly #parts: BootParts;
  readonly #admission: Admission;
  readonly #poolBytes: number;
  readonly #memories = new Map<string, number>();
  readonly #volumes = new Set<string>();

  /** `poolBytes`: memory that all slots may hold together. */
  constructor(parts: BootParts, admission: Admission, poolBytes: number) {
    this.#parts = parts;
    this.#admission = admission;
    this.#poolBytes = poolBytes;
  }

  /** Memory of one sandbox of the release. Throws `KartaError('harness_missing')`. */
  async memoryOf(release: Release): Promise<number> {
    const known = this.#memories.get(release.id);
    if (known !== undefined) return known;
    const { memoryBytes } = await this.#parts.host.describe(release);
    this.#memories.set(release.id, memoryBytes);
    return memoryBytes;
  }

  /** Starts a slot, or answers `null` when there is no room. Its size must be known by now. */
  start(release: Release): StartingSlot | null {
    const bytes = this.#memories.get(release.id);
    if (bytes === undefined) return null;
    const id = newId('sandbox');
    const { orgId: org } = release;
    if (!this.#admission.tryPark({ id, org, bytes }, this.#poolBytes)) return null;
    const given = new AbortController();
    return { id, slot: this.#warm(id, release, given.signal), abandon: () => given.abort() };
  }

  /** Ends a slot and destroys its volume, which nobody has used. */
  async discard(slot: Booted): Promise<void> {
    try {
      await slot.machine.dispose();
    } finally {
      this.#admission.release(slot.id);
    }
    await closeChannel(this.#parts, slot.id);
    await this.#parts.host.destroyVolume(slot.volumeId);
    this.#volumes.delete(slot.volumeId);
  }

  /** The slot is a session's now, and so is its volume. */
  claimed(slot: Booted): void {
    this.#volumes.delete(slot.volumeId);
  }

  /** Whether the volume belongs to a slot. */
  has(volumeId: string): boolean {
    return this.#volumes.has(volumeId);
  }

  async #warm(id: string, release: Release, abandoned: AbortSignal): Promise<Booted> {
    const volumeId = newVolumeId();
    this.#volumes.add(volumeId);
    let slot: Booted | null = null;
    try {
      slot = await boot(this.#parts, { id, volumeId, release, session: null });
      const { machine } = slot;
      // A disposed machine fails its own start.
      const dispose = () => void machine.dispose().catch(() => undefined);
      abandoned.addEventListener('abort', dispose, { once: true });
      if (abandoned.aborted) dispose();
      await machine.open({ resumeId: null, warm: true });
      abandoned.removeEventListener('abort', dispose);
      this.#parts.log.info({ release: release.id, sandbox: id }, 'a pool slot is ready');
      return slot;
    } catch (error) {
      if (slot === null) this.#admission.release(id);
      else await this.discard(slot);
      throw error;
    }
  }
}
