import { cleanup } from '@testing-library/react';
import { afterEach, vi } from 'vitest';

const HEIGHT_PX = 800;
const WIDTH_PX = 1_200;

// There is no layout here, and what is made of the rows that can be seen wants to know how much that is.
Object.defineProperty(HTMLElement.prototype, 'clientHeight', { configurable: true, get: () => HEIGHT_PX });
Object.defineProperty(HTMLElement.prototype, 'clientWidth', { configurable: true, get: () => WIDTH_PX });

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
  vi.useRealTimers();
  localStorage.clear();
  document.body.innerHTML = '';
});
