/** What covers the picture while there is nothing to play. */
export interface Cover {
  kind: 'loading' | 'preparing' | 'error';
  heading: string;
  detail?: string;
  note?: string;
  /** 0 to 1; `null` while it isn't known. Left out: no bar. */
  progress?: number | null;
  pictureUrl?: string | null;
  action?: { label: string; run: () => void };
}

const ERROR_ICON =
  '<svg viewBox="0 0 24 24"><path d="M12 3.5 2.6 19.6a.9.9 0 0 0 .8 1.4h17.2a.9.9 0 0 0 .8-1.4L12 3.5Zm-.9 6.4h1.8v5.2h-1.8V9.9Zm.9 8.5a1.1 1.1 0 1 1 0-2.2 1.1 1.1 0 0 1 0 2.2Z"/></svg>';

function find<T extends Element>(root: Element, selector: string): T {
  const found = root.querySelector<T>(selector);
  if (!found) throw new Error(`the player's markup has no ${selector}`);
  return found;
}

/** Shows a cover over the picture, or takes it away. */
export class CoverView {
  private readonly root: HTMLElement;

  constructor(player: HTMLElement) {
    this.root = find(player, '.vc-cover');
  }

  hide(): void {
    this.root.hidden = true;
  }

  show(cover: Cover): void {
    this.root.hidden = false;
    this.root.dataset.kind = cover.kind;
    find(this.root, '.vc-cover-icon').innerHTML = cover.kind === 'error' ? ERROR_ICON : '';
    this.text('.vc-cover-heading', cover.heading);
    this.text('.vc-cover-detail', cover.detail);
    this.text('.vc-cover-note', cover.note);
    this.picture(cover.pictureUrl ?? null);
    this.bar(cover.progress);
    this.action(cover.action);
  }

  private text(selector: string, text: string | undefined): void {
    const element = find<HTMLElement>(this.root, selector);
    if (element.textContent !== (text ?? '')) element.textContent = text ?? '';
    element.hidden = !text;
  }

  private picture(url: string | null): void {
    const image = find<HTMLImageElement>(this.root, '.vc-cover-picture');
    if (url && image.getAttribute('src') !== url) {
      image.onload = () => {
        image.hidden = false;
      };
      image.onerror = () => {
        image.hidden = true;
      };
      image.src = url;
    }
    if (!url) image.hidden = true;
  }

  private bar(progress: number | null | undefined): void {
    const bar = find<HTMLElement>(this.root, '.vc-progress');
    bar.hidden = progress === undefined;
    bar.classList.toggle('vc-unknown', progress === null);
    if (typeof progress === 'number') {
      const percent = Math.round(Math.min(Math.max(progress, 0), 1) * 100);
      bar.setAttribute('aria-valuenow', `${percent}`);
      find<HTMLElement>(bar, '.vc-progress-bar').style.width = `${percent}%`;
    } else {
      bar.removeAttribute('aria-valuenow');
      find<HTMLElement>(bar, '.vc-progress-bar').style.removeProperty('width');
    }
  }

  private action(action: Cover['action']): void {
    const button = find<HTMLButtonElement>(this.root, '.vc-cover-action');
    button.hidden = !action;
    button.textContent = action?.label ?? '';
    button.onclick = action ? () => action.run() : null;
  }
}
