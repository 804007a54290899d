import { cleanup, configure } from '@testing-library/react';
import { twMerge } from 'tailwind-merge';
import { afterEach, vi } from 'vitest';

// How long something takes to come says how busy the machine is, and nothing of what is tested.
configure({ asyncUtilTimeout: 10_000 });

const HEIGHT_PX = 800;
const WIDTH_PX = 1_200;

// There is no layout here, and what is made of the rows that can be seen wants to know how much that is.
Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => HEIGHT_PX });
Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, get: () => WIDTH_PX });

// Of two names that say the same, the style sheet says which counts, and nobody who reads them: no component has such.
vi.mock('../ui/cn', async (original) => {
  const { cn } = await original<typeof import('../ui/cn')>();
  const checked: typeof cn = (...classes) => {
    const names = cn(...classes);
    const kept = twMerge(names);
    if (kept !== names) throw new Error(`of these names some say the same: ${names} (one is enough: ${kept})`);
    return names;
  };
  return { cn: checked };
});

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  localStorage.clear();
  document.body.innerHTML = '';
});
