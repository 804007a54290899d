import { clock } from './words';

/** The HTML that shows the player in another page. */
export function embedCode(embedUrl: string, width: number, height: number, title: string): string {
  const escaped = title.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;');
  return (
    `<iframe src="${embedUrl}" title="${escaped}" width="${width}" height="${height}" ` +
    'style="aspect-ratio:' +
    `${width}/${height};width:100%;height:auto;border:0" allow="autoplay; fullscreen; picture-in-picture" allowfullscreen></iframe>`
  );
}

/** An address with the time to start at; whole seconds. */
export function linkAt(watchUrl: string, seconds: number | null): string {
  const url = new URL(watchUrl);
  url.searchParams.delete('start');
  if (seconds !== null && seconds >= 1) url.searchParams.set('start', `${Math.floor(seconds)}`);
  return url.href;
}

/** What the share dialog needs to know when it opens. */
export interface Shared {
  watchUrl: string;
  embedUrl: string;
  title: string;
  width: number;
  height: number;
  timeS: number;
}

const COPIED_MS = 1_500;

/** The dialog with the link and the code to embed. */
export class ShareDialog {
  private readonly timers = new Map<HTMLButtonElement, number>();

  constructor(
    private readonly dialog: HTMLDialogElement,
    private readonly shared: () => Shared,
  ) {
    this.part<HTMLInputElement>('#share-from').addEventListener('change', () => this.fill());
    for (const button of dialog.querySelectorAll<HTMLButtonElement>('button[data-copies]')) {
      button.addEventListener('click', () => void this.copy(button));
    }
  }

  open(): void {
    this.fill();
    this.dialog.showModal();
    this.part<HTMLInputElement>('#share-link').select();
  }

  private part<T extends HTMLElement>(selector: string): T {
    const found = this.dialog.querySelector<T>(selector);
    if (!found) throw new Error(`the share dialog has no ${selector}`);
    return found;
  }

  private fill(): void {
    const { watchUrl, embedUrl, title, width, height, timeS } = this.shared();
    const from = this.part<HTMLInputElement>('#share-from').checked;
    this.part('#share-time').textContent = clock(timeS * 1_000);
    this.part<HTMLInputElement>('#share-link').value = linkAt(watchUrl, from ? timeS : null);
    this.part<HTMLTextAreaElement>('#share-code').value = embedCode(embedUrl, width, height, title);
  }

  private async copy(button: HTMLButtonElement): Promise<void> {
    const field = this.part<HTMLInputElement | HTMLTextAreaElement>(`#${button.dataset.copies}`);
    field.select();
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      // Without a secure context there is no clipboard: the text is selected, the person copies it.
      return;
    }
    button.textContent = 'Copied';
    window.clearTimeout(this.timers.get(button));
    const back = () => {
      button.textContent = 'Copy';
    };
    this.timers.set(button, window.setTimeout(back, COPIED_MS));
  }
}
