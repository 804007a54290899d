import { describe, expect, it, vi } from 'vitest';
import { commandIn } from './messages';
import { parseTime, placeOf, playerOptions } from './query';
import { embedCode, linkAt, ShareDialog } from './share';
import { approximately, clock, sizeInWords } from './words';

describe('placeOf', () => {
  it('tells the page from the embed', () => {
    expect(placeOf('/watch/abc')).toEqual({ playbackId: 'abc', embedded: false });
    expect(placeOf('/embed/a%20b/')).toEqual({ playbackId: 'a b', embedded: true });
    expect(() => placeOf('/watch/')).toThrow();
    expect(() => placeOf('/dashboard')).toThrow();
  });
});

describe('playerOptions', () => {
  it('is off by default', () => {
    expect(playerOptions('', false)).toEqual({
      startS: 0,
      autoplay: false,
      muted: false,
      loop: false,
      capToSize: false,
    });
  });

  it('reads switches with and without a value', () => {
    expect(playerOptions('?start=12.5&autoplay&muted=1&loop=TRUE', true)).toEqual({
      startS: 12.5,
      autoplay: true,
      muted: true,
      loop: true,
      capToSize: true,
    });
    expect(playerOptions('?autoplay=0&muted=false&loop=no', false)).toMatchObject({
      autoplay: false,
      muted: false,
      loop: false,
    });
  });

  it.each([
    ['90', 90],
    ['1:30', 90],
    ['1:02:03.5', 3_723.5],
    ['1h2m3s', 3_723],
    ['2m', 120],
    ['', 0],
    ['soon', 0],
    ['-5', 0],
  ])('reads the time %s as %d s', (text, seconds) => {
    expect(parseTime(text)).toBe(seconds);
  });
});

describe('commandIn', () => {
  it('knows our commands and nothing else', () => {
    expect(commandIn({ vidcompute: 'play' })).toEqual({ kind: 'play' });
    expect(commandIn({ vidcompute: 'seek', time: 3 })).toEqual({ kind: 'seek', timeS: 3 });
    for (const data of [
      null,
      'play',
      {},
      { vidcompute: 'seek' },
      { vidcompute: 'seek', time: Number.NaN },
      { vidcompute: 'toString' },
    ]) {
      expect(commandIn(data)).toBeNull();
    }
  });
});

describe('sharing', () => {
  it('links to a time, in whole seconds', () => {
    expect(linkAt('https://v.example/watch/abc?start=3', 61.9)).toBe('https://v.example/watch/abc?start=61');
    expect(linkAt('https://v.example/watch/abc?start=3', null)).toBe('https://v.example/watch/abc');
  });

  it('escapes a title in the code to embed', () => {
    const code = embedCode('https://v.example/embed/abc', 640, 360, '"><script>alert(1)</script>');
    const template = document.createElement('template');
    template.innerHTML = code;
    expect(template.content.querySelector('script')).toBeNull();
    expect(template.content.querySelector('iframe')?.title).toBe('"><script>alert(1)</script>');
  });
});

describe('the share dialog', () => {
  it('says that it copied, and is as before after a while, however often one presses', async () => {
    vi.useFakeTimers();
    const dialog = document.createElement('dialog');
    dialog.innerHTML =
      '<input id="share-from" type="checkbox"><input id="share-link"><button data-copies="share-link">Copy</button>';
    vi.spyOn(navigator.clipboard, 'writeText').mockResolvedValue();
    new ShareDialog(dialog, () => ({ watchUrl: '', embedUrl: '', title: '', width: 1, height: 1, timeS: 0 }));
    const button = dialog.querySelector('button');
    for (let presses = 0; presses < 2; presses += 1) {
      button?.click();
      await vi.advanceTimersByTimeAsync(1_000);
      expect(button?.textContent).toBe('Copied');
    }
    await vi.advanceTimersByTimeAsync(600);
    expect(button?.textContent).toBe('Copy');
  });
});

describe('words', () => {
  it('shows a clock', () => {
    expect([0, 7_400, 754_000, 3_723_000].map(clock)).toEqual(['0:00', '0:07', '12:34', '1:02:03']);
  });

  it('says a time as people do', () => {
    expect([2, 22, 58, 130, 3_600, 9_000].map(approximately)).toEqual([
      'a few seconds',
      'about 20 seconds',
      'about a minute',
      'about 2 minutes',
      'about an hour',
      'about 3 hours',
    ]);
  });

  it('names a size by its short side', () => {
    expect([sizeInWords(1_920, 1_080), sizeInWords(608, 1_080), sizeInWords(3_840, 2_160)]).toEqual([
      '1080p',
      '608p',
      '4K',
    ]);
  });
});
