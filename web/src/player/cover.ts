/** What covers the picture while there is nothing to play. */
export interface Cover {
  kind: 'loading' | 'preparing' | 'error' | 'locked';
  heading: string;
  detail?: string;
  note?: string;
  /** 0 to 1; `null` while it isn't known. Left out: no bar. */
  progress?: number | null;
  pictureUrl?: string | null;
  action?: { label: string; run: () => void };
  /** Asks for a password. What `answer` returns is what is wrong with it, in words; `null` where it is right. */
  question?: { label: string; send: string; answer: (text: string) => Promise<string | null> };
}

const LOCK_ICON =
  '<svg viewBox="0 0 24 24"><path d="M7 10V7.5a5 5 0 0 1 10 0V10h.5A1.5 1.5 0 0 1 19 11.5v8a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 19.5v-8A1.5 1.5 0 0 1 6.5 10H7Zm2 0h6V7.5a3 3 0 0 0-6 0V10Zm3 3.5a1.5 1.5 0 0 0-.75 2.8v1.7h1.5v-1.7a1.5 1.5 0 0 0-.75-2.8Z"/></svg>';
const ERROR_ICON =
  '<svg viewBox="0 0 24 24"><path d="M12 3.5 2.6 19.6a.9.9 0 0 0 .8 1.4h17.2a.9.9 0 0 0 .8-1.4L12 3.5Zm-.9 6.4h1.8v5.2h-1.8V9.9Zm.9 8.5a1.1 1.1 0 1 1 0-2.2 1.1 1.1 0 0 1 0 2.2Z"/></svg>';

const ICONS: Partial<Record<Cover['kind'], string>> = { error: ERROR_ICON, locked: LOCK_ICON };

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
    find(this.root, '.vc-cover-icon').innerHTML = ICONS[cover.kind] ?? '';
    this.text('.vc-cover-heading', cover.heading);
    this.text('.vc-cover-detail', cover.detail);
    this.text('.vc-cover-note', cover.note);
    this.picture(cover.pictureUrl ?? null);
    this.bar(cover.progress);
    this.action(cover.action);
    this.question(cover.question);
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

  private question(question: Cover['question']): void {
    const form = find<HTMLFormElement>(this.root, '.vc-cover-question');
    const field = find<HTMLInputElement>(form, 'input');
    const send = find<HTMLButtonElement>(form, 'button');
    form.hidden = !question;
    form.onsubmit = null;
    if (!question) return;
    field.setAttribute('aria-label', question.label);
    field.placeholder = question.label;
    send.textContent = question.send;
    form.onsubmit = (event) => {
      event.preventDefault();
      send.disabled = true;
      void question.answer(field.value).then((wrong) => {
        send.disabled = false;
        this.text('.vc-cover-note', wrong ?? undefined);
        if (wrong !== null) field.select();
      });
    };
  }

  private action(action: Cover['action']): void {
    const button = find<HTMLButtonElement>(this.root, '.vc-cover-action');
    button.hidden = !action;
    button.textContent = action?.label ?? '';
    button.onclick = action ? () => action.run() : null;
  }
}
