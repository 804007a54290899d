import { Upload as Tus } from 'tus-js-client';
import { http, type Schemas } from '../../api/client';
import { isFinal, told } from '../../api/problem';
import { organizationHeader } from '../../app/organization';
import { pathOf } from '../videos/asset';
import { Pace } from './pace';
import { forgetFile, rememberFile, uploadOf } from './remembered';

export type ItemState = 'waiting' | 'sending' | 'paused' | 'done' | 'failed';

/** A file on its way, as the page shows it. */
export interface Item {
  key: number;
  name: string;
  sizeBytes: number;
  sentBytes: number;
  /** Bytes a second, over the last seconds; 0 where it can't be said. */
  speed: number;
  state: ItemState;
  problem: string;
  assetId: string | null;
}

export type JobWish = Partial<Schemas['JobOptions']>;

const AT_ONCE = 2;
const RETRY_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

interface Entry {
  item: Item;
  file: File;
  job: JobWish;
  pace: Pace;
  tus: Tus | null;
}

/**
 * The files on their way. They go on whatever page is shown; what was begun is taken up again, after a pause, a lost
 * connection or a reload, from the byte that the server has.
 */
export class UploadQueue {
  private entries: readonly Entry[] = [];
  private items: readonly Item[] = [];
  private readonly listeners = new Set<() => void>();
  private readonly beginnings = new Map<number, Promise<Schemas['Upload']>>();
  // Which upload each file is: of one that was chosen twice there are two.
  private readonly ids = new Map<number, string>();
  private lastKey = 0;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly shown = (): readonly Item[] => this.items;

  add(files: Iterable<File>, job: JobWish): void {
    const entries = [...files].map((file): Entry => {
      this.lastKey += 1;
      const item: Item = {
        key: this.lastKey,
        name: file.name,
        sizeBytes: file.size,
        sentBytes: 0,
        speed: 0,
        state: 'waiting',
        problem: '',
        assetId: null,
      };
      return { item, file, job, pace: new Pace(), tus: null };
    });
    this.set([...this.entries, ...entries]);
    this.startNext();
  }

  pause(key: number): void {
    const entry = this.find(key);
    if (!entry || (entry.item.state !== 'sending' && entry.item.state !== 'waiting')) return;
    void entry.tus?.abort();
    this.change(key, { state: 'paused', speed: 0 });
    this.startNext();
  }

  resume(key: number): void {
    const entry = this.find(key);
    if (!entry || (entry.item.state !== 'paused' && entry.item.state !== 'failed')) return;
    this.change(key, { state: 'waiting', problem: '' });
    this.startNext();
  }

  /** Gives a file up: what came of it so far is removed from the server. */
  async cancel(key: number): Promise<void> {
    const entry = this.find(key);
    if (!entry) return;
    this.set(this.entries.filter((other) => other.item.key !== key));
    this.startNext();
    if (entry.item.state === 'done') return;
    await entry.tus?.abort();
    // The server may just be asked for it.
    await this.beginnings.get(key)?.catch(() => undefined);
    const id = this.ids.get(key) ?? this.known(key, entry.file);
    this.ids.delete(key);
    if (!id) return;
    const { error } = await http.DELETE('/api/v1/uploads/{upload_id}', { params: { path: { upload_id: id } } });
    if (error && !isFinal(error)) throw error;
    forgetFile(id);
  }

  isBusy(): boolean {
    return this.items.some(({ state }) => state === 'sending' || state === 'waiting');
  }

  private find(key: number): Entry | undefined {
    return this.entries.find(({ item }) => item.key === key);
  }

  private set(entries: readonly Entry[]): void {
    this.entries = entries;
    this.items = entries.map(({ item }) => item);
    for (const listener of this.listeners) listener();
  }

  private change(key: number, changes: Partial<Item>): void {
    this.set(
      this.entries.map((entry) => (entry.item.key === key ? { ...entry, item: { ...entry.item, ...changes } } : entry)),
    );
  }

  private put(key: number, tus: Tus | null): void {
    this.set(this.entries.map((entry) => (entry.item.key === key ? { ...entry, tus } : entry)));
  }

  private startNext(): void {
    const sending = this.entries.filter(({ item }) => item.state === 'sending').length;
    const next = this.entries.filter(({ item }) => item.state === 'waiting').slice(0, Math.max(0, AT_ONCE - sending));
    for (const entry of next) {
      this.change(entry.item.key, { state: 'sending' });
      void this.send(entry);
    }
  }

  private async send(entry: Entry): Promise<void> {
    const { key } = entry.item;
    try {
      if (entry.tus) {
        entry.pace.begin();
        entry.tus.start();
        return;
      }
      const upload = await this.beginOnce(entry);
      // It may have been paused, gone on, or given up, while the server was asked.
      const now = this.find(key);
      if (now && !now.tus) this.run(now, upload);
    } catch (error) {
      this.fail(key, error);
    }
  }

  private beginOnce(entry: Entry): Promise<Schemas['Upload']> {
    const { key } = entry.item;
    const begun = this.beginnings.get(key) ?? this.begin(entry).finally(() => this.beginnings.delete(key));
    this.beginnings.set(key, begun);
    return begun;
  }

  /** The upload that this file was begun as in this browser, if it can go on; else a new one. */
  private async begin({ item: { key }, file, job }: Entry): Promise<Schemas['Upload']> {
    const known = this.known(key, file);
    if (known) {
      this.ids.set(key, known);
      const { data } = await http.GET('/api/v1/uploads/{upload_id}', { params: { path: { upload_id: known } } });
      if (data?.status === 'uploading') return data;
      forgetFile(known);
    }
    const { data, error } = await http.POST('/api/v1/uploads', {
      body: { name: file.name, size_bytes: file.size, job } as never,
    });
    if (!data) throw error;
    const upload = data as Schemas['Upload'];
    rememberFile(upload.id, file);
    this.ids.set(key, upload.id);
    return upload;
  }

  /** The upload that a file was begun as, where that is not on its way already; else empty. */
  private known(key: number, file: File): string {
    const id = uploadOf(file);
    return [...this.ids].some(([other, taken]) => other !== key && taken === id) ? '' : id;
  }

  private run({ item: { key, state }, file, pace }: Entry, upload: Schemas['Upload']): void {
    const tus = new Tus(file, {
      uploadUrl: pathOf(upload.url),
      headers: organizationHeader(),
      retryDelays: RETRY_MS,
      storeFingerprintForResuming: false,
      onProgress: (sentBytes) => this.change(key, { sentBytes, speed: pace.at(sentBytes) }),
      onError: (error) => this.fail(key, error),
      onSuccess: () => void this.end(key, upload.id),
    });
    this.put(key, tus);
    if (state !== 'sending') return;
    pace.begin();
    tus.start();
  }

  private async end(key: number, uploadId: string): Promise<void> {
    forgetFile(uploadId);
    this.ids.delete(key);
    const path = { params: { path: { upload_id: uploadId } } };
    const { data } = await http.GET('/api/v1/uploads/{upload_id}', path).catch(() => ({ data: undefined }));
    const sizeBytes = this.find(key)?.item.sizeBytes ?? 0;
    this.change(key, { state: 'done', sentBytes: sizeBytes, speed: 0, assetId: data?.asset_id ?? null });
    this.startNext();
  }

  private fail(key: number, error: unknown): void {
    const id = this.ids.get(key);
    if (id && isGone(error)) {
      // To try it again is to begin anew.
      forgetFile(id);
      this.ids.delete(key);
      this.put(key, null);
    }
    this.change(key, { state: 'failed', speed: 0, problem: reason(error) });
    this.startNext();
  }
}

/** Whether the server has the upload no more. */
function isGone(error: unknown): boolean {
  const status = (error as { originalResponse?: { getStatus(): number } | null }).originalResponse?.getStatus?.();
  return status === 404 || status === 410;
}

/** Why it failed, in the server's words where it had any. */
function reason(error: unknown): string {
  const body = (error as { originalResponse?: { getBody(): string } | null }).originalResponse?.getBody();
  if (body) {
    try {
      return told(JSON.parse(body)).detail;
    } catch {
      return 'The server’s answer can’t be read. Try again.';
    }
  }
  const unreachable = error instanceof Error && 'originalRequest' in error;
  return unreachable ? 'The server can’t be reached. Try again.' : told(error).detail;
}

/** The one queue of this page. */
export const uploads = new UploadQueue();

window.addEventListener('beforeunload', (event) => {
  if (uploads.isBusy()) event.preventDefault();
});
